"""What `hikeshi check` asks of X and X bills: put on the bill beside what stream and steward read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from config.settings import Settings
from schemas.errors import ConfigurationError, HikeshiError
from workers.runtime.clock import SystemClock
from workers.store.migrate import check_shape
from workers.store.store import Store, open_store
from workers.x import fields
from workers.x.budget import Spent, budget_of
from workers.x.keeper import credential_name
from workers.x.ledger import COUNTS
from workers.x.purse import Purse

_READER: Final = "check"
_STORE_SECONDS: Final = 10.0  # ours: a store that is away is told by another look of `check`
_AWAY: Final = "the store does not answer"


@dataclass
class Asked:
    """What X has answered. It bills a count as one post, each post and author of a search, and nothing for rules."""

    left: int | None = None
    """Posts that the budget still allows; None: there is no limit, or no bill yet."""
    counts: int = 0
    posts: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)

    def allows(self, posts: int) -> bool:
        """Whether so much more may be bought: what the user's limits forbid the stream, a check may not buy either."""
        return self.left is None or self.counts + len(self.posts) + posts <= self.left

    def page(self, answer: Mapping[str, Any]) -> None:
        """A page of a search came."""
        includes = fields.mapping(answer.get("includes"))
        found = [answer.get("data"), includes.get("tweets"), includes.get("posts")]
        self.posts += _ids([post for some in found for post in fields.mappings(some)])
        self.authors += _ids(fields.mappings(includes.get("users")))


async def budget_left(settings: Settings) -> int | None:
    """Posts that may still be bought; None where there is no limit, or nothing that says what was spent."""
    try:
        async with _purse(settings, _READER) as purse:
            return await purse.left()
    except (HikeshiError, TimeoutError):
        return None


async def on_the_bill(settings: Settings, asked: Asked) -> str:
    """Put it on the bill; returns what a person is told of it."""
    spent = Spent(asked.counts + len(asked.posts), len(asked.authors))
    if not any(spent):
        return "x: this check cost nothing: X bills nothing for rules"
    cost = (
        f"x: this check cost ${budget_of(settings.x).usd(spent):,.3f} at most: {asked.counts} counts, "
        f"{len(asked.posts)} posts and {len(asked.authors)} authors; rules cost nothing"
    )
    try:
        async with _purse(settings, COUNTS) as purse:
            await purse.bill((), (), requests=asked.counts)
        if asked.posts:
            async with _purse(settings, _READER) as purse:
                await purse.bill(asked.posts, asked.authors)
    except (HikeshiError, TimeoutError) as error:
        return f"{cost}; it is not on the bill of `hikeshi usage`: {str(error) or _AWAY}"
    return f"{cost}; it is on the bill of `hikeshi usage`"


@asynccontextmanager
async def _purse(settings: Settings, reader: str) -> AsyncIterator[Purse]:
    async with _store(settings) as store:
        token = settings.x.bearer_token
        if token is None:
            raise ConfigurationError("there is no token of X")
        yield Purse(store, credential_name(token.get_secret_value()), reader, budget_of(settings.x), SystemClock())


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    """The store where there is one: a check makes none."""
    if settings.mode == "embedded" and not (settings.data / "log.db").exists():
        raise ConfigurationError(f"there is no data in {settings.data} yet")
    store = open_store(settings.store_url)
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            await check_shape(store)
            yield store
    finally:
        await store.close()


def _ids(found: list[dict[str, Any]]) -> list[str]:
    return [known for one in found if (known := fields.identifier(one.get("id")))]
