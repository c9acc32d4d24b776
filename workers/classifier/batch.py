"""A batch of mentions becomes a batch of marks: decode, classify, encode. Pure and synchronous: for a thread."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from schemas.errors import RejectedError
from schemas.mark import Kind, Mark, Verdict
from schemas.mention import SCHEMA_VERSION, record_key, split_key
from schemas.topics import MAX_RECORD_BYTES, mark_partition
from workers.classifier.model import Post
from workers.log.contract import Outgoing, Record
from workers.log.record_size import record_bytes


class Marker(Protocol):
    """What the stage needs of a classifier; see `workers.classifier.model.Classifier`."""

    version: str

    def classify(self, posts: Sequence[Post]) -> list[Verdict]: ...


class MentionPost(Post, frozen=True, kw_only=True):
    """The fields of a mention that matter here, read straight into what the classifier takes; the rest is carried as
    bytes. What the contract requires of a mention is required."""

    id: str
    brand: str
    created_at: str
    schema_version: int = 1


class _VersionOnly(msgspec.Struct):
    schema_version: int = 1


class Bad(NamedTuple):
    """A record that can't be processed, ever; `number` is its place in `Marked.handled`."""

    number: int
    record: Record
    fault: str


class Marked(NamedTuple):
    """What came of a batch.

    `newer`: by partition, the first offset whose schema this release does not know; the partition's records from
    there on are not in `handled`. Every handled record is in `outgoing` or in `bad`, each in the batch's order.
    """

    handled: Sequence[Record]
    outgoing: list[Outgoing]
    kinds: list[Kind | None]
    """Of each outgoing mark; None for a removal."""
    bad: list[Bad]
    newer: dict[int, int]


_decode: Final = msgspec.json.Decoder(MentionPost).decode
_decode_version: Final = msgspec.json.Decoder(_VersionOnly).decode
_encode: Final = msgspec.json.Encoder().encode

OwnAccounts = Mapping[str, frozenset[str]]
"""By brand id, the handles of its own accounts, lower-case and without @."""


def mark_batch(classifier: Marker, records: Sequence[Record], own: OwnAccounts, partitions: int) -> Marked:
    """Marks for these mentions, in their order; `partitions` is how many the marks' topic has."""
    handled, posts, bad, newer = _read_all(records)
    good = handled if not bad else _good(handled, bad)
    verdicts = _verdicts(classifier, posts, own)
    version = classifier.version
    outgoing = [
        _removal(record, partitions)
        if post is None or verdict is None
        else _mark(record, post, verdict, version, partitions)
        for record, post, verdict in zip(good, posts, verdicts, strict=True)
    ]
    kinds = [None if verdict is None else verdict.kind for verdict in verdicts]
    return Marked(handled, outgoing, kinds, bad, newer)


def _verdicts(classifier: Marker, posts: Sequence[MentionPost | None], own: OwnAccounts) -> list[Verdict | None]:
    """A verdict for each post; None for a removed one."""
    there = [post for post in posts if post is not None]
    said = classifier.classify(there)
    if own:
        said = [own_post(verdict) if _is_own(post, own) else verdict for post, verdict in zip(there, said, strict=True)]
    if len(there) == len(posts):
        return [*said]
    following = iter(said)
    return [None if post is None else next(following) for post in posts]


_Read = tuple[Sequence[Record], list[MentionPost | None], list[Bad], dict[int, int]]
"""The handled records, the posts of the good ones among them, the bad ones, the places of newer schemas."""


def _read_all(records: Sequence[Record]) -> _Read:
    try:
        posts = [_decode(record.value) for record in records]  # type: ignore[arg-type]  # None: see below
        if all(post.schema_version <= SCHEMA_VERSION for post in posts):
            return records, [*posts], [], {}
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        pass  # something unusual is among them (TypeError: a null value): one by one, then
    return _read_each(records)


def _read_each(records: Sequence[Record]) -> _Read:
    handled: list[Record] = []
    posts: list[MentionPost | None] = []
    bad: list[Bad] = []
    newer: dict[int, int] = {}
    for record in records:
        if record.partition in newer:
            continue
        try:
            posts.append(_read(record))
        except _NewerSchemaAtRecord:
            newer[record.partition] = record.offset
            continue
        except RejectedError as error:
            bad.append(Bad(len(handled), record, str(error)))
        handled.append(record)
    return handled, posts, bad, newer


def without_too_large(marked: Marked) -> Marked:
    """The batch with those marks put among the bad that no log takes: a mention at the limit, and its verdict."""
    bad = {one.number: one for one in marked.bad}
    kept = Marked(marked.handled, [], [], [], marked.newer)
    good = (index for index in range(len(marked.handled)) if index not in bad)
    for index, outgoing, kind in zip(list(good), marked.outgoing, marked.kinds, strict=True):
        size = record_bytes(outgoing)
        if size > MAX_RECORD_BYTES:
            fault = f"its mark takes {size} bytes; the limit of a record is {MAX_RECORD_BYTES}"
            bad[index] = Bad(index, marked.handled[index], fault)
            continue
        kept.outgoing.append(outgoing)
        kept.kinds.append(kind)
    kept.bad.extend(bad[index] for index in sorted(bad))
    return kept


def _good(handled: Sequence[Record], bad: Sequence[Bad]) -> Sequence[Record]:
    """The handled records that are not bad."""
    numbers = {one.number for one in bad}
    return [record for number, record in enumerate(handled) if number not in numbers]


class _NewerSchemaAtRecord(Exception):  # noqa: N818 - no fault: a sign within this file
    """The record was written by a newer major version."""


def _read(record: Record) -> MentionPost | None:
    """The mention's fields; None for a removed post. RejectedError for what no release will read."""
    if record.value is None:
        if record.key is None:
            raise RejectedError("neither a key nor a value")
        return None
    try:
        post = _decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _version(record.value) > SCHEMA_VERSION:
            raise _NewerSchemaAtRecord from None
        raise RejectedError(f"not a mention: {error}") from None
    if post.schema_version > SCHEMA_VERSION:
        raise _NewerSchemaAtRecord
    return post


def _version(value: bytes) -> int:
    """The schema version, where a newer one may have changed all else."""
    try:
        return _decode_version(value).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def _removal(record: Record, partitions: int) -> Outgoing:
    key = record.key or b""
    return Outgoing(mark_partition(split_key(key)[0], partitions), key, None, record.headers)


def _mark(record: Record, post: MentionPost, verdict: Verdict, version: str, partitions: int) -> Outgoing:
    mark = Mark(
        mention=msgspec.Raw(record.value or b""),
        kind=verdict.kind,
        scores=verdict.scores,
        negative=verdict.negative,
        severity=verdict.severity,
        influence=verdict.influence,
        reasons=verdict.reasons,
        classifier=version,
    )
    brand = post.brand
    # The record's own key, so that a later null value on it reaches the mark too.
    key = record.key or record_key(brand, post.id)
    return Outgoing(mark_partition(brand, partitions), key, _encode(mark), record.headers)


def _is_own(post: MentionPost, own: OwnAccounts) -> bool:
    handles = own.get(post.brand)
    username = post.author.username if post.author is not None else None
    return bool(handles and username and username.lower() in handles)


def own_post(verdict: Verdict) -> Verdict:
    """What our own account says is no complaint, no question to us and no news of an influencer."""
    reason = (
        "このブランド自身のアカウントの投稿" if verdict.lang == "ja" else "posted by one of the brand's own accounts"
    )
    return msgspec.structs.replace(verdict, kind="neutral", severity="none", influence="none", reasons=[reason])
