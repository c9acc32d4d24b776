"""A post goes from everywhere: topics, store, dead letters, notifications. By hand and by what X says, the same way."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.mention import record_key
from schemas.topics import MARKS, MENTIONS, mark_partition, mention_partition
from workers.incidents.model import Millis
from workers.incidents.removal import remove
from workers.log.contract import Log, Outgoing
from workers.runtime.letter import Letter
from workers.runtime.letter_box import drop_letter, list_letters, whole_letters
from workers.store.bulk import Rows
from workers.store.store import Store

_TOPICS: Final = (MENTIONS, MARKS)
_AT_ONCE: Final = 100  # ours: posts of one transaction, which holds its locks for some milliseconds
_KEYS: Final = Rows.of(brand="text", id="text")

Key = tuple[str, str]


class Purged(NamedTuple):
    """What was held and is gone: brand and id of each post, retweets included, and how many dead letters."""

    posts: list[Key]
    letters: int


class _Mention(msgspec.Struct):
    retweet_of: str | None = None
    edit_ids: list[str] = []


class _Body(msgspec.Struct):
    mention: _Mention


_bodies = msgspec.json.Decoder(_Body)


async def purge(
    log: Log, store: Store, brands: Collection[str], post_ids: Collection[str], now: Millis, *, any_id: bool = False
) -> Purged:
    """Remove posts for good, known or not, and plain retweets of them. Only their ids stay, so that none comes back.

    `brands`: those of the files, beside what the store has seen. `any_id`: an id may be any that an edited post had;
    that takes a look at every post of the store. Otherwise each is a post's first.
    """
    async with store.read() as connection:
        known = sorted({*brands, *(await connection.execute(text("SELECT brand FROM brands"))).scalars()})
        ids, held = await _related(connection, store.dialect, known, set(post_ids), any_id=any_id)
    letters = await _letters_about(log, ids)
    keys = sorted({*held, *((brand, post_id) for brand in known for post_id in ids)})
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        # First the log, then the store: a crash between the two leaves nulls that the dispatcher carries on.
        await _forget_in_topics(log, some)
        await store.change(partial(remove, dialect=store.dialect, keys=some, now=now))
    await store.erase_traces()
    for letter in letters:
        await drop_letter(log, letter)
    return Purged(sorted(held), len(letters))


async def _related(
    connection: AsyncConnection, dialect: str, brands: Sequence[str], ids: set[str], *, any_id: bool
) -> tuple[set[str], set[Key]]:
    """The ids with all others that these posts had by their edits; what the store holds of them and their retweets."""
    if any_id:
        rows = await connection.stream(text("""SELECT body FROM posts WHERE body LIKE '%"edit_ids":["%'"""))
        async for row in rows:
            mention = _bodies.decode(row.body).mention
            if not ids.isdisjoint(mention.edit_ids):
                ids = ids.union(mention.edit_ids)
    by_key = await connection.execute(
        text(
            f"SELECT posts.brand, posts.id, posts.body FROM {_KEYS.source(dialect)} "
            "JOIN posts ON posts.brand = r.brand AND posts.id = r.id"
        ),
        _KEYS.bind(dialect, [(brand, post_id) for brand in brands for post_id in sorted(ids)]),
    )
    found = [(row.brand, row.id, _bodies.decode(row.body).mention) for row in by_key]
    wanted = ids.union(*(mention.edit_ids for _, _, mention in found))
    held = {(brand, post_id) for brand, post_id, _ in found}
    if any_id or await _retweeted(connection, dialect, brands, wanted):
        rows = await connection.stream(text("""SELECT brand, id, body FROM posts WHERE body LIKE '%"retweet_of":"%'"""))
        async for row in rows:
            if _bodies.decode(row.body).mention.retweet_of in wanted:
                held.add((row.brand, row.id))
    return wanted, held


async def _retweeted(connection: AsyncConnection, dialect: str, brands: Sequence[str], ids: Collection[str]) -> bool:
    """Whether the store has seen retweets of any: asked first, since finding them takes a look at every post."""
    found = await connection.execute(
        text(
            f"SELECT 1 FROM {_KEYS.source(dialect)} "
            "JOIN spread ON spread.brand = r.brand AND spread.root = r.id WHERE spread.retweets > 0 LIMIT 1"
        ),
        _KEYS.bind(dialect, [(brand, post_id) for brand in brands for post_id in sorted(ids)]),
    )
    return found.first() is not None


async def _forget_in_topics(log: Log, keys: Sequence[Key]) -> None:
    mentions, marks = await log.partitions(MENTIONS), await log.partitions(MARKS)
    await log.produce(
        MENTIONS, [Outgoing(mention_partition(post, mentions), record_key(brand, post), None) for brand, post in keys]
    )
    await log.produce(
        MARKS, [Outgoing(mark_partition(brand, marks), record_key(brand, post), None) for brand, post in keys]
    )


async def _letters_about(log: Log, post_ids: set[str]) -> list[Letter]:
    """Dead letters whose key names one of the posts, or that hold its id anywhere."""
    found = []
    ids = {letter.id for letter in await list_letters(log, _TOPICS)}
    async for letter in whole_letters(log, _TOPICS, ids):
        content = letter.content or b""
        named = (letter.key or "").rpartition("/")[2]
        if named in post_ids or any(post_id.encode() in content for post_id in post_ids):
            letter.payload = letter.payload_base64 = None
            found.append(letter)
    return found
