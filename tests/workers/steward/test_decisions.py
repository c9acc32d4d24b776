"""What the steward decides, without a clock, a store or a network."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from config.steward import SPREAD, StewardSettings, spread_steps
from schemas.mention import Mention
from workers.steward.answer import read_answer
from workers.steward.growth import Counts, Watched, counts_of, due_first, look_due
from workers.steward.means import affordable, posts_for
from workers.steward.revision import revised
from workers.steward.safety import Tally, why_implausible
from workers.steward.sweep import Sweep, bands, begun, first_id, moved_on
from workers.store.spread import Look, growth, told
from workers.x.compliance import read_result
from workers.x.failure import CallFailed

PROBLEM = "https://api.x.com/2/problems/"
NOW = round(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000


def error(post_id: str, kind: str = "resource-not-found", parameter: str = "ids", **more: Any) -> dict[str, Any]:
    return {"value": post_id, "resource_id": post_id, "parameter": parameter, "type": PROBLEM + kind, **more}


# What X answers when asked for posts 1 and 2: what is gone, what is there.
ANSWERS: dict[str, tuple[dict[str, Any], dict[str, str], set[str]]] = {
    "both there": ({"data": [{"id": "1"}, {"id": "2"}]}, {}, {"1", "2"}),
    "one deleted": ({"data": [{"id": "1"}], "errors": [error("2")]}, {"2": "deleted at X"}, {"1"}),
    "one protected": (
        {"data": [{"id": "1"}], "errors": [error("2", "not-authorized-for-resource")]},
        {"2": "protected or suspended at X"},
        {"1"},
    ),
    "all gone": ({"errors": [error("1"), error("2")]}, {"1": "deleted at X", "2": "deleted at X"}, set()),
    "left out without a word": ({"data": [{"id": "1"}]}, {}, {"1"}),
    "nothing at all": ({}, {}, set()),
    "null data": ({"data": None}, {}, set()),
    "data of another shape": ({"data": {"id": "1"}, "errors": "none"}, {}, set()),
    "an overloaded service": ({"errors": [error("1", "service-unavailable"), error("2", "operational")]}, {}, set()),
    "no type": ({"errors": [{"value": "1", "parameter": "ids", "title": "Not Found Error"}]}, {}, set()),
    "of what a post refers to": (
        {"data": [{"id": "1"}, {"id": "2"}], "errors": [error("2", parameter="referenced_tweets.id")]},
        {},
        {"1", "2"},
    ),
    "a referenced post that was asked for too": (
        {"data": [{"id": "1"}], "errors": [error("2", parameter="referenced_tweets.id")]},
        {},
        {"1"},
    ),
    "there, and an error of one of its fields": (
        {"data": [{"id": "1"}], "errors": [error("1", "not-authorized-for-resource")]},
        {},
        {"1"},
    ),
    "numbers as ids": (
        {"data": [{"id": 1}], "errors": [error("2") | {"resource_id": 2}]},
        {"2": "deleted at X"},
        {"1"},
    ),
    "somebody else's post": ({"data": [{"id": "7"}], "errors": [error("9")]}, {}, set()),
    "the latest text in place of the first": (
        {"data": [{"id": "5", "edit_history_tweet_ids": ["1", "5"]}]},
        {},
        {"1"},
    ),
    "withheld": (
        {"data": [{"id": "1", "withheld": {"country_codes": ["FR", "DE"]}}, {"id": "2", "withheld": {}}]},
        {"1": "withheld at X in DE, FR"},
        {"2"},
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_answer_says(name: str) -> None:
    answer, gone, there = ANSWERS[name]
    read = read_answer(["1", "2"], answer)
    assert read.gone == gone
    assert set(read.there) == there
    assert set(read.unknown) == {"1", "2"} - set(gone) - there


PLAUSIBLE = [(10, 10, 0), (1, 1, 0), (5, 100, 5), (20, 100, 0), (100, 1000, 100)]
IMPLAUSIBLE = [(11, 11, 0), (21, 100, 0), (6, 20, 5), (101, 1000, 100), (100, 0, 0)]


@pytest.mark.parametrize(("proposed", "looked", "removed"), [*PLAUSIBLE, *IMPLAUSIBLE])
def test_too_many_at_once_wait_for_a_person(proposed: int, looked: int, removed: int) -> None:
    why = why_implausible(proposed, looked, removed, 0.2)
    assert (why is None) == ((proposed, looked, removed) in PLAUSIBLE)
    assert why is None or f"{proposed + removed} of {looked}" in why
    if looked:
        assert why_implausible(min(proposed, looked), looked, 0, 1.0) is None


def test_the_tally_counts_each_post_once_and_forgets_after_a_day() -> None:
    tally = Tally()
    for hour in range(12):
        tally.looked(NOW + hour * HOUR, map(str, range(100)))
    tally.removed(NOW + HOUR, 3)
    assert tally.totals(NOW + 12 * HOUR) == (100, 3)
    tally.looked(NOW + 24 * HOUR, ["1"])
    assert tally.totals(NOW + 24 * HOUR) == (100, 3)  # of the day before
    assert tally.totals(NOW + 25 * HOUR) == (100, 0)
    assert tally.totals(NOW + 48 * HOUR) == (1, 0)
    assert tally.totals(NOW + 100 * HOUR) == (0, 0)


def test_a_sweep_goes_over_the_brands_in_turn_and_rests_until_its_time() -> None:
    first_day, first_week, later = bands(StewardSettings())
    sweep = begun(first_day, Sweep(), NOW)
    assert (sweep.lowest, sweep.highest) == (first_id(NOW - 24 * HOUR), first_id(NOW - HOUR))
    assert begun(later, Sweep(), NOW).lowest == ""
    assert begun(later, Sweep(), NOW).highest == begun(first_week, Sweep(), NOW).lowest
    brands = ["acme", "beta"]
    sweep = moved_on(sweep, brands, (), 2)
    assert (sweep.brand, sweep.after, sweep.done) == ("acme", sweep.lowest, False)
    sweep = moved_on(sweep, brands, ["5", "6"], 2)
    assert (sweep.brand, sweep.after) == ("acme", "6")
    sweep = moved_on(sweep, brands, ["7"], 2)
    assert (sweep.brand, sweep.after) == ("beta", sweep.lowest)
    sweep = moved_on(sweep, brands, (), 2)
    assert sweep.done
    assert begun(first_day, sweep, NOW + HOUR - 1) == sweep
    assert not begun(first_day, sweep, NOW - 300 * HOUR).done  # the clock was put back
    again = begun(first_day, sweep, NOW + HOUR)
    assert (again.done, again.brand, again.started_at) == (False, "", NOW + HOUR)
    nothing = moved_on(moved_on(begun(later, Sweep(), NOW), [], (), 2), [], (), 2)
    assert nothing.done
    assert not begun(later, nothing, NOW + HOUR // 6).done


def test_a_post_changes_to_the_next_band_with_its_age() -> None:
    post = first_id(NOW)
    seen = [
        band.name
        for age in (1, 2, 25, 100, 200, 10_000)
        for band in bands(StewardSettings())
        if (sweep := begun(band, Sweep(), NOW + age * HOUR + 1)).lowest <= post < sweep.highest
    ]
    assert seen == ["first_day", "first_day", "first_week", "first_week", "later", "later"]


@pytest.mark.parametrize(
    ("money", "only_free", "chosen", "covered"),
    [
        (9, False, "abcde", 5),
        (2, False, "abcd", 4),
        (1, False, "abc", 3),
        (0, False, "a", 1),
        (0, True, "ac", 5),
        (9, True, "ac", 5),
    ],
)
def test_what_was_billed_today_is_free_and_money_ends_the_rest(
    money: int, only_free: bool, chosen: str, covered: int
) -> None:
    means = affordable(list("abcde"), lambda post: post in "ac", money, only_free=only_free)
    assert ("".join(means.ids), means.covered) == (chosen, covered)


def test_the_days_money() -> None:
    assert posts_for(1.0, 0.005, 0, None) == 200
    assert posts_for(1.0, 0.005, 150, None) == 50
    assert posts_for(1.0, 0.005, 250, None) == 0
    assert posts_for(1.0, 0.005, 0, 30) == 30
    assert posts_for(0, 0.005, 0, None) == 0


def watched(post: str, **more: Any) -> Watched:
    return Watched(**({"post": post, "incident": "i", "severity": 2, "since": NOW, "looks": 0, "last": None} | more))


def test_looks_grow_apart_and_the_last_wait_stays() -> None:
    steps = spread_steps(SPREAD)
    at, last = [], None
    for looks in range(9):
        last = look_due(watched("1", looks=looks, last=last), steps)
        at.append((last - NOW) // 60_000)
    assert at == [5, 20, 50, 110, 230, 470, 950, 1430, 1910]


def test_the_gravest_go_first_and_each_post_once() -> None:
    steps = [timedelta(minutes=5)]
    posts = [
        watched("young", since=NOW + 1),
        watched("low", severity=1),
        watched("old", since=NOW - HOUR),
        watched("twice", severity=3),
        watched("twice", severity=4),
    ]
    assert [one.post for one in due_first(posts, steps, NOW + 300_000)] == ["twice", "old", "low"]


def test_counts_in_both_spellings() -> None:
    tweet = {"public_metrics": {"retweet_count": "3", "quote_count": 1, "reply_count": 4, "like_count": 9}}
    post = {"public_metrics": {"repost_count": 3, "quote_count": 1, "reply_count": 4, "like_count": 9}}
    assert counts_of(tweet) == counts_of(post) == Counts(3, 1, 4, 9)
    assert counts_of({}) is None


def test_growth_an_hour() -> None:
    first, second = Look(NOW, 10, 0, 0, 5), Look(NOW + HOUR // 2, 110, 5, 1, 4)
    assert growth("x", [first, second]) == {"retweets": 200, "quotes": 10, "replies": 2, "likes": -2}
    assert growth(first_id(NOW - 2 * HOUR), [first])["retweets"] == 5
    assert growth("no time in it", [first])["retweets"] == 0
    spread = told({"1": [first, second], "2": [first]}, (300, 0))
    assert spread is not None
    assert (spread["retweets"], spread["likes"], len(spread["posts"])) == (300, 9, 2)
    assert told({}, None) is None
    assert told({}, (2, 1)) == {"retweets": 2, "quotes": 1}


def test_an_edit_makes_a_newer_revision_of_what_is_held() -> None:
    held = msgspec.json.encode(
        Mention(id="1", brand="acme", text="アクメ最悪", created_at="x", keywords=["アクメ"], urls=["old"], source="x")
    )
    held = held[:-1] + b',"added_later":7}'
    post = {
        "id": "3", "edit_history_tweet_ids": ["1", "2", "3"], "text": "ｱｸﾒ 直った…", "lang": "ja",
        "note_tweet": {"text": "ｱｸﾒ 直った ありがとう", "entities": {"hashtags": [{"tag": "感謝"}]}},
        "public_metrics": {"like_count": 3},
    }  # fmt: skip
    value = revised(held, post, "2026-11-24T12:00:00.000Z")
    assert value is not None
    mention = msgspec.json.decode(value)
    assert mention["added_later"] == 7
    assert (mention["id"], mention["revision"], mention["edit_ids"]) == ("1", 2, ["1", "2", "3"])
    assert (mention["text"], mention["hashtags"], mention["urls"]) == ("ｱｸﾒ 直った ありがとう", ["感謝"], [])
    assert (mention["match"], mention["keywords"], mention["created_at"]) == ("keyword", ["アクメ"], "x")
    away = msgspec.json.decode(revised(held, {**post, "note_tweet": None, "text": "別の話"}, "now") or b"")
    assert (away["match"], away["keywords"]) == ("revision", [])
    assert revised(held, {"id": "3"}, "now") is None


def test_a_compliance_result() -> None:
    lines = [
        b'{"id":"1","action":"delete","reason":"deleted"}',
        b'{"id":"2","action":"delete","reason":"suspended"}\r',
        b'{"id":"3","action":"delete","reason":"scrub_geo"}',
        b'{"id":"4","action":"scrub"}',
        b"",
    ]
    assert read_result(b"\n".join(lines)) == {"1": "deleted at X", "2": "suspended at X"}
    with pytest.raises(CallFailed):
        read_result(b'{"id":"1","action":"delete","reason":"deleted"}\n{"id":"2","act')
    with pytest.raises(CallFailed):
        read_result(b"<html>over capacity</html>")
