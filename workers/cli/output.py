"""What commands print: JSON lines for programs, aligned tables for people."""

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
import msgspec

_WIDEST_CELL: Final = 60  # ours: longer cells are cut in tables; `--json` has all of it


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """The rows, as JSON lines or as a table of these columns; `empty` is what a person reads when there are none."""
    if as_json:
        for row in rows:
            print_json(row)
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if not cells:
        click.echo(empty, err=True)
        return
    titles = [column.replace("_", " ").upper() for column in columns]
    widths = [max(map(width, column)) for column in zip(titles, *cells, strict=True)]
    for line in [titles, *cells]:
        click.echo("  ".join(pad(cell, size) for cell, size in zip(line, widths, strict=True)).rstrip())


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    sys.stdout.write(
        msgspec.json.encode(value).decode() + "\n"
    )  # unlike click's, without a flush for each of a million


def width(text: str) -> int:
    """Columns that the text takes on a terminal: full-width characters take two, marks that join take none."""
    return sum(
        0 if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )  # fmt: skip


def pad(text: str, columns: int) -> str:
    """The text, filled up with spaces."""
    return text + " " * max(0, columns - width(text))


def printable(text: str) -> str:
    """Text of strangers for a terminal: no control character, so that no post can move the cursor or set colours."""
    return "".join(" " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c) != "Cc")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    return _cut(printable(str(value)))


def _cut(text: str) -> str:
    if width(text) <= _WIDEST_CELL:
        return text
    kept, used = [], 0
    for character in text:
        used += width(character)
        if used > _WIDEST_CELL - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"
