"""The named scenarios of incidents, each with its outcome, on both stores."""

from datetime import timedelta

import pytest

from tests.workers.incidents.scene import START, arrival, at
from tests.workers.incidents.timeline import (
    Timeline,
    Told,
    always,
    answers,
    by_hand,
    clock_jumps,
    new_routes,
    posts,
    removal,
    seconds,
)
from workers.dispatcher.outcome import Result
from workers.incidents import change, silences
from workers.incidents.silences import Covers
from workers.store import Store

DESK = """\
receivers: [{name: desk, console: {}}]
route: {receivers: [desk]}
"""
NIGHT = """\
receivers: [{name: desk, console: {}}, {name: pager, console: {}}]
escalations: {night: [{notify: desk}, {wait: 5m}, {notify: pager}]}
route: {receivers: [desk], escalation: night}
"""


async def test_500_posts_in_a_minute_are_one_incident_and_one_page(store: Store) -> None:
    story = Timeline(store, NIGHT)
    for second in range(60):
        came = [arrival(created=at(second)) for _ in range(8 if second else 500 - 59 * 8)]
        story.at(f"{second}s", posts(*came))
    story.between("0s", "10s", "desk", "first", incident__scope="burst")
    story.at("4m", by_hand(change.acknowledge, "acme/care/burst", lease=timedelta(hours=3)))
    story.between("5m", "5m10s", "desk", "new_posts", incident__post_count=500, incident__status="acknowledged")
    await story.play("2h")
    statuses = await story.rows("SELECT status, COUNT(*) AS n FROM incidents WHERE scope = 'root' GROUP BY status")
    assert [(row.status, row.n) for row in statuses] == [("merged", 500)]


async def test_a_second_wave_after_a_resolve_is_a_new_burst(store: Store) -> None:
    story = Timeline(store, DESK)
    story.at("0s", posts(*(arrival() for _ in range(20))))
    story.between("0s", "1s", "desk", "first", incident__key="acme/care/burst", incident__post_count=20)
    story.at("1h", by_hand(change.resolve, "acme/care/burst"))
    story.between("1h", "1h1s", "desk", "all_resolved")
    story.at("2h", posts(*(arrival(created=at(hours=2)) for _ in range(25))))
    story.between("2h", "2h1s", "desk", "first", incident__key="acme/care/burst", incident__post_count=25)
    await story.play("3h")


async def test_a_burst_takes_in_what_was_told_already(store: Store) -> None:
    """No more is said of the single incidents, neither as new posts nor at their end; one that was taken stays."""
    story = Timeline(store, DESK)
    story.at("0s", posts(*(arrival(id=f"9{n}") for n in range(10))))
    for n in range(10):
        story.between("30s", "31s", "desk", "first", incident__key=f"acme/care/9{n}")
    story.at("1m", by_hand(change.acknowledge, "acme/care/90", lease=timedelta(hours=9)))
    story.at("2m", posts(*(arrival(created=at(minutes=2)) for _ in range(10))))
    story.between("2m", "2m1s", "desk", "first", incident__scope="burst", incident__post_count=20)
    story.at("3m", posts(arrival(conversation_id="91", created=at(minutes=3))))
    story.between("7m", "7m2s", "desk", "new_posts", incident__scope="burst", incident__post_count=21)
    story.at("1h", by_hand(change.resolve, "acme/care/burst"))
    story.between("1h", "1h1s", "desk", "all_resolved", incident__scope="burst")
    await story.play("2h")
    kept = await story.rows("SELECT key FROM incidents WHERE scope = 'root' AND status <> 'merged'")
    assert [row.key for row in kept] == ["acme/care/90"]


async def test_a_policy_that_is_edited_meanwhile_is_for_new_incidents(store: Store) -> None:
    edited = NIGHT.replace("wait: 5m", "wait: 1m").replace("{notify: pager}]", "{notify: pager}, {repeat: 5}]")
    story = Timeline(store, NIGHT)
    story.at("0s", posts(arrival(id="90")))
    story.between("30s", "31s", "desk", "first", incident__key="acme/care/90")
    story.at("1m", new_routes(edited))
    story.between("5m", "5m1s", "pager", "escalation", incident__key="acme/care/90")
    story.at("10m", posts(arrival(id="91")))
    story.between("10m30s", "10m31s", "desk", "first", incident__key="acme/care/91")
    for minute in range(11, 17):
        story.between(f"{minute}m", f"{minute}m7s", "pager", "escalation", incident__key="acme/care/91")
    await story.play("1h")


