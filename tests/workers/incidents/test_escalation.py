"""Escalations as timelines: who is told when, until somebody has taken the incident."""

from tests.workers.incidents.scene import arrival
from tests.workers.incidents.timeline import Timeline, by_hand, posts
from workers.incidents import change
from workers.store import Store

ROUTES = """\
receivers: [{name: desk, console: {}}, {name: pager, console: {}}, {name: lead, console: {}}]
escalations:
  night: [{notify: desk}, {wait: 5m}, {notify: pager}, {wait: 5m}, {repeat: 2}]
route:
  receivers: [desk]
  group_wait: 30s
  routes:
    - {match: {severity: [high, critical]}, escalation: night}
"""


async def test_until_nobody_is_left(store: Store) -> None:
    """The desk's `first` counts as its step, in each round; the pager is told in each. Then the repeats go on."""
    story = Timeline(store, ROUTES)
    story.at("0s", posts(arrival(id="90", severity="high")))
    story.between("30s", "31s", "desk", "first")
    story.between("5m", "5m1s", "pager", "escalation", posts__count=1)
    story.between("15m", "15m1s", "pager", "escalation")
    story.between("25m", "25m1s", "pager", "escalation")
    story.between("4h30s", "4h31s", "desk", "repeat")
    story.between("4h25m", "4h25m1s", "pager", "repeat")
    await story.play("5h")
    assert [e for e in await story.events("acme/care/90") if e.startswith("escalat")] == [
        "escalation_started", "escalation_step", "escalated",
        "escalation_repeated", "escalation_step", "escalated",
        "escalation_repeated", "escalation_step", "escalated", "escalation_ended",
    ]  # fmt: skip


async def test_an_acknowledgement_stops_it(store: Store) -> None:
    story = Timeline(store, ROUTES)
    story.at("0s", posts(arrival(id="90", severity="high")))
    story.between("30s", "31s", "desk", "first")
    story.at("4m59s", by_hand(change.acknowledge, "acme/care/90"))
    story.between("29m59s", "30m", "desk", "reminder")
    story.between("34m59s", "35m", "desk", "reminder", incident__status="firing")
    story.between("35m", "35m2s", "pager", "escalation")  # the second that was left of the wait
    await story.play("40m")
