"""What may be looked up for the money there is. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Means(NamedTuple):
    """Of the ids wanted: those to ask for now, and how many places of the list that takes care of."""

    ids: list[str]
    covered: int


def affordable(wanted: Sequence[str], is_free: Callable[[str], bool], money_for: int, *, only_free: bool) -> Means:
    """The ids in their order, as far as the money goes; what was billed today already costs nothing.

    `only_free`: the others are passed over. Else the first one that there is no money for ends the list.
    """
    chosen: list[str] = []
    for place, post_id in enumerate(wanted):
        if is_free(post_id):
            chosen.append(post_id)
        elif only_free:
            continue
        elif money_for > 0:
            money_for -= 1
            chosen.append(post_id)
        else:
            return Means(chosen, place)
    return Means(chosen, len(wanted))


def posts_for(usd_a_day: float, post_usd: float, spent: int, left: int | None) -> int:
    """How many posts may still be bought: by the steward's own money for the day, and by the account's budget."""
    own = max(0, int(usd_a_day / post_usd + 1e-9) - spent)
    return own if left is None else min(own, left)
