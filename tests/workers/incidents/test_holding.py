"""What keeps notifications back, as timelines: silences, campaigns, inhibition, quiet hours, digests."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from tests.workers.incidents.scene import arrival, at
from tests.workers.incidents.timeline import Does, Timeline, by_hand, new_routes, posts
from workers.incidents import change, silences
from workers.incidents.silences import Covers
from workers.store import Store

ONE = """\
receivers: [{name: desk, console: {}}, {name: pager, console: {}}]
escalations: {night: [{wait: 10m}, {notify: pager}]}
route:
  receivers: [desk]
  routes:
    - {match: {severity: high}, escalation: night}
"""


def silence(duration: str = "1h", *, incident: str | None = None, **covers: str) -> Does:
    """Somebody adds a silence."""
    minutes = {"1h": 60, "10m": 10}[duration]

    async def do(story: Timeline) -> None:
        what = Covers(**covers, incident=await story.incident(incident) if incident else None)
        async with story.store.write() as connection:
            await silences.add(
                connection, story.store.dialect, story.policy, what, by="mika", reason="known", now=story.now,
                duration=timedelta(minutes=minutes),
            )  # fmt: skip

    return do


async def expire(story: Timeline) -> None:
    async with story.store.write() as connection:
        active = await silences.listed(connection, now=story.now)
        await silences.expire(
            connection, story.store.dialect, story.policy, [s.id for s in active], by="ken", reason="", now=story.now
        )


async def muted(story: Timeline, key: str) -> tuple[Any, ...]:
    (row,) = await story.rows("SELECT muted_by, mute FROM incidents WHERE key = :key AND latest", key=key)
    return row.muted_by, (row.mute or "").partition(":")[0]


@pytest.mark.parametrize(
    "covers",
    [{"brand": "acme"}, {"author": "@Loud"}, {"phrase": "ｱｸﾒの充電器"}, {"brand": "acme", "author": "loud"}],
    ids=lambda covers: "+".join(covers),
)
async def test_what_is_still_open_is_told_when_a_silence_ends(store: Store, covers: dict[str, str]) -> None:
    story = Timeline(store, ONE)
    story.at("0s", silence("1h", **covers))
    story.at("10m", posts(arrival(id="90", author="loud"), arrival(id="91", author="loud")))
    story.at("20m", posts(arrival(id="92", author="loud", conversation_id="90")))
    seen: list[Any] = []

    async def look(story: Timeline) -> None:
        seen.append(await muted(story, "acme/care/90"))

    story.at("15m", look)
    story.at("30m", by_hand(change.resolve, "acme/care/91"))
    story.between("1h", "1h1s", "desk", "first", posts__count=2, incident__key="acme/care/90")
    story.at("2h", look)
    await story.play("2h")
    assert seen == [("mika", "silence"), (None, "")]
    assert [e for e in await story.events("acme/care/90") if "mute" in e] == ["muted", "unmuted"]


async def test_a_silence_that_is_ended_by_hand(store: Store) -> None:
    story = Timeline(store, ONE)
    story.at("0s", posts(arrival(id="90")))
    story.at("10s", silence(incident="acme/care/90"))
    story.at("40m", expire)
    story.between("40m", "40m1s", "desk", "first")
    await story.play("2h")


async def test_what_others_say_breaks_a_silence_by_author(store: Store) -> None:
    story = Timeline(store, ONE)
    story.at("0s", silence(author="loud"))
    story.at("1s", posts(arrival(id="90", author="loud")))
    story.at("10m", posts(arrival(conversation_id="90", author="someone")))
    story.between("10m30s", "10m31s", "desk", "first", posts__count=2)
    await story.play("2h")


async def test_a_silence_never_covers_a_burst_by_what_one_says(store: Store) -> None:
    story = Timeline(store, ONE)
    story.at("0s", silence(phrase="充電器"))
    story.at("1s", posts(*(arrival(created=at(1)) for _ in range(30))))
    story.between("1s", "2s", "desk", "first", incident__scope="burst")
    story.between("10m1s", "10m3s", "pager", "escalation")
    await story.play("2h")


async def test_a_campaign_keeps_back_what_it_expects(store: Store) -> None:
    """Until it ends, or is taken out of the file; what is graver than expected is told."""
    campaign = "campaigns: [{name: sale, from: 2026-11-24 02:00, to: 2026-11-24 05:00, match: {kind: complaint}}]\n"
    story = Timeline(store, ONE + campaign)
    story.at("0s", posts(arrival(id="90"), arrival(id="91"), arrival(id="92", kind="question", severity="low")))
    story.between("30s", "31s", "desk", "first", incident__key="acme/care/92")
    story.at("10m", posts(arrival(conversation_id="91", severity="high")))
    story.between("10m30s", "10m32s", "desk", "first", incident__key="acme/care/91")
    story.between("20m", "20m1s", "pager", "escalation", incident__key="acme/care/91")
    story.at("1h", new_routes(ONE))
    story.between("1h", "1h2s", "desk", "first", incident__key="acme/care/90")
    await story.play("2h")


async def test_a_burst_keeps_back_its_brands_small_ones(store: Store) -> None:
    inhibit = "inhibit: [{while: {scope: burst}, mute: {scope: root, severity: [none, low]}}]\n"
    story = Timeline(store, ONE + inhibit)
    story.at("0s", posts(*(arrival() for _ in range(20))))
    story.between("0s", "1s", "desk", "first", incident__scope="burst")
    story.between("10m", "10m2s", "pager", "escalation")
    story.at("20m", posts(arrival(id="90", kind="question", severity="low", created=at(minutes=20))))
    story.at("20m", posts(arrival(id="91", kind="question", severity="medium", created=at(minutes=20))))
    story.between("20m30s", "20m31s", "desk", "first", incident__key="acme/care/91")
    story.at("1h", by_hand(change.resolve, "acme/care/burst"))
    story.between("1h", "1h1s", "desk", "all_resolved")
    story.between("1h", "1h1s", "pager", "all_resolved")
    story.between("1h", "1h2s", "desk", "first", incident__key="acme/care/90")
    await story.play("2h")


QUIET = """\
receivers: [{name: desk, console: {}}, {name: pr, console: {}}]
route:
  receivers: [desk]
  timezone: Asia/Tokyo
  quiet_hours: {hours: "22:00-08:00"}
  routes:
    - {match: {kind: praise}, receivers: [pr], digest: "09:00", quiet_hours: {hours: "22:00-10:00"}}
