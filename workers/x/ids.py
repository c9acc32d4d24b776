"""A large set of ids in little memory: eight bytes each, however many. No I/O."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_RECENT: Final = 20_000  # ours: so many in a Python set, 2 MB, before they are sorted into the array
_TYPE: Final = np.dtype("<i8")


def number_of(post_id: str) -> int:
    """An id as a number of 64 bits: X's are such. Another kind of id gets a negative one, by its hash."""
    if post_id.isascii() and post_id.isdigit() and len(post_id) < 20 and (number := int(post_id)) < 2**63:
        return number
    digest = hashlib.blake2b(post_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -1 - (int.from_bytes(digest, "big") >> 1)


def packed(numbers: Iterable[int]) -> bytes:
    """Numbers as the store keeps them."""
    return np.fromiter(numbers, _TYPE).tobytes()


def unpacked(data: bytes) -> NDArray[Any]:
    """What `packed` packed."""
    return np.frombuffer(data, _TYPE)


class Ids:
    """Numbers that were added; in a sorted array, the latest in a set."""

    def __init__(self, numbers: Iterable[NDArray[Any]] = ()) -> None:
        given = list(numbers)
        self._sorted = np.unique(np.concatenate(given)) if given else np.empty(0, _TYPE)
        self._recent: set[int] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)

    def add(self, number: int) -> bool:
        """Whether it was new."""
        if number in self._recent or number in self:
            return False
        self._recent.add(number)
        if len(self._recent) >= _RECENT:
            latest = np.sort(np.fromiter(self._recent, _TYPE, len(self._recent)))
            self._sorted = np.insert(self._sorted, self._sorted.searchsorted(latest), latest)  # 20 ms for 3 million
            self._recent = set()
        return True

    def __contains__(self, number: object) -> bool:
        if number in self._recent:
            return True
        place = int(self._sorted.searchsorted(number))  # type: ignore[call-overload]  # an int, by who calls
        return place < len(self._sorted) and bool(self._sorted[place] == number)

    @property
    def nbytes(self) -> int:
        """Of the array."""
        return int(self._sorted.nbytes)
