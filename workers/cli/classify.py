"""`hikeshi classify`: JSON lines in, verdicts out, same count, same order."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import click
import msgspec

from config.brands import load_brands
from config.faults import suggestion
from schemas.errors import ConfigurationError
from schemas.mention import Author
from workers.classifier.judge import Judge
from workers.classifier.model import Post, load_classifier
from workers.cli.exit_status import FAILED
from workers.cli.options import Options, common_options
from workers.stream.decode import BadLineError, decode_line
from workers.stream.mention import created_at, metrics_of, urls_of
from workers.stream.parse import parse_line
from workers.x import fields

_CHUNK_BYTES: Final = 64 * 1024
_BATCH: Final = 256


class _Invalid(NamedTuple):
    """What is wrong with a line."""

    fault: str


@click.command()
@click.argument("file", default="-", metavar="[FILE|-]")
@click.option("--brand", help="Classify as posts about this brand of brands.yaml (its id).")
@common_options
def command(options: Options, file: str, brand: str | None) -> int:
    """Say of each text what kind it is, how severe, in which language, and why. Nothing is stored or sent.

    Reads JSON lines `{"text": …, "lang"?: …, "author"?: {"followers": …}}`, or lines of X's API v2 stream, from a file
    or standard input; writes one JSON line for each, in the same order. A line that isn't valid gives
    `{"error": …, "line": N}` in its place, and exit status 1 at the end.

    \b
    Example:
      echo '{"text": "充電器が燃えた。二度と買わない"}' | hikeshi classify
    """
    settings = options.settings()
    judge = Judge(load_classifier())
    if brand is not None:
        brands = load_brands(settings.config / "brands.yaml")
        ids = [known.id for known in brands]
        if brand not in ids:
            raise ConfigurationError(f"--brand: no brand with the id `{brand}`; {suggestion(brand, ids)}")
        judge.prepare(brands)
    failed = 0
    with _opened(file) as stream:
        number = 0
        for lines in _batches(stream):
            failed += _classify(judge, lines, brand, number)
            number += len(lines)
    return FAILED if failed else 0


def _opened(file: str) -> Any:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file}: can't be read: {error.strerror}; check the path") from error


def _batches(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Whole lines, as soon as they are there: a pipe that trickles is answered line by line."""
    rest = b""
    while chunk := (stream.read1(_CHUNK_BYTES) if hasattr(stream, "read1") else stream.read(_CHUNK_BYTES)):
        *lines, rest = (rest + chunk).split(b"\n")
        for start in range(0, len(lines), _BATCH):
            yield lines[start : start + _BATCH]
    if rest:
        yield [rest]


def _classify(judge: Judge, lines: list[bytes], brand: str | None, before: int) -> int:
    """Write a verdict for each line; returns how many were not valid."""
    read = [_read(line, brand) for line in lines]
    verdicts = iter(judge.classify([item for item in read if isinstance(item, Post)]))
    out = []
    for number, item in enumerate(read, before + 1):
        out.append(
            msgspec.json.encode({"error": item.fault, "line": number} if isinstance(item, _Invalid) else next(verdicts))
        )
    sys.stdout.buffer.write(b"\n".join(out) + b"\n")
    sys.stdout.buffer.flush()
    return sum(isinstance(item, _Invalid) for item in read)


def _read(line: bytes, brand: str | None) -> Post | _Invalid:
    try:
        value = decode_line(line)
    except BadLineError as error:
        return _Invalid(str(error))
    if not isinstance(value, dict):
        return _Invalid("is not a JSON object")
    if "data" not in value and "id" not in value:
        text = fields.text(value.get("text"))
        if text is None:
            return _Invalid("has no `text`" if value.get("text") is None else "`text` is not a string")
        return Post(text=text, lang=fields.text(value.get("lang")) or None, author=_author(value), brand=brand)
    parsed = parse_line(line)
    if parsed.bad:
        return _Invalid(parsed.bad[0].fault)
    if len(parsed.posts) != 1:
        return _Invalid(f"holds {len(parsed.posts) or 'no'} posts, not one")
    post = parsed.posts[0]
    return Post(
        text=post.text,
        lang=post.lang,
        author=post.author or _author(value),
        brand=brand,
        created_at=created_at(post),
        urls=urls_of(post),
        metrics=metrics_of(post),
        retweet_of=post.reference_id("retweeted"),
    )


def _author(value: dict[str, Any]) -> Author | None:
    """The author of our own short form: counts beside the name, not in `public_metrics`."""
    author = value.get("author")
    if not isinstance(author, dict):
        return None
    return Author(
        id=fields.identifier(author.get("id")),
        username=fields.text(author.get("username")),
        name=fields.text(author.get("name")),
        followers=fields.count(author.get("followers")),
        following=fields.count(author.get("following")),
        posts=fields.count(author.get("posts")),
        listed=fields.count(author.get("listed")),
        verified=fields.flag(author.get("verified")),
        verified_type=fields.text(author.get("verified_type")),
        created_at=fields.moment(author.get("created_at")),
    )
