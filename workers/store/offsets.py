"""The dispatcher's place in each partition: compared and swapped in the transaction that stores what was read."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.errors import FencedError
from workers.store.bulk import Rows
from workers.store.sql import text

_SWAPS = Rows.of(partition="integer", expected="bigint", next_offset="bigint")


async def read_offsets(connection: AsyncConnection, topic: str) -> dict[int, int]:
    """The next offset to read of each partition that was ever stored from."""
    found = await connection.execute(
        text("SELECT partition, next_offset FROM next_offsets WHERE topic = :topic"), {"topic": topic}
    )
    return {row.partition: row.next_offset for row in found}


async def swap_offsets(
    connection: AsyncConnection, dialect: str, topic: str, swaps: Mapping[int, tuple[int | None, int]]
) -> None:
    """Move on each partition from the offset this owner last read or wrote (None: none was there) to the next.

    Raises FencedError when any partition stands elsewhere: another owner has gone on; roll back and read again.
    """
    fresh = [(p, 0, following) for p, (expected, following) in sorted(swaps.items()) if expected is None]
    known = [(p, expected, following) for p, (expected, following) in sorted(swaps.items()) if expected is not None]
    moved = 0
    if fresh:
        done = await connection.execute(
            text(
                "INSERT INTO next_offsets (topic, partition, next_offset) "
                f"SELECT :topic, r.partition, r.next_offset FROM {_SWAPS.source(dialect)} WHERE true "
                "ON CONFLICT DO NOTHING"
            ),
            {"topic": topic, **_SWAPS.bind(dialect, fresh)},
        )
        moved += done.rowcount
    if known:
        done = await connection.execute(
            text(
                f"UPDATE next_offsets SET next_offset = r.next_offset FROM {_SWAPS.source(dialect)} "
                "WHERE next_offsets.topic = :topic AND next_offsets.partition = r.partition "
                "AND next_offsets.next_offset = r.expected"
            ),
            {"topic": topic, **_SWAPS.bind(dialect, known)},
        )
        moved += done.rowcount
    if moved != len(swaps):
        raise FencedError(f"{topic}: another owner has gone on in one of partitions {sorted(swaps)}")


async def forget_offsets(connection: AsyncConnection, topic: str) -> None:
    """For `topics create --reset-offsets`: the topic was made anew, so start at its beginning."""
    await connection.execute(text("DELETE FROM next_offsets WHERE topic = :topic"), {"topic": topic})
