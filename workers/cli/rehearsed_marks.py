"""Files of posts or marks as marks in order of event time: what `backtest policy` and `explain` run on."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from config.brands import Brand
from schemas.errors import ConfigurationError, NewerSchemaError, RejectedError
from schemas.mention import rfc3339
from schemas.topics import MENTIONS
from workers.classifier.batch import Marker, mark_batch, without_too_large
from workers.classifier.judge import Judge
from workers.classifier.model import load_classifier
from workers.dispatcher.decode import decode_mark
from workers.incidents.ingest import Arrival
from workers.stream.intake import Intake, Prepared
from workers.stream.lines import LineSplitter
from workers.stream.match import Matcher
from workers.stream.seen import Seen
from workers.stream.source import Line

_CHUNK_BYTES: Final = 256 * 1024
_BATCH_LINES: Final = 500  # ours: enough for the classifier to be quick, few enough to show progress
_SEEN_POSTS: Final = 10_000_000  # ours: of one file; a year of a busy brand has two million


class _Head(msgspec.Struct):
    """What tells a mark from a post."""

    kind: str
    mention: msgspec.Raw


_heads: Final = msgspec.json.Decoder(_Head)


class RehearsedRecord(NamedTuple):
    """A mention as the classifier's stage gets it."""

    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    topic: str = MENTIONS.name
    partition: int = 0
    timestamp: int = 0


@dataclass
class Counts:
    """What became of the lines."""

    marks: int = 0
    unmatched: int = 0
    bad: int = 0
    first_faults: list[str] = field(default_factory=list)

    def fault(self, where: str, what: str) -> None:
        """A line that can't be read; the first few are told."""
        self.bad += 1
        if len(self.first_faults) < 5:
            self.first_faults.append(f"{where}: {what}")


class MarkReader:
    """Reads lines of posts, which are matched and classified here, and lines of marks, which are taken as they are."""

    def __init__(self, brands: Sequence[Brand], now: datetime) -> None:
        self.counts = Counts()
        self._brands, self._now = brands, now
        self._rules = {brand.id: brand.burst_rule for brand in brands}
        self._seen = Seen(_SEEN_POSTS)
        self._own = {brand.id: frozenset(brand.own) for brand in brands if brand.own}

    @cached_property
    def _intake(self) -> Intake:
        return Intake(Matcher(self._brands), self._seen, "replay", 1)

    @cached_property
    def _classifier(self) -> Marker:
        judge = Judge(load_classifier(), stream=True)
        judge.prepare(self._brands, ())
        return judge

    def read(self, lines: Sequence[Line], name: str) -> list[tuple[int, bytes]]:
        """The marks of these lines, each with its `created_at` in milliseconds."""
        found: list[tuple[int, bytes]] = []
        posts: list[Line] = []
        for line in lines:
            if line.fault is None and _is_mark(line.data):
                self._take(line.data, f"{name}:{line.number}", found)
            else:
                posts.append(line)
        if posts:
            for value in self._marks_of(posts, name):
                self._take(value, name, found)
        return found

    def seen(self, post_id: str) -> bool:
        """Whether this post has come before, in this or a newer revision."""
        return bool(self._seen.get(post_id))

    def decode(self, value: bytes) -> Arrival:
        """A mark as it arrives in event time: what was recovered late was on time then."""
        return decode_mark(value, self._rules, self._now)._replace(late=False)

    def _take(self, value: bytes, where: str, found: list[tuple[int, bytes]]) -> None:
        try:
            arrival = self.decode(value)
        except (RejectedError, NewerSchemaError) as error:
            self.counts.fault(where, str(error))
            return
        self.counts.marks += 1
        found.append((arrival.created_at, value))

    def _marks_of(self, lines: Sequence[Line], name: str) -> Iterator[bytes]:
        prepared = Prepared()
        for _ in self._intake.steps(lines, rfc3339(self._now), {}, prepared):
            pass
        for line, bad in prepared.bad:
            self.counts.fault(f"{name}:{line.number}", bad.fault)
        self.counts.unmatched += prepared.counts.unmatched
        # What has been seen is what the log would have: here at once.
        for post, revisions in prepared.staged.items():
            self._seen.put(post, revisions)
        records = [RehearsedRecord(n, out.key, out.value or b"", out.headers) for n, out in enumerate(prepared.records)]
        if records:
            marked = without_too_large(mark_batch(self._classifier, records, self._own, 1))
            for bad_mark in marked.bad:
                self.counts.fault(name, bad_mark.fault)
            yield from (outgoing.value for outgoing in marked.outgoing if outgoing.value is not None)


def read_files(
    paths: Sequence[str], reader: MarkReader, progress: Callable[[str], None], standard_input: BinaryIO
) -> list[tuple[int, bytes]]:
    """All marks of these files (plain or gzip; `-`: standard input), the earliest first."""
    found: list[tuple[int, bytes]] = []
    for path in paths:
        for lines in _batches(path, standard_input):
            found += reader.read(lines, path)
            progress(f"{len(found):,} posts read")
    found.sort(key=lambda one: one[0])
    return found


def lines_of(path: str, standard_input: BinaryIO) -> Iterator[Line]:
    """The lines of a file, or of standard input."""
    splitter = LineSplitter(path)
    for chunk in _chunks(path, standard_input):
        yield from splitter.feed(chunk) if chunk else splitter.finish()


def _batches(path: str, standard_input: BinaryIO) -> Iterator[list[Line]]:
    lines = lines_of(path, standard_input)
    while batch := list(itertools.islice(lines, _BATCH_LINES)):
        yield batch


def _chunks(path: str, standard_input: BinaryIO) -> Iterator[bytes]:
    """The file's chunks, and an empty one at its end."""
    try:
        with nullcontext(standard_input) if path == "-" else Path(path).open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}; check the path") from error
    yield b""


def _is_mark(data: bytes) -> bool:
    if b'"mention"' not in data:
        return False
    try:
        _heads.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True
