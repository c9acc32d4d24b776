"""What follows an attempt to deliver: done, once more and when, given up, or the receiver switched off. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from workers.incidents.model import HIGH, Millis
from workers.runtime.retry import backoff_seconds

# The contract's times.
FIRST_RETRY_SECONDS: Final = 1.0  # "first within 2 s"
MAX_RETRY_SECONDS: Final = 60.0
GIVE_UP_MS: Final = 24 * 3600 * 1000
GIVE_UP_REFUSED_MS: Final = 10 * 60 * 1000
MAX_RETRY_AFTER_SECONDS: Final = 3600.0
FALLBACK_MS: Final = 60 * 1000

Class = Literal["delivered", "client", "auth", "gone", "rate_limited", "server", "timed_out"]


class Made(NamedTuple):
    """A message that stands at the provider now. `main`: the incident's own, on which the others hang."""

    ref: Mapping[str, Any]
    main: bool = True
    editable: bool = True
    posts: tuple[str, ...] = ()
    """Ids of the posts that are shown in it."""


class Result(NamedTuple):
    """How an attempt ended: its class of failure, what the provider asked for, a sentence for a person.

    `made`: the message that was made; `again_seconds`: after how long it must be sent again to stand.
    """

    kind: Class
    detail: str = ""
    retry_after_seconds: float | None = None
    made: Made | None = None
    again_seconds: float | None = None


class Next(NamedTuple):
    """What to do: `state` of the notification; `due_at` of its next attempt; before when the receiver rests.

    `refused_since`: since when this notification has been answered 401, 403 or 404 without a break.
    """

    state: Literal["sent", "frozen", "failed"]
    detail: str = ""
    due_at: Millis = 0
    not_before: Millis = 0
    switch_off: bool = False
    refused_since: Millis | None = None


def classify(status: int) -> Class:
    """The class of an HTTP status. A redirect is refused: the address in the file is the one that was agreed on."""
    if 200 <= status < 300:
        return "delivered"
    if status == 429:
        return "rate_limited"
    if status == 410:
        return "gone"
    if status in (401, 403, 404):
        return "auth"
    if status == 408:
        return "timed_out"
    return "server" if status >= 500 else "client"


def next_step(
    result: Result,
    attempts: int,
    failures_in_row: int,
    frozen_at: Millis,
    refused_since: Millis | None,
    now: Millis,
    jitter: float,
) -> Next:
    """After attempt number `attempts` (from 1) of a notification that was first tried about `frozen_at`."""
    if result.kind == "delivered":
        return Next("sent")
    if result.kind == "client":
        return Next("failed", result.detail)
    wait = backoff_seconds(attempts - 1, base=FIRST_RETRY_SECONDS, cap=MAX_RETRY_SECONDS, jitter=jitter)
    rest = backoff_seconds(failures_in_row, base=FIRST_RETRY_SECONDS, cap=MAX_RETRY_SECONDS, jitter=jitter)
    if result.kind == "gone":
        return Next("frozen", result.detail, due_at=now + _ms(MAX_RETRY_SECONDS), switch_off=True)
    refused = (refused_since or now) if result.kind == "auth" else None
    tried = now - frozen_at
    if tried >= GIVE_UP_MS or (refused is not None and now - refused >= GIVE_UP_REFUSED_MS):
        detail = f"{result.detail} (given up after {tried // 60_000} minutes)"
        return Next("failed", detail, not_before=now + _ms(rest))
    rest_seconds = result.retry_after_seconds or 0.0
    # Who asks for less than a second, or for a time that is over (a clock is wrong), asks for no rest: our pace holds.
    if rest_seconds >= FIRST_RETRY_SECONDS and result.kind in ("rate_limited", "server"):
        asked = now + _ms(min(rest_seconds, MAX_RETRY_AFTER_SECONDS))
        return Next("frozen", result.detail, due_at=asked, not_before=asked)
    return Next("frozen", result.detail, due_at=now + _ms(wait), not_before=now + _ms(rest), refused_since=refused)


def falls_back(first_due_at: Millis, severity: int, throttled: bool, now: Millis) -> bool:
    """Whether the fallback is to be told of what is still undelivered.

    A throttle is the user's own wish, so what waits for it falls back only when it is high or critical.
    """
    return now - first_due_at >= FALLBACK_MS and (severity >= HIGH or not throttled)


def _ms(seconds: float) -> Millis:
    return round(seconds * 1000)
