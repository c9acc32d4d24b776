"""What the steward may do, how often and at what cost: a part of the settings."""

import math
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from config.durations import Duration, PositiveDuration, format_duration, parse_duration
from config.fields import Whole
from config.refusals import refusal
from config.validation import Strict

# Ours. The first look is free: a post that the stream brought is billed for that UTC day already.
SPREAD: Final = "5m, 15m, 30m, 1h, 2h, 4h, 8h"
_DAY: Final = timedelta(days=1)


class StewardSettings(Strict):
    """Removals, the spread of incidents, and what is kept for how long."""

    removals: Literal["auto", "compliance", "lookup", "off"] = "auto"
    """How removed posts are found. `compliance`: X's batch jobs, which bill no post; `lookup`: each post by its id,
    which X bills once a day; `auto`: jobs, and look-ups where X gives the account none; `off`: not at all."""
    jobs_every: PositiveDuration = Field(default=timedelta(hours=12), examples=["12h"])
    """How often a compliance job asks about all posts that are held."""
    first_day_every: PositiveDuration = Field(default=timedelta(hours=1), examples=["1h"])
    """How often posts of the last day are looked up: on the day that they came it costs nothing. With jobs too, as far
    as that goes: edits are found so."""
    first_week_every: PositiveDuration = Field(default=timedelta(days=1), examples=["1d"])
    """How often posts of the last week are looked up, without jobs."""
    later_every: PositiveDuration = Field(default=timedelta(days=3), examples=["3d"])
    """How often older ones are."""
    removal_share: float = Field(default=0.2, examples=[0.2])
    """When more than this share of the posts looked at would be removed within a day, and more than ten, none is: ops
    are told, and a person decides. 1: no such stop."""
    spread: str = Field(default=SPREAD, examples=[SPREAD])
    """How long after one another the reach of an open incident is looked up; the last time again and again. `off`:
    never."""
    spread_posts: Whole = Field(default=5, examples=[5])
    """Of a burst, so many of its loudest posts are looked up."""
    usd_a_day: float = Field(default=1.0, examples=[1.0])
    """What look-ups may cost on one UTC day, in dollars. Posts that X has billed that day already cost nothing."""
    requests: Whole = Field(default=300, examples=[300])
    """Look-ups in 15 minutes, of 100 posts each; X allows 3500."""
    keep_posts: Duration = Field(default=timedelta(days=90), examples=["90d"])
    """How long posts are kept after they came. Those of an open incident stay with it. 0s: for ever."""
    keep_incidents: Duration = Field(default=timedelta(days=400), examples=["400d"], validate_default=True)
    """How long incidents are kept after they were resolved, with their timelines. 0s: for ever."""
    keep_notifications: Duration = Field(default=timedelta(days=30), examples=["30d"])
    """How long it is kept what was sent or cancelled. 0s: for ever."""
    keep_minutes: Duration = Field(default=timedelta(days=400), examples=["400d"])
    """How long the counts by minute are kept, by which bursts are judged. 0s: for ever."""

    @field_validator("spread")
    @classmethod
    def _growing(cls, written: str) -> str:
        steps = spread_steps(written)
        if any(step < timedelta(minutes=1) for step in steps):
            raise refusal("holds a time below a minute", "X counts no faster; write for example `5m, 15m, 1h`")
        if any(later < earlier for earlier, later in pairwise(steps)):
            raise refusal("holds a time shorter than the one before it", "write growing times, for example `5m, 1h`")
        return written

    @field_validator("spread_posts", "requests")
    @classmethod
    def _at_least_one(cls, number: int) -> int:
        if number < 1:
            raise refusal(f"is {number}", "write a whole number from 1")
        return number

    @field_validator("usd_a_day")
    @classmethod
    def _no_debt(cls, dollars: float) -> float:
        if not 0 <= dollars < math.inf:
            raise refusal("is no amount of money", "write dollars, for example `1.0`; 0: only what costs nothing")
        return dollars

    @field_validator("removal_share")
    @classmethod
    def _a_share(cls, share: float) -> float:
        if not 0 < share <= 1:
            raise refusal("is no share", "write a number above 0, up to 1, for example `0.2`")
        return share

    @field_validator("keep_posts", "keep_incidents", "keep_notifications", "keep_minutes")
    @classmethod
    def _at_least_a_day(cls, kept: timedelta) -> timedelta:
        if timedelta(0) < kept < _DAY:
            raise refusal("is shorter than a day", "write for example `90d`, or `0s` to keep them for ever")
        return kept

    @field_validator("keep_incidents")
    @classmethod
    def _outlives_its_posts(cls, kept: timedelta, info: ValidationInfo) -> timedelta:
        posts: Any = info.data.get("keep_posts")
        if kept and isinstance(posts, timedelta) and (not posts or posts > kept):
            remedy = f"keep them for `{format_duration(posts)}` at least" if posts else "write `0s` here too"
            raise refusal("is shorter than posts are kept, and they name their incident", remedy)
        return kept


def spread_steps(written: str) -> list[timedelta]:
    """`5m, 15m` as durations; none for `off`."""
    if written.strip() == "off":
        return []
    try:
        return [parse_duration(part) for part in written.split(",")]
    except ValueError as error:
        raise refusal(str(error), "write times with commas between, for example `5m, 15m, 1h`, or `off`") from None
