"""What must hold after any number of kills, compared with a run that nothing disturbed."""

from collections import Counter, defaultdict
from typing import Any

from tests.support.scene import Scene, roots
from tests.support.sink import Received


def compared(post: dict[str, Any], keys: dict[str, str]) -> tuple[Any, ...]:
    """What of a listed post must not depend on kills; incidents by key, for their ids are made anew in each store."""
    return post["revision"], post["kind"], keys.get(post["incident"], post["incident"]), bool(post["reason"])


def posts_by_identity(scene: Scene, incidents: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    keys = {incident["id"]: incident["key"] for incident in incidents}
    listed = scene.posts()
    found = {(post["brand"], post["id"]): compared(post, keys) for post in listed}
    assert len(found) == len(listed), "a post stands in the list twice"
    unexplained = [post for post in listed if not post["incident"] and not post["reason"]]
    assert not unexplained, f"neither an incident nor a reason for none: {unexplained[:3]}"
    return found


def assert_same_outcome(disturbed: Scene, undisturbed: Scene) -> list[dict[str, Any]]:
    """Posts, root incidents and bursts by brand are the same; returns the incidents of the disturbed one."""
    ours, theirs = disturbed.incidents(), undisturbed.incidents()
    assert posts_by_identity(disturbed, ours) == posts_by_identity(undisturbed, theirs)
    assert roots(ours) == roots(theirs)
    bursts = [Counter(row["brand"] for row in rows if row["scope"] == "burst") for rows in (ours, theirs)]
    assert bursts[0] == bursts[1]
    return ours


def distinct(delivered: list[Received]) -> dict[str, Received]:
    """One delivery for each idempotency key (that its body never changes is the sink's own judgement)."""
    return {request.key: request for request in delivered}


def assert_told_once(incidents: list[dict[str, Any]], delivered: list[Received], *, repeats_allowed: int) -> None:
    """Each incident has one `first`, and its posts are told once each, listed or counted."""
    repeats = len(delivered) - len(distinct(delivered))
    assert repeats <= repeats_allowed, f"{repeats} deliveries came again, {repeats_allowed} kills"
    by_incident: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for request in distinct(delivered).values():
        by_incident[request.json["incident"]["id"]].append(request.json)
    for incident in incidents:
        told = by_incident.pop(incident["id"], [])
        if incident["status"] == "merged" and not told:
            continue
        reasons = Counter(payload["reason"] for payload in told)
        assert reasons["first"] == 1, (incident["key"], reasons)
        assert_posts_told(incident, told)
    assert not by_incident, f"told of incidents that don't exist: {list(by_incident)}"


def assert_posts_told(incident: dict[str, Any], told: list[dict[str, Any]]) -> None:
    """Every post was listed or counted; a second time only if it was edited after the first."""
    listed = Counter(post["id"] for payload in told for post in payload["posts"])
    revisions = {post["id"]: post["revision"] for post in incident["posts"]}
    again = {post: times for post, times in listed.items() if times > 1 + revisions.get(post, 0)}
    assert not again, f"{incident['key']}: told again without a new revision: {again}"
    if incident["scope"] == "burst":
        return  # it owns no posts
    counted = sum(payload["more"]["posts"] for payload in told)
    assert listed.keys() <= revisions.keys(), incident["key"]
    missing = len(revisions) - len(listed) - counted
    assert missing <= 0, f"{incident['key']}: {missing} posts were never told"
    assert missing == 0 or any(revisions.values()), f"{incident['key']}: {-missing} posts were told too many"
