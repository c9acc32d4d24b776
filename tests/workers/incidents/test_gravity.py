"""How grave an incident is by its people and its spread: never less than its gravest post, never critical by them."""

import pytest

from schemas.mark import SEVERITIES
from tests.workers.incidents.scene import Scene, arrival, at
from workers.incidents.gravity import raise_by_reach
from workers.incidents.model import Incident
from workers.store import Store


@pytest.mark.parametrize(
    ("severity", "authors", "spread", "kind", "want", "why"),
    [
        ("low", 29, 499, "complaint", "low", None),
        ("low", 30, 0, "complaint", "medium", "この会話に30人が投稿"),
        ("low", 1, 500, "complaint", "medium", "リポストと引用: 500件"),
        ("medium", 100, 0, "complaint", "high", "この会話に100人が投稿"),
        ("high", 100_000, 100_000, "complaint", "high", None),
        ("critical", 1, 0, "complaint", "critical", None),
        ("none", 500, 9_000, "praise", "none", None),
    ],
)
def test_steps(severity: str, authors: int, spread: int, kind: str, want: str, why: str | None) -> None:
    incident = Incident(
        id="i", key="acme/care/1", scope="root", brand="acme", desk="care", kind=kind,  # type: ignore[arg-type]
        severity=SEVERITIES.index(severity), influence=0, status="firing", opened_at=0, updated_at=1, last_post_at=0,
        event_at=0, author_count=authors, spread=spread, reasons=["post"],
    )  # fmt: skip
    raise_by_reach(incident, "ja", 8)
    assert (SEVERITIES[incident.severity], incident.reasons) == (want, [why, "post"] if why else ["post"])


async def test_retweets_alone_make_it_graver_and_tell_at_once(store: Store) -> None:
    scene = Scene(store)
    await scene.arrive(arrival(id="90", severity="low"))
    incident = await scene.incident("acme/care/90")
    await scene.told(incident, "desk", at(1))
    await scene.arrive(*(arrival(retweet_of="90") for _ in range(499)), now=at(600))
    assert (await scene.incident("acme/care/90")).severity == 1
    await scene.arrive(arrival(retweet_of="90"), now=at(700))
    graver = await scene.incident("acme/care/90")
    assert (graver.severity, graver.reasons[0]) == (2, "retweets and quotes: 500")
    assert graver.last_post_at == incident.last_post_at  # nothing new is in it: its quiet goes on
    assert await scene.pending(incident.id) == [("desk", "severity_rose", 700.0)]