"""


async def test_quiet_hours_hold_all_but_the_critical(store: Store) -> None:
    story = Timeline(store, QUIET, begins="12h")  # midnight in Tokyo
    story.at("1h", posts(arrival(id="90", severity="high"), arrival(id="91", severity="critical")))
    story.between("1h", "1h1s", "desk", "first", incident__key="acme/care/91")
    story.between("5h", "5h1s", "desk", "repeat", incident__key="acme/care/91")
    story.at("6h", by_hand(change.resolve, "acme/care/91"))
    story.between("6h", "6h1s", "desk", "all_resolved")
    story.between("8h", "8h1s", "desk", "first", incident__key="acme/care/90")
    await story.play("9h")


@pytest.mark.parametrize(("wait", "told"), [("", "1h30s desk first"), ("{wait: 5m}, ", "1h5m desk escalation")])
async def test_an_escalation_waits_for_no_quiet_hours_where_its_receiver_is_the_routes(
    store: Store, wait: str, told: str
) -> None:
    """Neither where its step is done by the route's `first`, nor where that is held already when the step is due."""
    routes = f"escalations: {{night: [{wait}{{notify: desk}}, {{wait: 30m}}, {{notify: pr}}]}}\n"
    story = Timeline(store, routes + QUIET.replace("route:\n", "route:\n  escalation: night\n"), begins="12h")
    story.at("1h", posts(arrival(id="90", severity="high")))
    moment, receiver, reason = told.split()
    story.between(moment, f"{moment}1s" if "s" not in moment else "1h31s", receiver, reason)
    story.between("1h30m", "1h36m", "pr", "escalation")
    story.at("2h", by_hand(change.resolve, "acme/care/90"))
    story.between("8h", "8h1s", "desk", "all_resolved")
    story.between("8h", "8h1s", "pr", "all_resolved")
    await story.play("9h")


