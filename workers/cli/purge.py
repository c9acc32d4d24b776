"""`hikeshi purge`: posts are removed for good, from the log, the store and the dead letters."""

import re

import click

from config.files import Files
from config.settings import Settings
from workers.cli.house import open_house, run_async
from workers.cli.loading import load
from workers.cli.options import Options, common_options
from workers.incidents.change import to_millis
from workers.incidents.purge import purge

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

    Use it when somebody asks for it, or when a post was deleted at X and the steward has not seen it yet. An id may be
    any that an edited post had, or the post's link; plain retweets of it go too. Notifications that wait go out without
    the post; messages that were sent are changed where their channel can.

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
        brands = [brand.id for brand in files.brands]
        now = to_millis(house.clock.now())
        gone = await purge(house.log, house.store, brands, post_ids, now, any_id=True)
    held = len({post for _, post in gone.posts})
    click.echo(
        f"{len(set(post_ids))} purged: {held} held here (earlier ids of an edited post and retweets included)"
        + (f", with {gone.letters} dead letters" if gone.letters else "")
    )
