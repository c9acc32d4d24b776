"""A rehearsal by its own clock: what would have gone, when, and that all of it ends."""

from datetime import timedelta
from typing import Any

from config.brands import Brand
from config.routes import Match, Policy, Receiver, Route, Throttle
from config.steps import Escalation, Tell, Wait
from tests.workers.incidents.scene import arrival, at, ms
from workers.dispatcher.rehearsal import Rehearsal

NIGHT = Escalation("night", (Tell(("desk",)), Wait(timedelta(minutes=5)), Tell(("pager",))), repeat=3)
BRANDS = (Brand(name="Acme", id="acme", keywords=("Acme",), burst={"authors": 20, "within": "10m"}),)


def policy(throttle: Throttle | None = None, **root: Any) -> Policy:
    receivers = {n: Receiver(n, "console", throttle=throttle if n == "desk" else None) for n in ("desk", "pager")}
    grave = Route(("desk",), match=Match(severity=frozenset({"high"})), escalation=NIGHT, **root)
    return Policy(receivers, Route(("desk",), routes=(grave,), **root))


async def rehearse(policy: Policy, *batches: list[Any]) -> tuple[Rehearsal, list[tuple[str, str, float]]]:
    """The rehearsal, and what would have gone: receiver, reason, seconds after the start."""
    rehearsal = Rehearsal(policy, BRANDS)
    await rehearsal.prepare()
    for batch in batches:
        await rehearsal.arrive(batch, batch[-1].created_at)
    await rehearsal.pass_time()
    rehearsal.close()
    return rehearsal, [(s.receiver, s.reason, (s.at - ms(at())) / 1000) for s in rehearsal.sent]


async def test_nobody_acknowledges_and_all_resolves_after_its_quiet() -> None:
    hours = timedelta(hours=6)
    _, sent = await rehearse(policy(resolve_after=hours), [arrival(severity="high")])
    assert sent == [
        ("desk", "first", 30.0),
        ("pager", "escalation", 300.0),  # once, though the escalation repeats
        ("desk", "repeat", 4 * 3600 + 30.0),
        ("pager", "repeat", 4 * 3600 + 300.0),
        ("desk", "all_resolved", 6 * 3600.0),
        ("pager", "all_resolved", 6 * 3600.0),
    ]


async def test_a_burst_resolves_when_it_ends_and_merged_ones_say_nothing() -> None:
    crowd = [[arrival(created=at(n))] for n in range(25)]
    rehearsal, sent = await rehearse(policy(repeat_interval=timedelta(days=9)), *crowd)
    assert (rehearsal.opened, rehearsal.bursts) == (26, 1)
    assert sent[0] == ("desk", "first", 19.0)
    assert sent[-1][:2] == ("pager", "all_resolved")
    assert sent[-1][2] == 11 * 60.0  # ten minutes after the rule last held
    assert {s.incident.scope for s in rehearsal.sent} == {"burst"}


async def test_a_throttle_bundles_as_it_would() -> None:
    one_an_hour = Throttle(1, timedelta(hours=1))
    four = [arrival(created=at(n)) for n in range(4)]
    _, sent = await rehearse(policy(one_an_hour, repeat_interval=timedelta(days=9)), *[[one] for one in four])
    firsts = [moment for _, reason, moment in sent if reason == "first"]
    assert firsts == [30.0, 3630.0]  # the second carries the other two


async def test_policies_side_by_side_do_not_touch_each_other() -> None:
    marks = [[arrival(severity="high")]]
    _, one = await rehearse(policy(), *marks)
    _, other = await rehearse(policy(repeat_interval=timedelta(days=9)), *marks)
    assert len(one) > len(other)
    assert [s for s in other if s[1] == "escalation"] == [("pager", "escalation", 300.0)]
