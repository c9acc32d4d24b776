"""Where the dispatcher stands in each of its partitions, as far as it last read or wrote it in the store."""

from collections.abc import Iterable, Mapping

Swaps = Mapping[int, tuple[int | None, int]]
"""By partition: the offset that the store is expected to hold, and the one to put there."""


class Places:
    """The partitions that are ours. The truth is in the store; this is what the next transaction expects of it."""

    def __init__(self) -> None:
        self._expected: dict[int, int | None] = {}
        self._uncommitted: dict[int, int] = {}
        self.unplaced: set[int] = set()
        """Partitions that are ours and not yet placed where the store says."""
        self.generation = 0
        """Grows with each revocation: what was read before one must not be stored after it."""

    def __contains__(self, partition: int) -> bool:
        return partition in self._expected

    def assigned(self, partitions: Iterable[int]) -> None:
        """They are to be placed before anything of them is stored."""
        for partition in partitions:
            self.unplaced.add(partition)
            self._expected.pop(partition, None)

    def revoked(self) -> None:
        """Nothing is ours any more."""
        self.generation += 1
        self._expected.clear()
        self._uncommitted.clear()

    def fenced(self) -> None:
        """Another owner has gone on: read the truth again before anything else."""
        self.unplaced |= set(self._expected)
        self._expected.clear()

    def placed(self, partition: int, expected: int | None) -> None:
        """The store says that it goes on there (None: it knows nothing of this partition)."""
        self._expected[partition] = expected

    def swaps(self, ends: Mapping[int, int]) -> Swaps:
        """What a transaction that stores up to these ends has to compare and swap."""
        return {partition: (self._expected[partition], end) for partition, end in ends.items()}

    def moved(self, swaps: Swaps, generation: int) -> None:
        """A transaction of that generation is in the store."""
        if generation == self.generation:
            for partition, (_, end) in swaps.items():
                self._expected[partition] = self._uncommitted[partition] = end

    def take_uncommitted(self) -> dict[int, int]:
        """What the group has not been told of."""
        taken, self._uncommitted = self._uncommitted, {}
        return taken
