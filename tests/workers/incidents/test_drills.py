"""Drills, as timelines: a test page, whether it was acknowledged, who hears if not; and steps that choose."""

import pytest

from tests.workers.incidents.scene import arrival, at
from tests.workers.incidents.timeline import Timeline, by_hand, new_routes, posts
from workers.incidents import change
from workers.store import Store

DRILL = """\
receivers: [{name: desk, console: {}}, {name: pager, console: {}}, {name: ops, console: {}}]
escalations: {night: [{notify: pager}, {wait: 5m}, {notify: desk}]}
route: {receivers: [desk], timezone: Asia/Tokyo}
ops: {receivers: [ops]}
drills: [{name: weekly, at: "13:00", weekdays: tue, escalation: night, within: 15m}]
"""
KEY = "_drill/care/weekly"


async def test_a_drill_that_is_acknowledged_is_over(store: Store) -> None:
    story = Timeline(store, DRILL)  # Tuesday, noon in Tokyo
    story.between("1h", "1h1s", "pager", "escalation", incident__key=KEY, sample=True, posts__count=0)
    story.at("1h2m", by_hand(change.acknowledge, KEY))
    story.between("1h2m", "1h2m2s", "pager", "all_resolved", incident__key=KEY)
    await story.play("3h", "one", "two")
    assert [event for event in await story.events(KEY) if event.startswith("drill")] == ["drill_passed"]


async def test_a_drill_that_nobody_acknowledges_is_told_to_ops(store: Store) -> None:
    story = Timeline(store, DRILL)
    story.between("1h", "1h1s", "pager", "escalation")
    story.between("1h5m", "1h5m2s", "desk", "escalation")
    story.at("1h15m", time_passes)
    for receiver in ("pager", "desk"):
        story.between("1h15m", "1h15m3s", receiver, "all_resolved")
    story.between("1h15m", "1h15m3s", "ops", "first")
    await story.play("3h")
    assert [event for event in await story.events(KEY) if event.startswith("drill")] == ["drill_missed"]


async def test_a_drill_that_is_taken_out_of_the_file(store: Store) -> None:
    story = Timeline(store, DRILL)
    story.between("1h", "1h1s", "pager", "escalation")
    story.at("1h1m", new_routes(DRILL.partition("drills:")[0]))
    story.between("1h1m", "1h1m2s", "pager", "all_resolved")
    await story.play("2h")


async def time_passes(_: Timeline) -> None:
    """Nothing happens but that it is looked at the clock."""


CHOICES = """\
receivers: [{name: desk, console: {}}, {name: pager, console: {}}, {name: ann, console: {}}, {name: ben, console: {}}]
rotas: {oncall: {members: [ann, ben], every: 1d, start: 2026-11-24 09:00}}
escalations:
  choices:
    - wait: 5m
    - {posts: 3, within: 5m, then: [{notify: pager}], else: [{notify: oncall}]}
    - wait: 5m
    - {during: {hours: "09:00-18:00"}, then: [{notify: ann}], else: [{notify: ben}]}
route: {receivers: [desk], timezone: Asia/Tokyo, escalation: choices, group_interval: 1d}
"""


@pytest.mark.parametrize(
    ("begins", "growing", "told"),
    [
        ("0s", False, ("ann", "ann")),  # noon: Ann is on duty
        ("0s", True, ("pager", "ann")),
        ("22h", False, ("ben", "ann")),  # ten in the morning of the next day: Ben is
        ("12h", False, ("ann", "ben")),  # midnight
    ],
)
async def test_steps_that_choose(store: Store, begins: str, growing: bool, told: tuple[str, str]) -> None:
    story = Timeline(store, CHOICES, begins=begins)
    created = at(hours={"0s": 0, "22h": 22, "12h": 12}[begins])
    story.at("0s", posts(arrival(id="90", created=created)))
    story.between("30s", "31s", "desk", "first")
    if growing:
        more = [arrival(conversation_id="90", created=at(minutes=3)) for _ in range(3)]
        story.at("3m", posts(*more))
    for moment, receiver in zip(("5m", "10m"), told, strict=True):
        story.between(moment, f"{int(moment[:-1]) * 60 + 1}s", receiver, "escalation")
    await story.play("30m")
