"""What we say when X refuses us: only a person can mend it."""

from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.stream.x.concerns import Concerns
from workers.x.failure import Failure

_log = get_logger(__name__)


def refusal_of(failure: Failure) -> str:
    """A refusal, with what a person can do about it."""
    return f"X refuses us: {failure.detail}; look at the token, the plan and the rules"


def tell_refusal(failure: Failure, health: StageHealth, concerns: Concerns, again_seconds: float) -> None:
    """Not ready until somebody has mended it."""
    health.stopped(f"X refuses us: {failure.detail}")
    _log.error("x_refused", reason=failure.detail, next_attempt_seconds=again_seconds)
    minutes = f"{again_seconds / 60:.0f}"
    concerns.worry(
        "x_refused",
        f"{refusal_of(failure)}; it is tried again every {minutes} min",
        f"X に拒否されました（{failure.detail}）。トークン、契約、ルールを確かめてください。"
        f"{minutes} 分ごとに再び試します",
    )
