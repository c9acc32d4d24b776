"""The settings of the account at X: its token, what reading may cost, how it is read."""

import math
from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from config.durations import Duration, PositiveDuration
from config.fields import WebAddress, Whole
from config.refusals import refusal
from config.validation import Strict


class XSettings(Strict):
    """The account at X. Days and months are UTC, as X bills them."""

    bearer_token: SecretStr | None = None
    """The token of the app. With one, posts come from X unless `source` says otherwise."""
    base_url: WebAddress = Field(default="https://api.x.com", examples=["https://api.x.com"])
    """Where X's API is; another address for a simulator or a proxy."""
    reading: Literal["auto", "stream", "search"] = "auto"
    """How: by the filtered stream, or by recent search again and again, minutes later. `auto`: by search where the plan
    has no stream."""
    spelling: Literal["tweet", "post"] = "tweet"
    """How a post's fields are named first: `tweet.fields` or `post.fields`. Refused by X, the other is taken."""
    daily_posts: Whole | None = Field(default=None, examples=[20000])
    """The hard cap of posts read on one day, each of which X bills. Reached: nothing is read before the next."""
    monthly_posts: Whole | None = Field(default=3_000_000, examples=[3000000])
    """The same for one month; X's own cap of a plan that is paid by use."""
    daily_usd: float | None = Field(default=None, examples=[50])
    """What a day's posts and authors may cost at most, in dollars."""
    monthly_usd: float | None = Field(default=None, examples=[1000])
    """What a month's may."""
    post_usd: float = Field(default=0.005, examples=[0.005])
    """What X bills for a post, in dollars."""
    author_usd: float = Field(default=0.010, examples=[0.010])
    """What X may bill for a post's author, in dollars; 0 where you know that it doesn't."""
    rules: Whole = Field(default=1000, examples=[1000])
    """How many rules of the stream the plan has."""
    authors: bool = Field(default=True, examples=["true"])
    """Whether to ask for each post's author too. X may bill these; without them nobody is an influencer."""
    recovery_usd: float = Field(default=500.0, examples=[500])
    """What filling one gap of the stream may cost at most, in dollars."""
    recovery_time: PositiveDuration = Field(default=timedelta(hours=1), examples=["1h"])
    """How long filling one gap may take at most."""
    look_back: Duration = Field(default=timedelta(0), examples=["1h"])
    """How far the very first start looks back by search, 7 days at most; 0s: not at all."""

    @field_validator("daily_posts", "monthly_posts", "rules")
    @classmethod
    def _at_least_one(cls, number: int | None) -> int | None:
        if number is not None and number < 1:
            raise refusal(f"is {number}", "write a whole number from 1")
        return number

    @field_validator("post_usd", "recovery_usd", "daily_usd", "monthly_usd")
    @classmethod
    def _some_money(cls, dollars: float | None) -> float | None:
        if dollars is not None and not 0 < dollars < math.inf:
            raise refusal("is no price", "write dollars, for example `0.005`")
        return dollars

    @field_validator("author_usd")
    @classmethod
    def _money(cls, dollars: float) -> float:
        if not 0 <= dollars < math.inf:
            raise refusal("is no price", "write dollars, for example `0.01`, or `0`")
        return dollars
