"""Decisions as tables and short timelines: at a time this happens, so that is wanted."""

from datetime import timedelta
from typing import Any

import pytest

from config.routes import Match, Route
from schemas.mark import INFLUENCES, SEVERITIES
from tests.workers.incidents.scene import START, ms, policy
from workers.incidents.decide import (
    acknowledge,
    may_merge,
    merge,
    posts_arrived,
    resolve,
    sent,
    still_wanted,
    time_passed,
)
from workers.incidents.model import Decision, Incident, Notify, Post, Scheduled, Told

T0 = ms(START)
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000


def post(severity: str = "medium", kind: str = "complaint", influence: str = "none", **changed: Any) -> Post:
    values: dict[str, Any] = {
        "brand": "acme", "id": "1", "revision": 0, "kind": kind, "severity": SEVERITIES.index(severity),
        "influence": INFLUENCES.index(influence), "lang": "ja", "created_at": T0, "arrival": 1, "author": "u",
        "username": "u", "root": "90", "incident": "i", "reason": "", "reasons": ["says: 壊れた"], "late": False,
        "trace": None,
        "sample": False,
    }  # fmt: skip
    return Post(**values | changed)


def incident(severity: str = "medium", **changed: Any) -> Incident:
    values: dict[str, Any] = {
        "id": "i", "key": "acme/care/90", "scope": "root", "brand": "acme", "desk": "care", "kind": "complaint",
        "severity": SEVERITIES.index(severity), "influence": 0, "status": "firing", "opened_at": T0, "updated_at": T0,
        "last_post_at": T0, "event_at": T0, "post_count": 1, "author_count": 1, "reasons": ["says: 壊れた"],
    }  # fmt: skip
    return Incident(**values | changed)


def wanted(decision: Decision) -> list[tuple[str, str, int]]:
    return [(n.receiver, n.reason, n.due_at - T0) for n in decision.notify]


def told(at: int = 0, severity: str = "medium") -> dict[str, Told]:
    return {"desk": Told(T0 + at, 1, SEVERITIES.index(severity))}


@pytest.mark.parametrize(
    ("before", "arrives", "at", "want"),
    [
        ({"updated_at": 0}, post(), 0, [("desk", "first", 30 * SECOND)]),
        ({"updated_at": 0}, post("critical"), 0, [("desk", "first", 0)]),  # critical skips group_wait
        ({"scheduled": {"desk": Scheduled("n", "first", T0 + 30 * SECOND)}}, post(), 5 * SECOND, []),  # it waits
        (
            {"scheduled": {"desk": Scheduled("n", "first", T0 + 30 * SECOND)}},
            post("critical"),
            5 * SECOND,
            [("desk", "first", 5 * SECOND)],
        ),
        ({"told": told()}, post(), MINUTE, [("desk", "new_posts", 5 * MINUTE)]),
        ({"told": told()}, post(), HOUR, [("desk", "new_posts", HOUR)]),  # the interval is long over
        ({"told": told()}, post("high"), MINUTE, [("desk", "severity_rose", MINUTE)]),
        (
            {"told": told(), "scheduled": {"desk": Scheduled("n", "repeat", T0 + 4 * HOUR)}},
            post(),
            MINUTE,
            [("desk", "new_posts", 5 * MINUTE)],
        ),
        (
            {"told": told(), "scheduled": {"desk": Scheduled("n", "new_posts", T0 + 5 * MINUTE)}},
            post("high"),
            MINUTE,
            [("desk", "severity_rose", MINUTE)],
        ),
        ({"told": told(), "status": "resolved", "resolved_at": T0}, post(), HOUR, [("desk", "new_posts", HOUR)]),
        (
            {"told": told(), "status": "resolved", "resolved_at": T0,
             "scheduled": {"desk": Scheduled("n", "all_resolved", T0)}},
            post(),
            SECOND,
            [("desk", "new_posts", SECOND)],
        ),
        (
            {"told": told(), "status": "acknowledged", "acknowledged_until": T0 + HOUR},
            post(),
            MINUTE,
            [("desk", "new_posts", 5 * MINUTE)],
        ),
        # its burst is over: it is seen by itself again
        ({"status": "merged", "merged_into": "b"}, post(), MINUTE, [("desk", "first", MINUTE + 30 * SECOND)]),
        ({"scope": "burst", "updated_at": 0}, post(), 0, [("desk", "first", 0)]),
    ],
)  # fmt: skip
def test_posts_arrive(before: dict[str, Any], arrives: Post, at: int, want: list[tuple[str, str, int]]) -> None:
    assert wanted(posts_arrived(incident(**before), [arrives], [], policy(), T0 + at)) == want


