"""Putting a message together within its channel's limit: head and tail always, of the posts as many as fit."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from workers.dispatcher.measure import Unit, cut

_GAP: Final = "\n\n"
# Ours: the share of the limit that what stands above the posts may have, so that one post at least is shown.
_HEAD_SHARE: Final = 0.4
_SHORTEST_TEXT: Final = 40  # ours, in the channel's unit: less of a post says nothing


class Block(NamedTuple):
    """A post in a message: how it looks around a text, and its whole text."""

    around: Callable[[str], str]
    text: str

    def whole(self) -> str:
        """With all of its text."""
        return self.around(self.text)


def fit(
    head: str, blocks: Sequence[Block], tail: str, left_out: Callable[[int], str], limit: int, unit: Unit
) -> str:
    """The message. Links are never cut: of a post that is too long it is the text that is; `left_out` says how many
    posts had no room."""
    tail = cut(tail, round(limit * _HEAD_SHARE), unit) if unit(tail) > limit * _HEAD_SHARE else tail
    head = cut(head, round(limit * _HEAD_SHARE), unit) if unit(head) > limit * _HEAD_SHARE else head
    ends = [part for part in (head, tail) if part]
    room = limit - sum(unit(part) for part in ends) - len(_GAP) * len(ends)
    note_room = unit(left_out(len(blocks))) + len(_GAP)
    shown: list[str] = []
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        available = room - (0 if last else note_room) - len(_GAP)
        whole = block.whole()
        if unit(whole) > available:
            text_room = available - unit(block.around(""))
            if text_room < _SHORTEST_TEXT or shown:
                break
            whole = block.around(cut(block.text, text_room, unit))
        shown.append(whole)
        room -= unit(whole) + len(_GAP)
    note = [left_out(len(blocks) - len(shown))] if len(shown) < len(blocks) else []
    return _GAP.join([part for part in (head, *shown, *note, tail) if part])