async def test_a_receiver_that_a_frozen_step_names_is_taken_out_of_the_file(store: Store) -> None:
    """Whoever knows of the incident is told instead: a page must not be lost to an edit."""
    story = Timeline(store, NIGHT)
    story.at("0s", posts(arrival(id="90")))
    story.between("30s", "31s", "desk", "first")
    story.at("1m", new_routes(DESK))
    story.between("5m", "5m1s", "desk", "escalation")
    await story.play("1h")


async def test_a_lease_that_ends_at_three_at_night(store: Store) -> None:
    """Its holder is reminded at 02:55, at 03:00 everybody who knows hears that nobody has it, and it goes on."""
    story = Timeline(store, NIGHT, begins="14h28m")  # 02:28 in Tokyo
    story.at("0s", posts(arrival(id="90", severity="high")))
    story.between("30s", "31s", "desk", "first")
    story.at("2m", by_hand(change.acknowledge, "acme/care/90", lease=timedelta(minutes=30)))
    story.between("27m", "27m1s", "desk", "reminder", incident__status="acknowledged")
    story.between("32m", "32m1s", "desk", "reminder", incident__status="firing")
    story.between("35m", "35m1s", "pager", "escalation")
    await story.play("1h")
    assert [e for e in await story.events("acme/care/90") if "ack" in e] == ["acknowledged", "unacknowledged"]


async def test_a_silence_in_the_middle_of_an_escalation(store: Store) -> None:
    """What was told stays told; the step that is due waits for the silence's end, and the next waits from there."""

    async def silence(story: Timeline) -> None:
        async with store.write() as connection:
            await silences.add(
                connection, store.dialect, story.policy, Covers(brand="acme"), by="mika", reason="known",
                now=story.now, duration=timedelta(hours=1),
            )  # fmt: skip

    story = Timeline(store, NIGHT.replace("{notify: pager}]", "{notify: pager}, {wait: 5m}, {repeat: 1}]"))
    story.at("0s", posts(arrival(id="90")))
    story.between("30s", "31s", "desk", "first")
    story.at("3m", silence)
    story.between("1h3m", "1h3m1s", "pager", "escalation")
    story.between("1h13m", "1h13m1s", "pager", "escalation")
    await story.play("2h")


SLACK = """\
receivers:
  - {name: slack, console: {}}
  - {name: mail, console: {}}
  - {name: backup, console: {}}
route: {receivers: [slack, mail], group_wait: 0s}
"""


async def test_one_provider_says_429_for_90_seconds_and_the_other_goes_on(store: Store) -> None:
    story = Timeline(store, SLACK)
    story.at("0s", answers("slack", always(Result("rate_limited", "HTTP 429", 30.0))))
    story.at("90s", answers("slack", None))
    for moment in (0, 20, 40):
        story.at(f"{moment}s", posts(arrival(id=f"9{moment}", created=at(moment))))
        story.between(f"{moment}s", f"{moment + 1}s", "mail", "first", incident__key=f"acme/care/9{moment}")
        story.between("90s", "96s", "slack", "first", incident__key=f"acme/care/9{moment}")
    await story.play("10m")
    tried = [told.at for told in story.attempts if told.receiver == "slack" and told.at < 90]
    assert tried == sorted(set(tried))  # Retry-After is honoured: one attempt, then it rests
    assert len(tried) <= 4


async def test_a_provider_is_down_for_an_hour_and_its_fallback_is_told(store: Store) -> None:
    story = Timeline(store, SLACK.replace("{name: slack,", "{name: slack, fallback: backup,"))
    story.at("0s", answers("slack", always(Result("server", "HTTP 503"))))
    story.at("0s", posts(arrival(id="90", severity="high")))
    story.between("0s", "1s", "mail", "first")
    story.between("1m", "1m10s", "backup", "first")
    story.at("1h", answers("slack", None))
    story.between("1h", "1h2m", "slack", "first")
    await story.play("2h")
    assert [row.n for row in await story.rows("SELECT COUNT(*) AS n FROM outbox WHERE state = 'failed'")] == [0]


async def test_404_while_the_receiver_is_deployed_anew(store: Store) -> None:
    story = Timeline(store, DESK)
    story.at("0s", answers("desk", always(Result("auth", "HTTP 404"))))
    story.at("0s", posts(arrival(id="90")))
    story.at("5m", answers("desk", None))
    story.between("5m", "6m5s", "desk", "first")
    await story.play("1h")
    assert [row.n for row in await story.rows("SELECT COUNT(*) AS n FROM outbox WHERE state = 'failed'")] == [0]


