"""Chunks of a plain or gzipped file -> its lines, with bounds on a line's length and on memory."""

import zlib
from collections.abc import Iterator

from schemas.topics import DEAD_LETTER_PAYLOAD_BYTES
from workers.stream.decode import BadLineError, decode_line
from workers.stream.source import Line

# Ours: the contract promises 1 MB; a page of 500 posts with everything that X includes has 2–4 MB. Decoding so much
# holds up the loop for some 40 ms.
MAX_LINE_BYTES = 8 * 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's way to say: gzip's header and trailer
_INFLATED_BYTES = 1024 * 1024  # at a time: a small file may hold very many bytes


class LineSplitter:
    """Feed it the chunks of one file in order, then `finish`. Blank lines are counted but not handed on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.number = 0
        """Lines met so far."""
        self._head = b""
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._known = False
        self._inflater: zlib._Decompress | None = None
        self._damage: str | None = None

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that this chunk completes."""
        if not self._known:
            self._head += chunk
            if len(self._head) < len(_GZIP_MAGIC):
                return
            self._known, chunk, self._head = True, self._head, b""
            if chunk.startswith(_GZIP_MAGIC):
                self._inflater = zlib.decompressobj(_GZIP_WINDOW)
        if self._inflater is None:
            yield from self._split(chunk)
            return
        if self._damage is None:
            for inflated in self._inflate(self._inflater, chunk):
                yield from self._split(inflated)

    def finish(self) -> Iterator[Line]:
        """What is left at the end of the file: a last line without its end, or the cut of a gzip file."""
        if not self._known:
            yield from self._split(self._head)
        if self._inflater is not None and not self._inflater.eof and self._damage is None:
            self._damage = "the gzip file is cut: its end is missing"
        rest = self._take_rest()
        if self._damage is None or _is_whole(rest):
            yield from self._line(rest)
            rest = b""
        if self._damage is not None:
            self.number += 1
            yield Line(self.number, rest or f"{self._name}: ends at line {self.number}".encode(), self._damage)

    def _inflate(self, inflater: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if inflater.eof:  # members may follow one another, and zeros pad a tape's last block
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    return
                self._inflater = inflater = zlib.decompressobj(_GZIP_WINDOW)
            before = inflater.copy()
            try:
                yield inflater.decompress(chunk, _INFLATED_BYTES)
            except zlib.error as error:
                self._damage = f"the gzip file is damaged from here on: {error}"
                yield _salvage(before, chunk)
                return
            chunk = inflater.unused_data if inflater.eof else inflater.unconsumed_tail

    def _split(self, data: bytes) -> Iterator[Line]:
        first, *whole = data.split(b"\n")
        self._keep(first)
        if not whole:
            return
        last = whole.pop()
        yield from self._line(self._take_rest())
        for line in whole:  # no longer than a chunk
            self.number += 1
            if line and not line.isspace():
                yield Line(self.number, line)
        self._keep(last)

    def _keep(self, part: bytes) -> None:
        self._rest_bytes += len(part)
        if self._rest_bytes <= MAX_LINE_BYTES:
            self._rest.append(part)

    def _take_rest(self) -> bytes:
        rest = self._rest[0] if len(self._rest) == 1 else b"".join(self._rest)
        self._rest.clear()
        return rest

    def _line(self, data: bytes) -> Iterator[Line]:
        self.number += 1
        length, self._rest_bytes = self._rest_bytes, 0
        if length > MAX_LINE_BYTES:
            yield Line(self.number, data[:DEAD_LETTER_PAYLOAD_BYTES], f"a line of more than {MAX_LINE_BYTES} bytes")
        elif data and not data.isspace():
            yield Line(self.number, data)


def _salvage(inflater: "zlib._Decompress", chunk: bytes) -> bytes:
    """What a chunk holds before its damage: zlib gives out nothing of a call that fails, so it gets single bytes."""
    good = bytearray()
    try:
        for place in range(len(chunk)):
            good += inflater.decompress(chunk[place : place + 1], _INFLATED_BYTES)
    except zlib.error:
        pass  # reached: the caller has told of it
    return bytes(good)


def _is_whole(data: bytes) -> bool:
    """Whether a line without its end is all there: an object that was cut is no JSON."""
    if not data.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(decode_line(data), dict)
    except BadLineError:
        return False
