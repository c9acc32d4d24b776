"""What a source is to the stream worker: it yields lines, never reads ahead of what was taken, and ends or not."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Line(NamedTuple):
    """One line of a source and its number, from 1. `fault` says why it can't be a whole line, where that is so.

    `recovered`: it came late, by a search for what a gap had cost.
    """

    number: int
    data: bytes
    fault: str | None = None
    recovered: bool = False


class Source(Protocol):
    """Where posts come from.

    Each batch is asked for only when the one before it is on its way to the log, so that a log that is away holds the
    source back. `batches` ends when there will never be more, or soon after `stopping` is set: what was taken from
    where it can't be taken again is still handed on. It may be called again, after the stage was stopped and the cause
    mended; a file then starts anew.
    """

    @property
    def name(self) -> str:
        """The `source` of its mentions: replay, sample, x."""

    def batches(self, stopping: asyncio.Event) -> AsyncGenerator[Sequence[Line], None]:
        """Lines in their order, a few hundred at a time at most: the loop must not be held up by one batch."""

    def acknowledged(self, lines: Sequence[Line]) -> None:
        """The log has all that came of these lines: nothing before that counts as seen."""

    def where(self, line: Line) -> Mapping[str, Any]:
        """The place of a line in its dead letter: `{"file", "line"}` exempts it from the stop rule."""
