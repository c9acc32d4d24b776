"""Is all well? A table over how things stand, and what is told of it, once, until it is over."""

from typing import Any

import pytest

from tests.workers.incidents.standings import NOW, WELL, worker
from workers.incidents.audit import Silence, Trouble, Undelivered, Watched, follow, troubles

CLASSIFIER, DISPATCHER = WELL.workers[1:]


def test_all_is_well() -> None:
    assert troubles(WELL) == []


@pytest.mark.parametrize(
    ("changed", "kind", "en", "ja"),
    [
        ({"workers": WELL.workers[1:]}, "not_running/stream", "stream is not running", "動いていません"),
        ({"workers": (worker("stream", age=21), *WELL.workers[1:])}, "not_running/stream", "not running", "stream"),
        ({"workers": (*WELL.workers, worker("console", age=60))}, "not_running/console", "console", "console"),
        (
            {"workers": (*WELL.workers, worker("classifier", reasons=("stopped: 50 in a row",)))},
            "not_ready/classifier", "not ready: stopped: 50 in a row", "稼働できません",
        ),
        ({"unprocessed_seconds": {"classifier": 61.0}}, "behind/classifier", "waited for 61 s", "61秒"),
        ({"timers_late_seconds": 121.0}, "timers", "overdue by 121 s", "121秒遅れ"),
        ({"undelivered": {"desk": Undelivered(3, 121.0)}}, "undelivered/desk", "3 notifications for desk", "3件"),
        ({"receivers_off": {"desk": "410 Gone"}}, "receiver_off/desk", "check --send desk", "check --send desk"),
        (
            {"workers": (worker("stream", deaf_seconds=100.0), CLASSIFIER, DISPATCHER)},
            "x_deaf", "silent for 100 s", "100秒",
        ),
        (
            {"silences": (Silence("acme", 4, (40, 31, 12)),)},
            "no_mentions/acme", "acme for 4 h; at this time of the last weeks it was 40, 31, 12 posts", "40, 31, 12",
        ),
        ({"stale_baselines": ("acme", "b")}, "baselines", "usual for acme, b", "acme, b"),
        ({"dead_letters": 2}, "dead_letters", "2 records and 0 notifications", "2件"),
        ({"failed_notifications": 1}, "dead_letters", "0 records and 1 notifications", "1件"),
        (
            {"workers": (worker("stream", configuration_refused="routes.yaml:3: …"), CLASSIFIER, DISPATCHER)},
            "configuration_refused", "routes.yaml:3", "routes.yaml:3",
        ),
    ],
)  # fmt: skip
def test_each_trouble_is_named_in_both_languages(changed: dict[str, Any], kind: str, en: str, ja: str) -> None:
    (trouble,) = troubles(WELL._replace(**changed))
    assert trouble.kind == kind
    assert en in trouble.en
    assert ja in trouble.ja
    assert trouble.overdue == (kind != "dead_letters")


def test_one_of_several_workers_may_have_ended() -> None:
    assert troubles(WELL._replace(workers=(*WELL.workers, worker("classifier", age=60, reasons=("x",))))) == []


def test_what_waits_for_a_receiver_that_is_off_is_told_by_that_alone() -> None:
    standing = WELL._replace(undelivered={"desk": Undelivered(3, 500.0)}, receivers_off={"desk": "410"})
    assert [trouble.kind for trouble in troubles(standing)] == ["receiver_off/desk"]


AT_ONCE = Trouble("behind/classifier", "behind", "遅れ")
AFTER = Trouble("not_running/stream", "not running", "停止", at_once=False)


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        # seconds: what is found; what is told (+) and what is over (-)
        ([(0, "b"), (15, "b"), (30, "b")], ["+b", "", ""]),
        ([(0, "s"), (15, "s"), (30, "s"), (45, "s"), (60, "s")], ["", "", "", "+s", ""]),
        ([(0, "s"), (15, ""), (30, "s"), (60, "s")], ["", "", "", "+s"]),
        ([(0, "b"), (15, ""), (60, ""), (75, ""), (90, "")], ["+b", "", "-b", "", ""]),
        ([(0, "b"), (15, ""), (30, "b"), (60, ""), (75, ""), (91, "")], ["+b", "", "", "", "", "-b"]),
        ([(0, "b"), (90, ""), (105, "b")], ["+b", "-b", "+b"]),
        ([(0, "s"), (15, ""), (90, ""), (105, "s")], ["", "", "", ""]),
        # what comes back within half an hour is told again, and is then over only after a quarter of an hour
        (
            [(0, "b"), (90, ""), (105, "b"), (200, ""), (300, "b"), (1199, ""), (1200, "")],
            ["+b", "-b", "+b", "", "", "", "-b"],
        ),
        ([(0, "b"), (90, ""), (1891, "b"), (1980, "")], ["+b", "-b", "+b", "-b"]),
        ([(0, "bb")], ["+b"]),
    ],
)
def test_told_once_until_it_has_stayed_away(looks: list[tuple[int, str]], told: list[str]) -> None:
    watched: dict[str, Watched] = {}
    said = []
    short = {"b": AT_ONCE, "s": AFTER}
    for seconds, found in looks:
        steps = follow(watched, [short[letter] for letter in found], NOW + seconds * 1000)
        watched = steps.watched
        letters = {trouble.kind: letter for letter, trouble in short.items()}
        said.append(
            "".join(f"+{letters[trouble.kind]}" for trouble in steps.raise_)
            + "".join(f"-{letters[kind]}" for kind in steps.clear)
        )
    assert said == told


def test_trouble_that_comes_and_goes_all_night_is_no_storm() -> None:
    """A receiver that was late for a moment every 90 s made 80 alerts an hour."""
    watched: dict[str, Watched] = {}
    told = 0
    for seconds in range(0, 8 * 3600, 15):
        steps = follow(watched, [AT_ONCE] if seconds % 90 == 0 else [], NOW + seconds * 1000)
        watched = steps.watched
        told += len(steps.raise_) + len(steps.clear)
    assert told == 3