async def test_killed_between_send_and_record(store: Store) -> None:
    """The receiver has it and nobody noted it: its successor sends the same bytes under the same key, once."""
    killed: list[str] = []

    async def answer(story: Timeline, told: Told) -> Result:
        if not killed:
            killed.append(told.key)
            story.told.append(told)
            story.kill("one")
            await story.dispatchers["one"].clock.sleep(1)  # never
        return Result("delivered")

    async def successor(story: Timeline) -> None:
        story.start("two")

    story = Timeline(store, DESK)
    story.at("0s", answers("desk", answer))
    story.at("0s", posts(arrival(id="90")))
    story.at("40s", successor)
    story.between("30s", "31s", "desk", "first")
    story.between("50s", "1m", "desk", "first")
    story.between("4h", "4h2m", "desk", "repeat")
    await story.play("5h")
    first, again = [told for told in story.told if told.reason == "first"]
    assert (first.key, first.body, first.owner, again.owner) == (again.key, again.body, "one", "two")


@pytest.mark.parametrize(("back", "told_at", "more_at"), [(False, "1m", "10m"), (True, "1m30s", "15m")])
async def test_the_clock_jumps(store: Store, back: bool, told_at: str, more_at: str) -> None:
    """On: what was due meanwhile goes at once, once. Back: what had so long to wait waits no longer than that."""
    story = Timeline(store, DESK, begins="10d")
    story.at("0s", posts(arrival(id="90")))
    story.between("30s", "31s", "desk", "first", incident__key="acme/care/90")
    story.at("1m", posts(arrival(id="91")))
    story.at("1m", clock_jumps("1h", back=back))
    story.between(told_at, f"{int(seconds(told_at)) + 5}s", "desk", "first", incident__key="acme/care/91")
    story.at("10m", posts(arrival(conversation_id="90"), arrival(id="92")))
    story.between(more_at, f"{int(seconds(more_at)) + 2}s", "desk", "new_posts", incident__key="acme/care/90")
    story.between("10m30s", "10m31s", "desk", "first", incident__key="acme/care/92")
    await story.play("20m")


@pytest.mark.parametrize(
    ("begins", "ends"),
    [("123d21h30m", "5h30m"), ("340d21h30m", "6h30m")],  # 2027-03-28, 2027-10-31, both 00:30 UTC
)
async def test_a_night_with_a_change_of_the_clock(store: Store, begins: str, ends: str) -> None:
    """Quiet hours end at seven by the clock on the wall, an hour earlier or later."""
    quiet = "quiet_hours: {hours: '23:00-07:00', timezone: Europe/London}"
    story = Timeline(store, f"receivers: [{{name: desk, console: {{}}}}]\nroute: {{receivers: [desk], {quiet}}}\n",
                     begins=begins)  # fmt: skip
    story.at("0s", posts(arrival(id="90")))
    story.between(ends, f"{int(seconds(ends)) + 1}s", "desk", "first")
    await story.play("8h")


async def test_10000_posts_in_one_incident(store: Store) -> None:
    story = Timeline(store, DESK, rules={})
    for batch in range(10):
        came = [arrival(id="90") if not batch and not n else arrival(conversation_id="90") for n in range(1000)]
        story.at(f"{batch}s", posts(*came))
    story.between("30s", "31s", "desk", "first", incident__post_count=10_000, posts__count=20, more__posts=9_980)
    story.at("10m", posts(arrival("もう一つ", conversation_id="90")))
    story.between("10m", "10m1s", "desk", "new_posts", incident__post_count=10_001, posts__count=1, more__posts=0)
    await story.play("20m")


async def test_a_viral_post_with_400_retweets_and_40_quotes_is_one_incident(store: Store) -> None:
    story = Timeline(store, DESK.replace("[desk]", "[desk], group_interval: 1h"))
    story.at("0s", posts(arrival(id="90")))
    story.between("30s", "31s", "desk", "first")
    for n in range(40):
        minute = 1 + 2 * n
        retweets = (arrival(retweet_of="90", created=at(minutes=minute)) for _ in range(10))
        story.at(f"{minute}m", posts(arrival(quote_of="90", created=at(minutes=minute)), *retweets))
    story.between("1h30s", "1h31s", "desk", "new_posts", incident__post_count=31)
    story.between("2h30s", "2h31s", "desk", "new_posts", incident__post_count=41)
    await story.play("3h")
    assert [row.n for row in await story.rows("SELECT COUNT(*) AS n FROM incidents")] == [1]
    (spread,) = await story.rows("SELECT retweets, quotes FROM spread")
    assert tuple(spread) == (400, 40)


