"""The topic catalogue: every topic's name, settings and the partition of a record. Nowhere else are these said."""

from functools import lru_cache
from typing import Final

import msgspec

PREFIX: Final = "hikeshi."
DEFAULT_PARTITIONS: Final = 12  # ours: so that `--scale classifier=4` helps a company of one brand

# A 1 MB line (the contract's) becomes a mention of at most its size and a mark a little larger; Kafka's default
# limit of 1 MiB a record would refuse both.
MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
DEAD_LETTER_PAYLOAD_BYTES: Final = 256 * 1024  # the contract's: a dead letter holds at most so much of its record

RETENTION_MS: Final = 7 * 24 * 3600 * 1000
MAX_COMPACTION_LAG_MS: Final = 12 * 3600 * 1000


class Topic(msgspec.Struct, frozen=True):
    """A topic: its name on the log and whether its records are dead letters."""

    name: str
    partitions: int = DEFAULT_PARTITIONS

    @property
    def dead_letters(self) -> "Topic":
        """Where records go that this topic's reader, or its writer, could not process."""
        return Topic(f"{self.name}.dead-letters", 1)

    @property
    def settings(self) -> dict[str, str]:
        """Kafka's topic settings; the embedded log keeps to the same times and size."""
        return {
            "cleanup.policy": "compact,delete",
            "retention.ms": str(RETENTION_MS),
            "max.compaction.lag.ms": str(MAX_COMPACTION_LAG_MS),
            "delete.retention.ms": str(RETENTION_MS),
            "max.message.bytes": str(MAX_RECORD_BYTES),
        }


MENTIONS: Final = Topic(f"{PREFIX}mentions.v1")
MARKS: Final = Topic(f"{PREFIX}marks.v1")
ALL: Final = (MENTIONS, MARKS, MENTIONS.dead_letters, MARKS.dead_letters)


def murmur2(data: bytes) -> int:
    """Kafka's own hash of a key (32 bit, seed 0x9747b28c), as its Java client computes it, masked to be positive."""
    length = len(data)
    h = 0x9747B28C ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * 0x5BD1E995 & 0xFFFFFFFF
        h = h * 0x5BD1E995 & 0xFFFFFFFF ^ (k ^ k >> 24) * 0x5BD1E995 & 0xFFFFFFFF
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * 0x5BD1E995 & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return (h ^ h >> 15) & 0x7FFFFFFF


def mention_partition(post_id: str, partitions: int) -> int:
    """The partition of a mention: by the post's identity, so that its revisions keep their order."""
    return murmur2(post_id.encode()) % partitions


@lru_cache(maxsize=4096)
def mark_partition(brand: str, partitions: int) -> int:
    """The partition of a mark: by brand, so that one dispatcher at a time judges a brand's bursts."""
    return murmur2(brand.encode()) % partitions