@pytest.mark.parametrize(("severity", "tells"), [("medium", False), ("critical", True)])
def test_while_its_burst_is_open_a_merged_one_stays_merged_unless_it_turns_critical(severity: str, tells: bool) -> None:
    one = incident(status="merged", merged_into="b")
    burst = incident(id="b", scope="burst", spans=[(T0, T0)])
    decision = posts_arrived(one, [post(severity)], [], policy(), T0 + MINUTE, burst=burst)
    assert wanted(decision) == ([("desk", "first", MINUTE)] if tells else [])
    assert one.status == ("firing" if tells else "merged")


def test_a_higher_severity_ends_an_acknowledgement() -> None:
    one = incident(status="acknowledged", acknowledged_until=T0 + HOUR, acknowledged_by="mika", told=told())
    decision = posts_arrived(one, [post("high")], [], policy(), T0 + MINUTE)
    assert (one.status, one.acknowledged_until, one.acknowledged_by) == ("firing", None, None)
    assert [e.event for e in decision.events] == ["severity_rose", "unacknowledged"]


def test_routed_anew_when_the_severity_rises_and_who_was_told_stays() -> None:
    pager = Route(("pager",), match=Match(severity=frozenset({"high", "critical"})))
    tree = policy(receivers=("desk",), routes=(pager,))
    one = incident(severity="low", told=told(severity="low"))
    decision = posts_arrived(one, [post("high")], [], tree, T0 + MINUTE)
    assert wanted(decision) == [("pager", "first", 90 * SECOND), ("desk", "severity_rose", MINUTE)]


def test_routed_anew_before_anybody_was_told_leaves_the_old_route() -> None:
    pager = Route(("pager",), match=Match(severity=frozenset({"high"})))
    one = incident(severity="low", scheduled={"desk": Scheduled("n", "first", T0 + 30 * SECOND)})
    decision = posts_arrived(one, [post("high")], [], policy(receivers=("desk",), routes=(pager,)), T0 + SECOND)
    assert wanted(decision) == [("pager", "first", 31 * SECOND)]
    assert "no route" in decision.cancel["desk"]


@pytest.mark.parametrize(
    ("changed", "merges"),
    [
        ({}, True),
        ({"severity": "critical"}, False),
        ({"influence": 2}, False),
        ({"kind": "question"}, False),
        ({"status": "acknowledged"}, False),
        ({"event_at": T0 + HOUR}, False),
        ({"scope": "burst"}, False),
    ],
)
def test_what_goes_into_a_burst(changed: dict[str, Any], merges: bool) -> None:
    burst = incident(id="b", scope="burst", spans=[(T0 - MINUTE, T0 + MINUTE)])
    assert may_merge(incident(**changed), burst) is merges
    burst.status = "resolved"
    assert not may_merge(incident(**changed), burst)


def test_merging_cancels_what_was_pending_with_the_reason() -> None:
    one = incident(scheduled={"desk": Scheduled("n", "first", T0)}, frozen={"mail": "first"})
    decision = Decision()
    merge(one, incident(id="b", scope="burst"), decision)
    assert (one.status, one.merged_into) == ("merged", "b")
    assert decision.cancel == {"desk": "merged into the burst b of acme"}
    assert decision.withdraw == {"mail": "merged into the burst b of acme"}


