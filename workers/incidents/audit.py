"""Is all well? What is wrong with Hikeshi itself, from one look at how things stand: pure, each finding in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from workers.incidents.model import Millis

# All ours.
ALIVE_SECONDS: Final = 20.0  # four reports: a busy store may cost one or two
UNPROCESSED_SECONDS: Final = 60.0  # a healthy pipeline needs one or two
UNDELIVERED_SECONDS: Final = 120.0  # past the minute in which a fallback is told
TIMER_SECONDS: Final = 120.0  # dispatchers look each second
DEAF_SECONDS: Final = 90.0  # the design's
BASELINE_HOURS: Final = 48  # learned each night
# A quiet hour of a small brand is no news: as many posts as this must have come at that time in each of the last weeks.
EXPECTED_POSTS: Final = 12
EXPECTED_WEEKS: Final = 3
CONFIRM_MS: Final = 45_000  # a stage that restarts is back before
CLEAR_MS: Final = 60_000  # trouble that comes and goes is one trouble
# What was over and comes back within so long is over only once it has stayed away longer: else it tells twice a minute.
RELAPSE_MS: Final = 30 * 60_000
CLEAR_RELAPSED_MS: Final = 15 * 60_000
_LONGEST_FAULT: Final = 300


class Trouble(NamedTuple):
    """Something is wrong. `kind` names it, with its subject; `overdue`: not well until it is over, else only told."""

    kind: str
    en: str
    ja: str
    overdue: bool = True
    at_once: bool = True
    """Its own threshold has passed already; else it must last for a while to count."""


class SeenWorker(NamedTuple):
    """What a worker last said of itself."""

    worker: str
    stage: str
    seen_at: Millis
    state: Mapping[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it does its work."""
        return bool(self.state.get("ready"))

    @property
    def reasons(self) -> Sequence[str]:
        """Why it is not ready."""
        reasons: Sequence[str] = self.state.get("reasons", ())
        return reasons

    @property
    def facts(self) -> Mapping[str, Any]:
        """What else it says."""
        facts: Mapping[str, Any] = self.state.get("facts", {})
        return facts


class Undelivered(NamedTuple):
    """What a receiver has not taken."""

    waiting: int
    oldest_seconds: float


class Silence(NamedTuple):
    """A brand of which nothing came for so long, though in that time of the last weeks as many posts came as these."""

    brand: str
    hours: int
    before: Sequence[int]


class Standing(NamedTuple):
    """How things stand. `required`: the stages without which posts become no alerts."""

    now: Millis
    required: Sequence[str]
    workers: Sequence[SeenWorker]
    unprocessed_seconds: Mapping[str, float]
    undelivered: Mapping[str, Undelivered]
    timers_late_seconds: float
    receivers_off: Mapping[str, str]
    dead_letters: int
    failed_notifications: int
    stale_baselines: Sequence[str] = ()
    silences: Sequence[Silence] = ()
    log_away: str | None = None
    """Why the log could not be asked."""

    def alive(self, worker: SeenWorker) -> bool:
        """Whether a worker has reported of late."""
        return self.now - worker.seen_at <= ALIVE_SECONDS * 1000

    def fact(self, name: str) -> Any:
        """What a running worker says under this name; None where none does."""
        return next((w.facts[name] for w in self.workers if self.alive(w) and name in w.facts), None)


def troubles(standing: Standing) -> list[Trouble]:
    """What is wrong, the gravest first."""
    return [*_stages(standing), *_waiting(standing), *_receivers(standing), *_source(standing), *_told(standing)]


def _stages(standing: Standing) -> list[Trouble]:
    found = []
    stages = dict.fromkeys([*standing.required, *(worker.stage for worker in standing.workers)])
    for stage in stages:
        of_stage = [worker for worker in standing.workers if worker.stage == stage]
        if not any(standing.alive(worker) for worker in of_stage):
            found.append(
                Trouble(f"not_running/{stage}", f"{stage} is not running", f"{stage} が動いていません", at_once=False)
            )
        for worker in of_stage:
            if standing.alive(worker) and not worker.ready:
                why = "; ".join(worker.reasons)[:_LONGEST_FAULT]
                found.append(
                    Trouble(
                        f"not_ready/{stage}",
                        f"{stage} ({worker.worker}) is not ready: {why}",
                        f"{stage}（{worker.worker}）が稼働できません: {why}",
                        at_once=False,
                    )
                )
    return found


def _waiting(standing: Standing) -> list[Trouble]:
    found = [
        Trouble(
            f"behind/{stage}",
            f"{stage} is behind: its oldest post has waited for {seconds:.0f} s",
            f"{stage} が遅れています: 最も古い投稿が{seconds:.0f}秒待っています",
        )
        for stage, seconds in standing.unprocessed_seconds.items()
        if seconds > UNPROCESSED_SECONDS
    ]
    if standing.log_away is not None:
        why = standing.log_away[:_LONGEST_FAULT]
        found.append(
            Trouble("log_away", f"Kafka can't be reached: {why}", f"Kafka に接続できません: {why}", at_once=False)
        )
    late = standing.timers_late_seconds
    if late > TIMER_SECONDS:
        found.append(
            Trouble(
                "timers",
                f"escalations and other timers of incidents are overdue by {late:.0f} s",
                f"エスカレーションなどインシデントの予定が{late:.0f}秒遅れています",
            )
        )
    return found