TEXTS = {
    "kanji": "火" * 280,
    "family": "👨‍👩‍👧‍👦" * 40,
    "combining": "か\u3099" * 140,
    "flags": "🇯🇵🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 20,
    "astral": "𠮷野家" * 90,
    "joiner": "a\u0301\u200d" * 90,
    "direction": "\u202e逆\u202c" * 60,
    "long": "x" * 25_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_a_text_comes_out_as_it_went_in(store: Store, text: str) -> None:
    story = Timeline(store, DESK)
    story.at("0s", posts(arrival(text, id="90")))
    story.between("30s", "31s", "desk", "first")
    await story.play("1m")
    assert story.told[0].texts == [text]


async def test_two_dispatchers_of_which_one_is_stopped_and_woken(store: Store) -> None:
    """The other takes over when the lease has ended; the one that wakes finds nothing to do but what was in its
    hand, under the same key."""

    async def answer(story: Timeline, told: Told) -> Result:
        if not stopped:
            stopped.append(told.owner)
            clock = story.dispatchers[told.owner].clock
            clock.stop(True)
            await clock.sleep(1)
        return Result("delivered")

    async def wake(story: Timeline) -> None:
        story.dispatchers[stopped[0]].clock.stop(False)

    stopped: list[str] = []
    story = Timeline(store, DESK)
    story.at("0s", answers("desk", answer))
    story.at("0s", posts(arrival(id="90")))
    story.at("2m", posts(arrival(id="91", created=at(minutes=2))))
    story.at("10m", wake)
    story.between("50s", "1m5s", "desk", "first", incident__key="acme/care/90")
    story.between("2m30s", "2m36s", "desk", "first", incident__key="acme/care/91")
    story.between("10m", "10m1s", "desk", "first", incident__key="acme/care/90")
    await story.play("20m", "one", "two")
    assert len({told.key for told in story.told}) == 2
    (other,) = {"one", "two"} - set(stopped)
    assert [told.owner for told in story.told] == [other, other, *stopped]
    states = await story.rows("SELECT reason, state FROM outbox ORDER BY 1, 2")
    assert [tuple(row) for row in states] == [("first", "sent")] * 2 + [("repeat", "scheduled")] * 2


async def test_duplicates_edits_and_late_posts(store: Store) -> None:
    first = arrival(id="90", severity="low", author="ann")
    story = Timeline(store, DESK)
    story.at("0s", posts(first))
    story.at("10s", posts(first))
    story.between("30s", "31s", "desk", "first", incident__post_count=1)
    story.at("10m", posts(first))
    story.at("20m", posts(arrival("直した", id="90", revision=1, severity="high", author="ann")))
    story.between("20m", "20m1s", "desk", "severity_rose", incident__post_count=1, posts__0__text="直した")
    story.at("21m", posts(first))
    old = [arrival(id=f"8{n}", created=START - timedelta(hours=9), late=True) for n in range(30)]
    story.at("1h", posts(*old))
    for n in range(30):
        story.between("1h30s", "1h31s", "desk", "first", incident__key=f"acme/care/8{n}")
    await story.play("2h")
    assert "acme/care/burst" not in {row.key for row in await story.rows("SELECT key FROM incidents")}


async def test_the_post_that_opened_it_is_removed(store: Store) -> None:
    """Before anybody was told nobody is; afterwards everybody who was told hears that it is over."""
    story = Timeline(store, NIGHT)
    story.at("0s", posts(arrival(id="90"), arrival(id="91")))
    story.at("10s", removal("90"))
    story.between("30s", "31s", "desk", "first", incident__key="acme/care/91")
    story.at("1m", removal("91"))
    story.between("1m", "1m1s", "desk", "all_resolved", posts__count=0)
    await story.play("1h")


async def test_a_receiver_is_taken_out_of_the_file_with_messages_pending(store: Store) -> None:
    story = Timeline(store, DESK)
    story.at("0s", answers("desk", always(Result("server", "HTTP 500"))))
    story.at("0s", posts(arrival(id="90")))
    story.at("5m", new_routes(DESK.replace("desk", "other")))
    story.between("15m", "16m5s", "other", "first")
    await story.play("30m")
    cancelled = await story.rows("SELECT detail FROM outbox WHERE state = 'cancelled'")
    assert [row.detail for row in cancelled] == ["desk is no longer in routes.yaml"]
