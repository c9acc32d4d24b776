"""`hikeshi posts mark` and `hikeshi posts marks`: teach what a post is, see what was taught, undo it."""

import re
from typing import Any, Final

import click
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.files import Files
from config.settings import Settings
from schemas.errors import ConfigurationError
from schemas.mark import KINDS, SEVERITIES, Kind
from workers.cli.house import open_house, run_async
from workers.cli.loading import load
from workers.cli.options import Options, common_options
from workers.cli.output import print_rows
from workers.incidents import teaching
from workers.store import queries
from workers.store.store import Store

_COLUMNS: Final = ("id", "at", "by", "brand", "post", "before", "after", "undone_at", "undone_by")
_POST: Final = re.compile(r"(?:https?://\S+/status/)?([^\s/?#]+)(?:[?#]\S*)?")


def _named(_: click.Context, __: click.Parameter, name: str) -> str:
    if not name.strip():
        raise click.BadParameter("is empty; say who you are")
    return name.strip()


_by = click.option("--by", required=True, metavar="NAME", callback=_named, help="Who you are, for the record.")


def _post_id(_: click.Context, __: click.Parameter, written: str) -> str:
    found = _POST.fullmatch(written.strip())
    if found is None:
        raise click.BadParameter(f"{written!r}: no post's id; give it as `hikeshi posts list` shows it, or its link")
    return found[1]


@click.command("mark")
@click.argument("post_id", metavar="POST_ID", callback=_post_id)
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What the post is; irrelevant: not about us.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Of a complaint: how grave. [as it was, else medium]")
@click.option("--brand", help="For which brand (its id), where the post is about more than one.")
@_by
@common_options
def mark(options: Options, post_id: str, kind: Kind, severity: str | None, brand: str | None, by: str) -> None:
    """Say what a post is. Its incident follows at once, and within seconds posts like it are marked the same way.

    What you teach stays in your store: the post's id and numbers that its text can't be read back from, never its
    text. A purge of the post takes the lesson too.

    \b
    Examples:
      hikeshi posts mark 1983456789012345678 --kind irrelevant --by yuki
      hikeshi posts mark 1983456789012345678 --kind complaint --severity high --by yuki --brand acme
    """
    settings, files = load(options, stage="dispatcher")
    lesson = run_async(_mark(settings, files, post_id, kind, severity, brand, by))
    before, after = lesson.kind_before, lesson.kind
    click.echo(f"{lesson.brand}/{lesson.post}: {before} → {after} (mark {lesson.id}; undo: hikeshi posts marks undo)")


async def _mark(
    settings: Settings, files: Files, post_id: str, kind: Kind, severity: str | None, brand: str | None, by: str
) -> teaching.Lesson:
    async with open_house(settings) as house:
        about = brand or await _only_brand(house.store, post_id)

        async def in_store(connection: AsyncConnection) -> teaching.Lesson:
            return await teaching.teach(
                connection, house.store.dialect, files.policy, about, post_id, kind,
                by=by, now=house.clock.now(), severity=severity,
            )  # fmt: skip

        return await house.store.change(in_store)


async def _only_brand(store: Store, post_id: str) -> str:
    async with store.read() as connection:
        found = await connection.execute(text("SELECT brand FROM posts WHERE id = :id ORDER BY brand"), {"id": post_id})
        brands = list(found.scalars())
    if not brands:
        raise ConfigurationError(f"{post_id}: no such post is stored; see `hikeshi posts list`")
    if len(brands) > 1:
        raise ConfigurationError(f"{post_id}: is about {', '.join(brands)}; name one with --brand")
    return str(brands[0])


@click.group("marks")
def marks() -> None:
    """What users taught: who, when, which post, from what to what."""


@marks.command("list")
@click.option("--brand", help="Of this brand alone (its id).")
@click.option("--all", "everything", is_flag=True, help="Those that were undone too.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@common_options
def list_(options: Options, brand: str | None, everything: bool, as_json: bool) -> None:
    """List what was taught, oldest first.

    \b
    Example:
      hikeshi posts marks list --brand acme --all
    """
    rows = run_async(_rows(options.settings(), brand, everything))
    print_rows(rows, _COLUMNS, as_json=as_json, empty="Nothing was taught yet.")


async def _rows(settings: Settings, brand: str | None, everything: bool) -> list[dict[str, Any]]:
    async with open_house(settings) as house, house.store.read() as connection:
        return [_row(lesson) for lesson in await teaching.history(connection, brand=brand, everything=everything)]


def _row(lesson: teaching.Lesson) -> dict[str, Any]:
    return {
        "id": lesson.id,
        "at": queries.moment(lesson.taught_at),
        "by": lesson.taught_by,
        "brand": lesson.brand,
        "post": lesson.post,
        "before": lesson.kind_before,
        "severity_before": SEVERITIES[lesson.severity_before],
        "after": lesson.kind,
        "severity_after": SEVERITIES[lesson.severity],
        "undone_at": queries.moment(lesson.undone_at) if lesson.undone_at is not None else None,
        "undone_by": lesson.undone_by,
    }


@marks.command()
@click.argument("ids", nargs=-1, required=True, metavar="MARK_ID…")
@_by
@common_options
def undo(options: Options, ids: tuple[str, ...], by: str) -> None:
    """Take back what was taught: the posts are what they were before, and nothing is learned from the marks any more.

    \b
    Example:
      hikeshi posts marks undo MARK_ID --by yuki
    """
    settings, files = load(options, stage="dispatcher")
    for lesson in run_async(_undo(settings, files, ids, by)):
        click.echo(f"{lesson.brand}/{lesson.post}: {lesson.kind} → {lesson.kind_before} again")


async def _undo(settings: Settings, files: Files, ids: tuple[str, ...], by: str) -> list[teaching.Lesson]:
    async with open_house(settings) as house:

        async def in_store(connection: AsyncConnection) -> list[teaching.Lesson]:
            return [
                await teaching.undo(connection, house.store.dialect, files.policy, one, by=by, now=house.clock.now())
                for one in dict.fromkeys(ids)
            ]

        return await house.store.change(in_store)
