"""A record of the marks topic as an arrival, a removal, or a fault."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from config.brands import Burst
from schemas.errors import NewerSchemaError, RejectedError
from schemas.mark import Mark
from schemas.mention import SCHEMA_VERSION, Mention, snowflake_time, split_key
from workers.incidents.change import to_millis
from workers.incidents.ingest import Arrival

Headers = Sequence[tuple[str, bytes]]

TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context
MAX_ID_BYTES: Final = 256  # ours: X's ids have 20 digits; PostgreSQL indexes nothing beyond 2,704 bytes
MAX_REVISION: Final = 1000  # ours: X allows five edits; a number beyond any list is a fault, not a revision

_marks = msgspec.json.Decoder(Mark)
_mentions = msgspec.json.Decoder(Mention)


class _Version(msgspec.Struct):
    schema_version: int = SCHEMA_VERSION


_versions = msgspec.json.Decoder(_Version)


def decode_mark(value: bytes, rules: Mapping[str, Burst | None], now: datetime, headers: Headers = ()) -> Arrival:
    """Read a mark. Raises RejectedError for what can never be read, NewerSchemaError for what a later release can."""
    if b"\\u0000" in value:
        value = value.replace(b"\\u0000", b"\\ufffd")  # PostgreSQL's text holds no NUL; other writers may send one
    try:
        value.decode()  # what the decoder skips is stored too, and must be text
        mark = _marks.decode(value)
        mention = _mentions.decode(mark.mention)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        refuse_newer(value)
        raise RejectedError(f"not a mark: {error}") from error
    if mark.schema_version > SCHEMA_VERSION or mention.schema_version > SCHEMA_VERSION:
        refuse_newer(value)
        raise NewerSchemaError(f"schema_version {max(mark.schema_version, mention.schema_version)}")
    _check(mention)
    received = _moment(mention.received_at) or now
    # Bursts run on `created_at`, which can't be later than when the post was received.
    created = min(_moment(mention.created_at) or snowflake_time(mention.id) or received, received)
    rule = rules.get(mention.brand)
    within = rule.within if rule is not None else timedelta(0)
    late = mention.recovered and received - created > within
    return Arrival(mark, mention, to_millis(created), late, _trace(headers))


def removed_key(key: bytes) -> tuple[str, str]:
    """Brand and post id of a null value. Raises RejectedError for a key that can be none of ours."""
    brand, post_id = split_key(key)
    if not brand or not post_id or len(key) > 2 * MAX_ID_BYTES or b"\0" in key:
        raise RejectedError("a null value whose key is not <brand id>/<post id>")
    return brand, post_id


def _check(mention: Mention) -> None:
    author = mention.author
    names = [mention.id, mention.brand, mention.root_id, *((author.id, author.username) if author else ())]
    if not mention.id or not mention.brand or "/" in mention.brand or not 0 <= mention.revision <= MAX_REVISION:
        raise RejectedError("not a mark: id and brand must not be empty, brand holds no slash, revision is 0 to 1000")
    # A character has four bytes at most, so that few names need to be encoded to be measured.
    if any(name is not None and len(name) * 4 > MAX_ID_BYTES and len(name.encode()) > MAX_ID_BYTES for name in names):
        raise RejectedError(f"not a mark: an id, a root or an author of more than {MAX_ID_BYTES} bytes")
    if mention.root_id == "burst":
        raise RejectedError("not a mark: `burst` is the key of a brand's burst, no post's")


def refuse_newer(value: bytes) -> None:
    """Raises NewerSchemaError where a record says that a later release wrote it."""
    try:
        version = _versions.decode(value).schema_version
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(f"schema_version {version} of a later release")


def _trace(headers: Headers) -> str | None:
    for name, value in headers:
        if name == "traceparent" and TRACEPARENT.fullmatch(value):
            return value.decode()
    return None


def _moment(written: str | None) -> datetime | None:
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if 1970 < moment.year < 9999 else None
