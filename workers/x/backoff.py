"""How long to wait after a call of X's failed: its back-off for each class of failure. Pure."""

from dataclasses import dataclass, field
from typing import Final

from workers.x.failure import Failure, Kind

WINDOW_SECONDS: Final = 900.0  # X's: its limits count requests in 15 minutes


@dataclass(frozen=True)
class Waits:
    """X's back-off for each class of failure, in seconds. Tests make them shorter, nothing else changes."""

    network_step: float = 0.25
    network_cap: float = 16.0
    http_base: float = 5.0
    http_cap: float = 320.0
    limited_base: float = 60.0
    limited_cap: float = 960.0
    """Ours: no window of X's is longer than 15 minutes; a reset further away is taken for a wrong clock."""
    refused: float = WINDOW_SECONDS
    """The contract's: four attempts an hour."""


@dataclass
class Failures:
    """The failures in a row, by class: each class has its own row."""

    waits: Waits
    _rows: dict[Kind, int] = field(default_factory=dict)

    def wait(self, failure: Failure, now: float, jitter: float) -> float:
        """Seconds until the next attempt after this failure; `now` in seconds since 1970, `jitter` in 0…1."""
        row = self._rows[failure.kind] = self._rows.get(failure.kind, 0) + 1
        waits = self.waits
        if failure.kind == "network":
            return min(waits.network_cap, waits.network_step * row)
        if failure.kind == "spelling" and row == 1:
            return 0.0
        if failure.kind == "refused":
            return waits.refused
        if failure.kind != "limited":
            return _doubled(waits.http_base, row, waits.http_cap)
        until_reset = (failure.reset_at or 0.0) - now
        if 0 < until_reset <= waits.limited_cap:
            return until_reset + jitter
        return _doubled(waits.limited_base, row, waits.limited_cap)

    def forget(self) -> None:
        """It went well for long enough: the next failure is a first one."""
        self._rows.clear()


def _doubled(base: float, row: int, cap: float) -> float:
    return float(min(cap, base * 2.0 ** min(row - 1, 60)))
