"""Putting a message together within its channel's limit: head and tail always, of the posts as many as fit."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from workers.dispatcher.measure import Unit, cut

_GAP: Final = "\n\n"
# Ours: the share of the limit that head and tail may have each, so that one post at least is shown.
_SHARE: Final = 0.4
_SHORTEST_TEXT: Final = 40  # ours, in the channel's unit: less of a post says nothing

Escape = Callable[[str], str]


class Block(NamedTuple):
    """A post in a message: how it looks around a text (which it escapes), and its whole text."""

    around: Callable[[str], str]
    text: str


def fit(
    head: str,
    blocks: Sequence[Block],
    tails: Sequence[str],
    left_out: Callable[[int], str],
    limit: int,
    unit: Unit,
    escape: Escape,
) -> str:
    """The message. Links are never cut: of a post that is too long it is the text that is; `left_out` says how many
    posts had no room. `tails`: from the one that says most to the one that must be; the first that leaves room."""
    share = round(limit * _SHARE)

    def escaped_unit(text: str) -> int:
        return unit(escape(text))

    head = escape(cut(head, share, escaped_unit))
    tail = next((one for one in tails if unit(one) <= share), "")
    ends = [part for part in (head, tail) if part]
    room = limit - sum(unit(part) + len(_GAP) for part in ends)
    note_room = unit(left_out(len(blocks))) + len(_GAP)
    shown: list[str] = []
    for index, block in enumerate(blocks):
        available = room - len(_GAP) - (0 if index == len(blocks) - 1 else note_room)
        whole = block.around(block.text)
        if unit(whole) > available:
            text_room = available - unit(block.around(""))
            if text_room < _SHORTEST_TEXT or shown:
                break
            whole = block.around(cut(block.text, text_room, escaped_unit))
        shown.append(whole)
        room -= unit(whole) + len(_GAP)
    note = [left_out(len(blocks) - len(shown))] if len(shown) < len(blocks) else []
    return _GAP.join(part for part in (head, *shown, *note, tail) if part)
