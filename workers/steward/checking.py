"""The task of looking up what is held: sweep by sweep, page by page; removals and edits follow from the answers."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.steward import StewardSettings
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.runtime.clock import Clock
from workers.steward.answer import Answer
from workers.steward.edits import Edits
from workers.steward.held import Held, brands_held, page_of
from workers.steward.lease import read_state, save_state
from workers.steward.lookups import PAGE, Lookups
from workers.steward.removal import Removals
from workers.steward.sweep import Band, Sweep, bands, begun, moved_on
from workers.store.store import Store

# Ours.
_REST_SECONDS: Final = 30.0  # how soon new posts, a new brand or money are noticed
_BROKE_MS: Final = 600_000  # how soon a band asks whether there is money again


class _Page(NamedTuple):
    """Where a sweep stands, and the posts that are next in it."""

    sweep: Sweep
    brands: list[str]
    posts: list[Held]


class Checking:
    """Looks posts up by age, oldest first."""

    name = "checking"

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: StewardSettings,
        lookups: Lookups,
        removals: Removals,
        edits: Edits,
    ) -> None:
        self._store, self._clock = store, clock
        self._lookups, self._removals, self._edits = lookups, removals, edits
        self._bands = bands(settings)
        self._broke_until: dict[str, Millis] = {}
        self.only_free = False
        """As long as compliance jobs tell of removals: then the posts of the last day alone, for their edits."""

    async def turn(self) -> float:
        """One request at most. Returns the seconds until there may be something to do again."""
        await self._removals.erase_traces()
        if suspects := self._removals.to_ask_again(PAGE):
            return await self._ask_again(suspects)
        if self._edits.wanted:
            return await self._edits.fetch()
        if self._removals.held_back is None:
            for band in self._bands[:1] if self.only_free else self._bands:
                if (wait := await self._sweep(band)) is not None:
                    return wait
            await self._removals.settle()
        return _REST_SECONDS

    async def _ask_again(self, suspects: Sequence[str]) -> float:
        looked = await self._lookups.ask(suspects, suspected=True)
        if looked.wait_seconds > 0:
            return looked.wait_seconds
        self._removals.put_off(suspects[looked.covered :])  # the account's limit is reached
        if looked.answer is None:
            return 0.0
        self._removals.forget(list(looked.answer.there))
        self._removals.put_off(looked.answer.unknown)
        await self._removals.confirmed(looked.answer.gone)
        return 0.0

    async def _sweep(self, band: Band) -> float | None:
        """The next page of this band; None where it rests."""
        now = self._now()
        if now < self._broke_until.get(band.name, 0):
            return None
        async with self._store.read() as connection:
            kept = await read_state(connection, _state_name(band), Sweep) or Sweep()
            page = None if (sweep := begun(band, kept, now)).done else await _read_page(connection, sweep)
        if page is None:
            return None
        covered = len(page.posts)
        if page.posts:
            looked = await self._lookups.ask([post.id for post in page.posts], only_free=self.only_free)
            if looked.wait_seconds > 0:
                return looked.wait_seconds
            if looked.answer is not None:
                self.judge(looked.answer, {post.id: post.revision for post in page.posts})
            if looked.broke:
                self._broke_until[band.name] = now + _BROKE_MS
            covered = looked.covered
        await self._keep(band, page, covered)
        return 0.0

    def judge(self, answer: Answer, revisions: Mapping[str, int]) -> None:
        """What follows from the first look at posts that are held. `revisions`: by id, which text is held."""
        self._removals.looked([*answer.there, *answer.gone])
        self._removals.suspect({post_id: why for post_id, why in answer.gone.items() if post_id in revisions})
        self._edits.note(answer, revisions)

    async def _keep(self, band: Band, page: _Page, covered: int) -> None:
        sweep = page.sweep
        if covered < len(page.posts):
            if covered:
                sweep = msgspec.structs.replace(sweep, after=page.posts[covered - 1].id, found=True)
        else:
            sweep = moved_on(sweep, page.brands, [post.id for post in page.posts], PAGE)
        async with self._store.write() as connection:
            await save_state(connection, _state_name(band), sweep)

    def _now(self) -> Millis:
        return to_millis(self._clock.now())


async def _read_page(connection: AsyncConnection, sweep: Sweep) -> _Page:
    brands = await brands_held(connection)
    if not sweep.brand:
        sweep = moved_on(sweep, brands, (), PAGE)
    if sweep.done:
        return _Page(sweep, brands, [])
    posts = await page_of(connection, sweep.brand, sweep.after, sweep.highest, PAGE)
    return _Page(sweep, brands, posts)


def _state_name(band: Band) -> str:
    return f"sweep/{band.name}"
