"""The partition of a record, as Kafka's own clients compute it."""

from typing import Any

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import ALL, MARKS, MENTIONS, mark_partition, mention_partition, murmur2


# From the tests of Apache Kafka's Utils.murmur2, masked to be positive.
@pytest.mark.parametrize(
    ("data", "want"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_known_hashes(data: bytes, want: int) -> None:
    assert murmur2(data) == want & 0x7FFFFFFF


@given(st.binary(max_size=64))
def test_as_aiokafka_does(data: bytes) -> None:
    theirs: Any = murmur2_of_aiokafka(data)
    assert murmur2(data) == theirs & 0x7FFFFFFF


def test_revisions_of_a_post_and_posts_of_a_brand_stay_together() -> None:
    assert mention_partition("1577318900085186562", 12) == murmur2(b"1577318900085186562") % 12
    assert mark_partition("acme", 12) == murmur2(b"acme") % 12


def test_the_catalogue() -> None:
    assert [topic.name for topic in ALL] == [
        "hikeshi.mentions.v1", "hikeshi.marks.v1", "hikeshi.mentions.v1.dead-letters", "hikeshi.marks.v1.dead-letters",
    ]  # fmt: skip
    assert MENTIONS.partitions == MARKS.partitions == 12
    assert MARKS.settings["cleanup.policy"] == "compact,delete"