async def test_praise_goes_at_nine_as_one(store: Store) -> None:
    story = Timeline(store, QUIET)  # noon in Tokyo
    story.at("1h", posts(*(arrival(f"好き{n}", id=f"9{n}", kind="praise", severity="none") for n in range(3))))
    story.at("2h", posts(arrival("最高", conversation_id="90", kind="praise", severity="none")))
    story.at("3h", posts(arrival(id="80", severity="low")))
    story.between("3h30s", "3h31s", "desk", "first")
    story.between("7h30s", "7h31s", "desk", "repeat")
    story.between("20h", "20h1s", "desk", "repeat")  # at eight: the one of midnight waited
    story.between("21h", "21h1s", "pr", "first", posts__count=4, more__incidents=2, more__posts=0)
    await story.play("22h")


async def test_a_silence_needs_something_to_cover(store: Store) -> None:
    story = Timeline(store, ONE)
    for covers, fault in (
        (Covers(), "needs to cover something"),
        (Covers(author="@"), "--author: is empty"),
        (Covers(phrase=" "), "--phrase: is empty"),
        (Covers(incident="none"), "no such incident"),
    ):
        with pytest.raises(ConfigurationError, match=fault):
            async with store.write() as connection:
                await silences.add(
                    connection, store.dialect, story.policy, covers, by="mika", reason="", now=0,
                    duration=timedelta(hours=1),
                )  # fmt: skip
    with pytest.raises(ConfigurationError, match="no such silence"):
        async with store.write() as connection:
            await silences.expire(connection, store.dialect, story.policy, ["x"], by="mika", reason="", now=0)


WHILE_GRAVE = "inhibit: [{while: {severity: [high]}, mute: {kind: [question]}}]\n"
TWO = """\
receivers: [{name: desk, console: {}}, {name: pr, console: {}}]
route:
  receivers: [desk]
  repeat_interval: 2d
  routes:
    - {match: {kind: question}, receivers: [desk], continue: true}
    - {match: {kind: question}, receivers: [pr], group_wait: 10m}
"""


@pytest.mark.parametrize("ends", ["inhibition", "silence"])
async def test_what_waits_is_told_when_what_keeps_it_back_does_so_no_more(store: Store, ends: str) -> None:
    """Though that is still open: the file holds the rule no more, or it is kept back itself."""
    story = Timeline(store, TWO + WHILE_GRAVE)
    story.at("0s", posts(arrival(id="80", severity="high")))
    story.between("30s", "31s", "desk", "first", incident__key="acme/care/80")
    story.at("1m", posts(arrival(id="90", kind="question", severity="low")))
    story.at("5m", new_routes(TWO) if ends == "inhibition" else silence("1h", incident="acme/care/80"))
    story.between("5m", "5m2s", "desk", "first", incident__key="acme/care/90")
    story.between("11m", "11m1s", "pr", "first", incident__key="acme/care/90")
    await story.play("12h")


async def test_whoever_waits_is_told_with_the_first_who_is_not_kept_waiting(store: Store) -> None:
    """A rule that no longer covers the incident itself: seen when somebody is to be told of it."""
    story = Timeline(store, TWO + WHILE_GRAVE)
    story.at("0s", posts(arrival(id="80", severity="high")))
    story.between("30s", "31s", "desk", "first", incident__key="acme/care/80")
    story.at("1m", posts(arrival(id="90", kind="question", severity="low")))
    story.at("5m", new_routes(TWO + WHILE_GRAVE.replace("question", "praise")))
    story.between("11m", "11m1s", "pr", "first", incident__key="acme/care/90")
    story.between("11m", "11m10s", "desk", "first", incident__key="acme/care/90")
    await story.play("12h")
