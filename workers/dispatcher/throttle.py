"""A receiver's throttle: at most so many notifications per so long; what exceeds it is bundled, never dropped."""

from collections.abc import Sequence
from typing import NamedTuple

from config.routes import Throttle
from workers.incidents.decide import milliseconds
from workers.incidents.model import Millis


class Allowance(NamedTuple):
    """How many may go now; where none may, when the next may."""

    left: int | None
    """None: as many as there are."""
    free_at: Millis | None = None


def allowance(throttle: Throttle | None, sends: Sequence[Millis], now: Millis) -> Allowance:
    """What the throttle allows after these sends."""
    if throttle is None:
        return Allowance(None)
    recent = recent_sends(throttle, sends, now)
    left = throttle.count - len(recent)
    if left > 0:
        return Allowance(left)
    return Allowance(0, recent[-throttle.count] + milliseconds(throttle.per))


def recent_sends(throttle: Throttle | None, sends: Sequence[Millis], now: Millis) -> list[Millis]:
    """The sends that still count, oldest first."""
    if throttle is None:
        return []
    since = now - milliseconds(throttle.per)
    return sorted(at for at in sends if since < at <= now)[-throttle.count :]
