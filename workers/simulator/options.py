"""How a simulator behaves where X's documentation leaves a choice, and how fast its clock runs."""

from dataclasses import dataclass, field
from typing import Final, Literal

from workers.simulator.limits import REQUESTS, WINDOW_SECONDS
from workers.simulator.view import Spelling

HEARTBEAT_SECONDS: Final = 20.0  # X's
SEARCH_LAG_SECONDS: Final = 30.0  # X's: without an end time, search ends so long ago
END_MARGIN_SECONDS: Final = 10.0  # X's: an end time must lie so far back
MOST_A_SECOND: Final = 1000.0  # ours, of invented posts: four times what X sends to an account
TOKEN: Final = "simulator"  # noqa: S105  the simulator's own, known to all


@dataclass
class Options:
    """What a test or a user chooses. All may be changed while it runs, but for the speed and the limits."""

    token: str = TOKEN
    """The only bearer token that is taken."""
    speed: float = 1.0
    """X's own intervals (heartbeats, rate limit windows, search's lag) are divided by this. The wall clock is not."""
    seed: int = 7
    """Of the posts that are invented, and of everything else that is random."""
    pace: float = 0.0
    """Posts invented a second, of the real clock."""
    words: tuple[str, ...] = ()
    """What invented posts are about; none: what the rules ask for."""
    second: Literal["refuse", "close-first"] = "refuse"
    """What becomes of a connection too many: it gets 429, or the oldest is closed for it."""
    connections: int = 1
    spelling: Literal["tweet", "post", "both"] = "both"
    """The parameter names that REST takes; the stream always takes `tweet.fields`."""
    strict_fields: bool = False
    """Whether `post.fields` takes only what X's specification of August 2026 lists: it has the ids of authors, of
    answered accounts, of referenced posts and of revisions as expansions."""
    numbers_as_text: bool = True
    """Whether `/2/usage/tweets` writes its numbers as strings."""
    streaming: bool = True
    """False: the plan has no stream; its endpoints answer 403."""
    rule_seconds: float = 0.0
    """After so long an added rule is in force; X needs up to 20. Scaled."""
    delivery_seconds: float = 0.0
    """A post comes down the stream up to so long after it was written, so posts overtake each other. Scaled."""
    backlog: int = 10_000
    """Posts that wait for a client that does not read; one more, and it is a slow reader."""
    monthly_cap: int = 3_000_000
    limits: dict[str, int] = field(default_factory=lambda: dict(REQUESTS))

    def scaled(self, seconds: float) -> float:
        """One of X's intervals, in seconds of the real clock."""
        return seconds / self.speed

    @property
    def spellings(self) -> tuple[Spelling, ...]:
        """Those that REST takes."""
        return ("tweet", "post") if self.spelling == "both" else (self.spelling,)

    @property
    def heartbeat_seconds(self) -> float:
        """Between two heartbeats."""
        return self.scaled(HEARTBEAT_SECONDS)

    @property
    def window_seconds(self) -> float:
        """Of a rate limit."""
        return self.scaled(WINDOW_SECONDS)