class TestAcknowledge:
    def test_cancels_repeats_and_makes_frozen_ones_anew(self) -> None:
        one = incident(
            told=told(),
            scheduled={"desk": Scheduled("n", "repeat", T0 + HOUR), "mail": Scheduled("m", "first", T0 + SECOND)},
            frozen={"chat": "new_posts"},
        )  # fmt: skip
        decision = acknowledge(one, "mika", "", T0 + HOUR, policy(), T0 + MINUTE)
        assert (one.status, one.due_at) == ("acknowledged", T0 + HOUR - 5 * MINUTE)
        assert list(decision.cancel) == ["desk"]
        assert list(decision.withdraw) == ["chat"]
        assert wanted(decision) == [("chat", "new_posts", MINUTE)]

    def test_reminds_before_its_end_then_ends(self) -> None:
        one = incident(told=told())
        acknowledge(one, "mika", "", T0 + 30 * MINUTE, policy(), T0)
        assert wanted(time_passed(one, policy(), T0 + 25 * MINUTE)) == [("desk", "reminder", 25 * MINUTE)]
        assert (one.status, one.due_at) == ("acknowledged", T0 + 30 * MINUTE)
        decision = time_passed(one, policy(), T0 + 30 * MINUTE)
        assert wanted(decision) == [("desk", "reminder", 30 * MINUTE)]
        assert (one.status, [e.event for e in decision.events]) == ("firing", ["unacknowledged"])


class TestResolve:
    def test_everybody_who_was_told_is_told_so_and_nobody_else(self) -> None:
        one = incident(
            told=told(), scheduled={"desk": Scheduled("n", "repeat", T0), "mail": Scheduled("n", "first", T0)}
        )
        decision = resolve(one, "mika", "answered", T0 + HOUR)
        assert wanted(decision) == [("desk", "all_resolved", HOUR)]
        assert list(decision.cancel) == ["mail"]

    @pytest.mark.parametrize(
        ("severity", "status", "ends"),
        [("medium", "firing", True), ("high", "firing", False), ("critical", "firing", False),
         ("high", "acknowledged", True)],
    )  # fmt: skip
    def test_quiet_resolves_but_never_an_unacknowledged_high_or_critical(
        self, severity: str, status: str, ends: bool
    ) -> None:
        one = incident(severity=severity, status=status, acknowledged_until=T0 + 48 * HOUR, acknowledged_by="mika")
        time_passed(one, policy(), T0 + 24 * HOUR)
        assert (one.status == "resolved") is ends


@pytest.mark.parametrize(
    ("changed", "reason", "want"),
    [
        ({}, "first", [("desk", "repeat", 4 * HOUR)]),
        ({"status": "acknowledged"}, "first", []),
        ({"status": "resolved"}, "all_resolved", []),
        ({"status": "resolved"}, "first", [("desk", "all_resolved", 0)]),  # resolved while it was under way
        ({"scheduled": {"desk": Scheduled("n", "new_posts", T0 + MINUTE)}}, "first", []),
        # posts that came while the first was under way
        ({"scheduled": {"desk": Scheduled("n", "first", T0)}}, "first", [("desk", "new_posts", 5 * MINUTE)]),
    ],
)
def test_what_follows_a_delivery(changed: dict[str, Any], reason: Any, want: list[tuple[str, str, int]]) -> None:
    assert wanted(sent(incident(**changed), "desk", reason, policy(), T0)) == want


@pytest.mark.parametrize(
    ("status", "reason", "new_posts", "still"),
    [
        ("firing", "first", 1, True), ("firing", "first", 0, False), ("merged", "first", 1, False),
        ("resolved", "new_posts", 1, False), ("resolved", "all_resolved", 0, True),
        ("firing", "all_resolved", 0, False), ("acknowledged", "repeat", 0, False), ("firing", "repeat", 0, True),
        ("acknowledged", "new_posts", 1, True), ("firing", "severity_rose", 0, False),
    ],
)  # fmt: skip
def test_looked_at_again_when_due(status: str, reason: Any, new_posts: int, still: bool) -> None:
    one = incident(status=status, told=told(severity="high"))
    assert (still_wanted(one, "desk", reason, new_posts) is None) is still


def test_every_notification_says_why() -> None:
    decision = posts_arrived(incident(updated_at=0), [post("high")], [], policy(), T0)
    assert decision.notify == [Notify("desk", "first", T0 + 30 * SECOND, "complaint, severity high")]


def test_no_wait_of_the_policy_is_lost_in_rounding() -> None:
    decision = posts_arrived(incident(updated_at=0), [post()], [], policy(group_wait=timedelta(milliseconds=250)), T0)
    assert wanted(decision) == [("desk", "first", 250)]
