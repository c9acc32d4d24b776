"""`hikeshi purge`: posts are removed for good, from the log, the store and the dead letters."""

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


@click.command()
@click.argument("post_ids", nargs=-1, required=True, metavar="POST_ID…")
@common_options
def command(options: Options, post_ids: tuple[str, ...]) -> None:
    """Remove posts for good: their text goes from every topic, table and dead letter. Only the ids stay, so that a
    replay can't bring them back.

    Use it when a post was deleted at X, or when somebody asks for it. `posts list` shows the ids. Notifications that
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
        keys = [(brand, post_id) for brand in await _brands(house, files) for post_id in post_ids]
        # First the log, then the store: a crash between the two leaves nulls that the dispatcher carries on.
        await _forget_in_topics(house, keys)
        async with house.store.write() as connection:
            await remove(connection, house.store.dialect, keys, to_millis(house.clock.now()))
        await house.store.erase_traces()
        for letter in letters:
            await drop_letter(house.log, letter)
    click.echo(f"{len(set(post_ids))} purged" + (f", with {len(letters)} dead letters" if letters else ""))


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