def _receivers(standing: Standing) -> list[Trouble]:
    found = [
        Trouble(
            f"receiver_off/{name}",
            f"receiver {name} is off ({why}): mend it, then `hikeshi check --send {name}`",
            f"通知先 {name} を止めています（{_in_japanese(why)}）: "
            f"直してから `hikeshi check --send {name}` を実行してください",
        )
        for name, why in standing.receivers_off.items()
    ]
    for name, waiting in standing.undelivered.items():
        if waiting.oldest_seconds > UNDELIVERED_SECONDS and name not in standing.receivers_off:
            count, seconds = waiting.waiting, waiting.oldest_seconds
            found.append(
                Trouble(
                    f"undelivered/{name}",
                    f"{count} notifications for {name} are due, the oldest since {seconds:.0f} s",
                    f"{name} 宛の通知{count}件が届いていません（最も古いもので{seconds:.0f}秒）",
                )
            )
    return found


def _in_japanese(why: str) -> str:
    """Why a receiver is off: what a dispatcher writes when it was answered that it is gone."""
    return re.sub(r"it answered that it is gone \((.*)\)", r"もう存在しないと応答: \1", why)


def _source(standing: Standing) -> list[Trouble]:
    found = []
    deaf = standing.fact("deaf_seconds")
    if deaf is not None and deaf > DEAF_SECONDS:
        # The kind that the stream itself raises: whoever sees it first tells of it, once.
        found.append(
            Trouble("x_deaf", f"X has been silent for {deaf:.0f} s", f"X からの受信が{deaf:.0f}秒途絶えています")
        )
    for silence in standing.silences:
        before = ", ".join(str(count) for count in silence.before)
        found.append(
            Trouble(
                f"no_mentions/{silence.brand}",
                f"nothing has come about {silence.brand} for {silence.hours} h; at this time of the last weeks it was "
                f"{before} posts: look at its keywords and at the rules that X has (`hikeshi check`)",
                f"{silence.brand} についての投稿が{silence.hours}時間届いていません（過去の同じ時間帯は{before}件）。"
                "キーワードとXのルールを `hikeshi check` で確かめてください",
            )
        )
    return found


def _told(standing: Standing) -> list[Trouble]:
    found = []
    refused = standing.fact("configuration_refused")
    if refused:
        found.append(
            Trouble(
                "configuration_refused",
                f"a changed file is refused, what it said before stays in force: {refused[:_LONGEST_FAULT]}",
                f"変更されたファイルを受け付けられません。前の内容で動いています: {refused[:_LONGEST_FAULT]}",
            )
        )
    if standing.stale_baselines:
        brands = ", ".join(standing.stale_baselines)
        found.append(
            Trouble(
                "baselines",
                f"what is usual for {brands} was last learned over {BASELINE_HOURS} h ago: is the steward running?",
                f"{brands} の平常値が{BASELINE_HOURS}時間以上更新されていません。steward を確かめてください",
            )
        )
    letters, failed = standing.dead_letters, standing.failed_notifications
    if letters or failed:
        found.append(
            Trouble(
                "dead_letters",
                f"{letters} records and {failed} notifications were put aside: `hikeshi dead-letters list`",
                f"処理できない記録{letters}件、届けられなかった通知{failed}件があります: `hikeshi dead-letters list`",
                overdue=False,
            )
        )
    return found


class Watched(msgspec.Struct, omit_defaults=True):
    """What an audit remembers of one kind of trouble: since when, when it was last seen, whether we told of it.

    `relapsed`: it came back soon after it was over. `over_at`: when we said that it was over; 0 while it is not.
    """

    since: Millis
    seen_at: Millis
    ours: bool = False
    relapsed: bool = False
    over_at: Millis = 0


class Steps(NamedTuple):
    """What follows from a look: what to tell of, what to say is over, what to remember."""

    raise_: list[Trouble]
    clear: list[str]
    watched: dict[str, Watched]


def follow(watched: Mapping[str, Watched], found: Sequence[Trouble], now: Millis) -> Steps:
    """Trouble is told once it is certain, and is over once it has stayed away for a minute; what comes back soon after
    that, for a quarter of an hour."""
    kept: dict[str, Watched] = {}
    raise_, clear = [], []
    for trouble in found:
        if trouble.kind in kept:
            continue
        mark = _seen(watched.get(trouble.kind), now)
        if not mark.ours and (trouble.at_once or now - mark.since >= CONFIRM_MS):
            raise_.append(trouble)
            mark.ours = True
        kept[trouble.kind] = mark
    for kind, mark in watched.items():
        if kind in kept:
            continue
        if mark.over_at:
            if now - mark.over_at < RELAPSE_MS:
                kept[kind] = mark
        elif now - mark.seen_at < (CLEAR_RELAPSED_MS if mark.relapsed else CLEAR_MS):
            kept[kind] = mark
        elif mark.ours:
            clear.append(kind)
            kept[kind] = Watched(mark.since, mark.seen_at, over_at=now)
    return Steps(raise_, clear, kept)


def _seen(before: Watched | None, now: Millis) -> Watched:
    if before is None or before.over_at:
        return Watched(now, now, relapsed=before is not None and now - before.over_at < RELAPSE_MS)
    return Watched(before.since, now, before.ours, before.relapsed)
