"""`hikeshi purge`: posts are removed for good, from the log, the store and the dead letters."""

import re

import click
from sqlalchemy import text

from config.files import Files
from config.settings import Settings
from schemas.mention import record_key
from schemas.topics import MARKS, MENTIONS, mark_partition, mention_partition
from workers.cli.house import House, open_house, run_async
from workers.cli.loading import load
from workers.cli.options import Options, common_options
from workers.incidents.change import to_millis
from workers.incidents.removal import remove
from workers.log.contract import Outgoing
from workers.runtime.letter import Letter
from workers.runtime.letter_box import drop_letter, list_letters, whole_letters

_TOPICS = (MENTIONS, MARKS)
_ID = re.compile(r"(?:https?://\S+/status/)?(\d{1,20})(?:[?#]\S*)?")


def _ids(_: click.Context, __: click.Parameter, written: tuple[str, ...]) -> tuple[str, ...]:
    """Ids as they are, or as they stand in a post's link."""
    found = [_ID.fullmatch(text.strip()) for text in written]
    bad = [text for text, match in zip(written, found, strict=True) if match is None]
    if bad:
        raise click.BadParameter(f"{', '.join(bad)}: no post's id; give its digits or its link")
    return tuple(match[1] for match in found if match is not None)


@click.command()
@click.argument("post_ids", nargs=-1, required=True, metavar="POST_ID…", callback=_ids)
@common_options
def command(options: Options, post_ids: tuple[str, ...]) -> None:
    """Remove posts for good: their text goes from every topic, table and dead letter. Only the ids stay, so that a
    replay can't bring them back.

    Use it when a post was deleted at X, or when somebody asks for it. An id may be any that an edited post had, or
    the post's link; plain retweets of it go too. Notifications that
    were sent can't be called back; those that were not yet sent go out without the post.

    On the embedded log the text is out of every file within a minute; on Kafka the topics forget it at their next
    compaction (12 hours at most).

    \b
    Example:
      hikeshi purge 1983456789012345678
    """
    settings, files = load(options, stage="dispatcher")
    run_async(_purge(settings, files, post_ids))


async def _purge(settings: Settings, files: Files, post_ids: tuple[str, ...]) -> None:
    async with open_house(settings) as house:
        letters = await _letters_about(house, set(post_ids))
        related = await _related(house, set(post_ids))
        brands = await _brands(house, files)
        keys = sorted({*related, *((brand, post_id) for brand in brands for post_id in post_ids)})
        # First the log, then the store: a crash between the two leaves nulls that the dispatcher carries on.
        await _forget_in_topics(house, keys)
        async with house.store.write() as connection:
            await remove(connection, house.store.dialect, keys, to_millis(house.clock.now()))
        await house.store.erase_traces()
        for letter in letters:
            await drop_letter(house.log, letter)
    held = len({post for _, post in related})
    click.echo(
        f"{len(set(post_ids))} purged: {held} held here (earlier ids of an edited post and retweets included)"
        + (f", with {len(letters)} dead letters" if letters else "")
    )


async def _related(house: House, post_ids: set[str]) -> set[tuple[str, str]]:
    """Stored posts under one of these ids: their own, another of their edit list, or that of what they retweet."""
    found: set[tuple[str, str]] = set()
    async with house.store.read() as connection:
        for post_id in post_ids:
            rows = await connection.execute(
                text(
                    "SELECT brand, id FROM posts WHERE id = :id OR (body LIKE :named AND "
                    "(body LIKE :edited OR body LIKE :retweet))"
                ),
                {
                    "id": post_id,
                    "named": f'%"{post_id}"%',
                    "edited": f'%"edit_ids":[%"{post_id}"%',
                    "retweet": f'%"retweet_of":"{post_id}"%',
                },
            )
            found |= {(row.brand, row.id) for row in rows}
    return found


async def _brands(house: House, files: Files) -> list[str]:
    """Every brand that a post may be about: those of the files, and those that the store has ever seen."""
    async with house.store.read() as connection:
        stored = (await connection.execute(text("SELECT brand FROM brands"))).scalars()
        return sorted({*stored, *(brand.id for brand in files.brands)})


async def _forget_in_topics(house: House, keys: list[tuple[str, str]]) -> None:
    mentions, marks = await house.log.partitions(MENTIONS), await house.log.partitions(MARKS)
    await house.log.produce(
        MENTIONS, [Outgoing(mention_partition(post, mentions), record_key(brand, post), None) for brand, post in keys]
    )
    await house.log.produce(
        MARKS, [Outgoing(mark_partition(brand, marks), record_key(brand, post), None) for brand, post in keys]
    )


async def _letters_about(house: House, post_ids: set[str]) -> list[Letter]:
    """Dead letters whose key names one of the posts, or that hold its id anywhere."""
    found = []
    ids = {letter.id for letter in await list_letters(house.log, _TOPICS)}
    async for letter in whole_letters(house.log, _TOPICS, ids):
        content = letter.content or b""
        named = (letter.key or "").rpartition("/")[2]
        if named in post_ids or any(post_id.encode() in content for post_id in post_ids):
            letter.payload = letter.payload_base64 = None
            found.append(letter)
    return found
