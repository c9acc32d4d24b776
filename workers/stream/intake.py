"""One batch of lines -> the records to be written, what to put aside, and how each post counts. No I/O."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from schemas.topics import MAX_RECORD_BYTES, mention_partition
from workers.log.contract import Outgoing
from workers.stream.counts import Counts
from workers.stream.match import Match, Matcher
from workers.stream.mention import make_mention
from workers.stream.parse import BadPost, parse_line
from workers.stream.post import Post
from workers.stream.seen import Revisions, Seen, merge
from workers.stream.source import Line

# A mark carries its mention's bytes and adds scores and reasons: room for these within the log's limit.
MAX_MENTION_BYTES: Final = MAX_RECORD_BYTES - 64 * 1024
_TRACE_BYTES, _SPAN_BYTES = 16, 8  # W3C trace context


@dataclass(slots=True)
class Prepared:
    """What one batch of lines comes to. `staged` is what will have been seen once the log has the records."""

    lines: list[Line] = field(default_factory=list)
    records: list[Outgoing] = field(default_factory=list)
    bad: list[tuple[Line, BadPost]] = field(default_factory=list)
    staged: dict[str, Revisions] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


class Intake:
    """Judges posts one after the other against what was seen and what is on its way to the log."""

    def __init__(self, matcher: Matcher, seen: Seen, source: str, partitions: int) -> None:
        self._matcher, self._seen, self._source, self._partitions = matcher, seen, source, partitions
        self._encoder = msgspec.json.Encoder()

    def use(self, matcher: Matcher) -> None:
        """Match against other brands from here on."""
        self._matcher = matcher

    def steps(
        self, lines: Sequence[Line], received_at: str, in_flight: Mapping[str, Revisions], prepared: Prepared
    ) -> Iterator[None]:
        """Fill `prepared` line by line and post by post: a page may hold hundreds, and the loop has other work."""
        for line in lines:
            prepared.lines.append(line)
            if line.fault is not None:
                self._put_aside(prepared, line, BadPost(line.data, line.fault))
                continue
            parsed = parse_line(line.data)
            for bad in parsed.bad:
                self._put_aside(prepared, line, bad)
            if not parsed.posts and not parsed.bad:
                prepared.counts.other += 1
            for post in parsed.posts:
                self._judge(prepared, line, post, received_at, in_flight, parsed.tags)
                yield

    def _judge(
        self,
        prepared: Prepared,
        line: Line,
        post: Post,
        received_at: str,
        in_flight: Mapping[str, Revisions],
        tags: Sequence[str],
    ) -> None:
        matches = self._matcher.match(post)
        if tags:
            matches += self._matcher.source_only(post, tags, matches)
        counts = prepared.counts
        seen = prepared.staged.get(post.id) or in_flight.get(post.id) or self._seen.get(post.id)
        if not seen:
            if not matches:
                counts.unmatched += 1
            elif self._publish(prepared, line, post, matches, received_at, ()):
                counts.matched += 1
            return
        known = dict(seen)
        older = (brand for brand, revision in seen if revision < post.revision)
        revised = [match for brand in older if (match := self._kept(brand, matches))]
        fresh = [match for match in matches if match.brand.id not in known]
        if not revised and not fresh:
            counts.duplicates += 1
        elif self._publish(prepared, line, post, [*revised, *fresh], received_at, seen):
            if revised:
                counts.revisions += 1
            else:
                counts.matched += 1

    def _kept(self, brand_id: str, matches: list[Match]) -> Match | None:
        """The match of a revision: as it matches now, else kept for its brand, unless that brand is gone."""
        for match in matches:
            if match.brand.id == brand_id:
                return match
        brand = self._matcher.brand(brand_id)
        return Match(brand, "revision", []) if brand else None

    def _publish(
        self, prepared: Prepared, line: Line, post: Post, matches: list[Match], received_at: str, seen: Revisions
    ) -> bool:
        mentions = [
            make_mention(post, match, source=self._source, received_at=received_at, recovered=line.recovered)
            for match in matches
        ]
        values = [self._encoder.encode(mention) for mention in mentions]
        if any(len(value) > MAX_MENTION_BYTES for value in values):
            fault = f"a mention of {max(map(len, values))} bytes; the log takes {MAX_MENTION_BYTES}"
            self._put_aside(prepared, line, BadPost(line.data, fault))
            return False
        partition = mention_partition(post.id, self._partitions)
        headers = (("traceparent", _traceparent()),)
        for mention, value in zip(mentions, values, strict=True):
            prepared.records.append(Outgoing(partition, mention.key, value, headers))
            seen = merge(seen, mention.brand, mention.revision)
        prepared.staged[post.id] = seen
        prepared.counts.mentions += len(mentions)
        return True

    def _put_aside(self, prepared: Prepared, line: Line, bad: BadPost) -> None:
        prepared.counts.bad += 1
        prepared.bad.append((line, bad))


def _traceparent() -> bytes:
    """One id for the post's whole way, made here, where the way begins."""
    name = os.urandom(_TRACE_BYTES + _SPAN_BYTES).hex()
    return f"00-{name[: 2 * _TRACE_BYTES]}-{name[2 * _TRACE_BYTES :]}-01".encode()
