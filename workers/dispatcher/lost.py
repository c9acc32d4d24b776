"""Marks that the log forgot before they were stored: ops are told which, until the partition is read without a gap."""

from collections.abc import Collection, Mapping

from config.routes import Policy
from workers.incidents.model import Millis
from workers.incidents.ops import clear_ops, open_alerts, raise_ops
from workers.store.store import Store


async def tell_lost(
    store: Store, policy: Policy, placed: Collection[int], lost: Mapping[int, tuple[int, int]], now: Millis
) -> None:
    """`lost`: by partition the first offset that is gone and the first that is there, of those just placed."""
    async with store.read() as connection:
        told = await open_alerts(connection)
    over = [kind for partition in sorted(set(placed) - lost.keys()) if (kind := _kind(partition)) in told]
    if not lost and not over:
        return
    async with store.write() as connection:
        for partition, (gone, there) in sorted(lost.items()):
            texts = {
                "en": f"the marks {gone} to {there - 1} of partition {partition} were deleted by the log before they "
                "were stored: the dispatcher was away for longer than the topic keeps them; replay their time",
                "ja": f"パーティション{partition}のマーク{gone}〜{there - 1}は、保存前にログから消えました。"
                "dispatcher が保持期間より長く止まっていました。その期間を読み直してください",
            }
            await raise_ops(connection, store.dialect, policy, _kind(partition), texts, now)
        for kind in over:
            await clear_ops(connection, store.dialect, kind, now)


def _kind(partition: int) -> str:
    return f"marks_lost/{partition}"
