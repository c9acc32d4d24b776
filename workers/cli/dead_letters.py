"""`hikeshi dead-letters`: what could not be processed or delivered, and the way back."""

import sys
from typing import Any

import click
import msgspec

from config.settings import Settings
from schemas.errors import ConfigurationError, RejectedError
from schemas.topics import MARKS, MENTIONS
from workers.cli.exit_status import FAILED
from workers.cli.house import House, open_house, run_async
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, print_rows
from workers.runtime.letter import Letter
from workers.runtime.letter_box import drop_letter, list_letters, retry_letter, whole_letters
from workers.store.queries import drop_notifications, failed_notifications, retry_notifications

TOPICS = (MENTIONS, MARKS)


@click.group()
def command() -> None:
    """What could not be processed or delivered. Nothing here is lost: retry it once the cause is mended, or drop it.

    A stage that puts too much aside (50 in a row, or 5 % within 5 minutes) stops: `run` ends, a worker is not ready.
    It goes on once the letters were retried or dropped.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many.")
@common_options
def list_(options: Options, as_json: bool, limit: int | None) -> None:
    """List the dead letters, oldest first: lines and records that could not be processed, and failed notifications.

    \b
    Example:
      hikeshi dead-letters list
    """
    rows = run_async(_rows(options.settings()))
    columns = ("id", "at", "stage", "where", "fault")
    shown = rows[:limit]
    if not as_json:
        shown = [row | {"where": _place(row["where"])} for row in shown]
    print_rows(shown, columns, as_json=as_json, empty="No dead letters.")


async def _rows(settings: Settings) -> list[dict[str, Any]]:
    async with open_house(settings) as house:
        letters = [_row(letter) for letter in await list_letters(house.log, TOPICS)]
        failed = [_notification(row) for row in await failed_notifications(house.store)]
    return sorted([*letters, *failed], key=lambda row: str(row["at"]))


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--payload", is_flag=True, help="Only the line or record itself, as it was, for a file or a pipe.")
@common_options
def show(options: Options, ids: tuple[str, ...], payload: bool) -> None:
    """Show dead letters whole, with the line or record in them (its first 256 KiB).

    \b
    Example: mend a line by hand and bring it in again
      hikeshi dead-letters show --payload ID > line.jsonl
      hikeshi run --source replay --file line.jsonl --until-idle
    """
    run_async(_show(options.settings(), set(ids), payload))


async def _show(settings: Settings, ids: set[str], payload: bool) -> None:
    async with open_house(settings) as house:
        letters, failed = await _chosen(house, ids)
        for row in failed:
            print_json(_notification(row))
        sys.stdout.flush()  # what goes to its buffer must come after what was printed
        async for letter in whole_letters(house.log, TOPICS, letters):
            if payload:
                sys.stdout.buffer.write((letter.content or b"").rstrip(b"\n") + b"\n")
            else:
                print_json(_row(letter))


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@common_options
def retry(options: Options, ids: tuple[str, ...], everything: bool) -> int:
    """Put records on their topic again, for the stage to process anew; the letter is then gone.

    Mend the cause first. A line of a file has no record to put back: give the file again.

    \b
    Example:
      hikeshi dead-letters retry --all
    """
    return run_async(_retry(options.settings(), _selection(ids, everything)))


async def _retry(settings: Settings, ids: set[str] | None) -> int:
    refused, done = 0, 0
    async with open_house(settings) as house:
        letters, failed = await _chosen(house, ids)
        async for letter in whole_letters(house.log, TOPICS, letters):
            try:
                await retry_letter(house.log, letter)
                done += 1
            except RejectedError as error:
                click.echo(f"hikeshi: {error}", err=True)
                refused += 1
        done += await retry_notifications(house.store, {row["id"] for row in failed}, house.clock.now())
    click.echo(f"{done} retried" + (f", {refused} not" if refused else ""))
    return FAILED if refused else 0


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@common_options
def drop(options: Options, ids: tuple[str, ...], everything: bool) -> None:
    """Remove dead letters for good, once nobody needs what is in them.

    \b
    Example:
      hikeshi dead-letters drop 5f0c2a…
    """
    run_async(_drop(options.settings(), _selection(ids, everything)))


async def _drop(settings: Settings, ids: set[str] | None) -> None:
    async with open_house(settings) as house:
        chosen, failed = await _chosen(house, ids)
        for letter in await list_letters(house.log, TOPICS):
            if letter.id in chosen:
                await drop_letter(house.log, letter)
        done = len(chosen)
        done += await drop_notifications(house.store, {row["id"] for row in failed}, house.clock.now())
    click.echo(f"{done} dropped")


def _selection(ids: tuple[str, ...], everything: bool) -> set[str] | None:
    """The ids, or None for all."""
    if everything == bool(ids):
        raise click.UsageError("name the dead letters by their ids, or all of them with --all")
    return None if everything else set(ids)


async def _chosen(house: House, ids: set[str] | None) -> tuple[set[str], list[dict[str, Any]]]:
    """The ids of the chosen letters, and the chosen failed notifications; None means all."""
    letters = {letter.id for letter in await list_letters(house.log, TOPICS)}
    failed = await failed_notifications(house.store)
    if ids is None:
        return letters, failed
    unknown = ids - letters - {row["id"] for row in failed}
    if unknown:
        raise ConfigurationError(
            f"no dead letter with id {', '.join(sorted(unknown))}: `hikeshi dead-letters list` shows those there are"
        )
    return letters & ids, [row for row in failed if row["id"] in ids]


def _row(letter: Letter) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(letter)
    return {"where": {}, **{name: value for name, value in row.items() if name != "standing"}}


def _notification(row: dict[str, Any]) -> dict[str, Any]:
    """A failed notification as a row beside the letters."""
    return {**row, "where": {"receiver": row["receiver"], "incident": row["incident"]}}


def _place(where: dict[str, Any]) -> str:
    if "file" in where:
        return f"{where['file']}:{where.get('line', '')}"
    return " ".join(f"{name} {value}" for name, value in where.items())
