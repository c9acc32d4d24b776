"""The stream's own waits, and when it may connect again: the budget of connects. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workers.x.backoff import WINDOW_SECONDS, Waits

CONNECTS: Final = 50  # X's, in a window
# Ours: half of them may be spent at once, the rest evenly, so that the budget is never empty for minutes.
_AT_ONCE: Final = CONNECTS // 2


@dataclass(frozen=True)
class Pace(Waits):
    """Every wait of the connection to X, in seconds. Tests make them shorter, nothing else changes."""

    silence: float = 23.0
    """X sends a byte in 20; at 20 we would race it."""
    healthy: float = 60.0
    """Ours: a connection that lasted so long ends the row of failures."""
    deaf: float = 90.0
    """The design's: deaf for so long, ops are told."""
    steady: float = 1.0
    """Ours: a stream that breaks again and again asks for one search, not for one each time."""
    long_gap: float = 60.0
    """Ours: the older part of a longer gap is searched at once. X's search by itself ends 30 s ago."""
    soon: float = 12.0
    """X takes an end time of a search that lies 10 s back: after so long a gap is searched up to its end."""
    settle: float = 45.0
    """Ours: by now X's search shows every post; the end of the gap is searched once more."""
    overlap: float = 10.0
    """X delivers 99 % within 7 s, unordered. What is read twice on one day is billed once."""
    connect_window: float = WINDOW_SECONDS
    save: float = 1.0
    """The design's: the state is written each second."""
    lease: float = 20.0
    """Ours: after so long another replica follows one that died."""
    behind: float = 20.0
    """Ours: a post that comes so late says that newer ones are still on their way; X delivers 99 % within 7 s."""
    poll: float = 15.0
    """Ours: recent search is asked no more often; it shows a post after some 30 s anyway."""
    late: float = 300.0
    """Ours: what such a search finds after longer than this is late, and opens no burst."""
    again: float = WINDOW_SECONDS
    """Ours: where the plan had no stream, it is asked again so often; it may have been an error of X's."""
    audit: float = 900.0
    """Ours: so often we look by search whether the stream gives all, and no further back than this."""
    usage: float = 3600.0
    """Ours: X's own count is compared with ours so often; the first time after a twelfth of it."""
    quiet: float = 30.0
    """Ours: no judgement over the stream's volume before so long without a post."""


def connect_wait(connects: Sequence[float], now: float, window: float = WINDOW_SECONDS) -> float:
    """Seconds until X lets us connect again; `connects` are the times of the last ones, oldest first."""
    recent = recent_connects(connects, now, window)
    if len(recent) < _AT_ONCE:
        return 0.0
    evenly = recent[-1] + window / (CONNECTS - _AT_ONCE) - now
    if len(recent) >= CONNECTS:
        return max(evenly, recent[-CONNECTS] + window - now, 0.0)
    return max(evenly, 0.0)


def recent_connects(connects: Sequence[float], now: float, window: float = WINDOW_SECONDS) -> list[float]:
    """Those that still count."""
    return [at for at in connects if now - window < at]
