"""Which brands are paused as the money runs out: those of low priority first. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from config.brands import Brand
from workers.x.budget import Limit

_ORDER: Final = ("low", "normal", "high")
# Ours: each priority below the highest that there is leaves the last tenth of every limit to the one above it. Where
# all brands have the same, nobody leaves anything.
_LEFT_TO_THE_NEXT: Final = 0.1


def stop_share(priority: str, brands: Sequence[Brand]) -> float:
    """At which share of a limit the brands of this priority are paused; 1: with everything."""
    above = [each for each in _ORDER if any(brand.priority == each for brand in brands)]
    steps = len(above) - 1 - above.index(priority)
    return 1.0 - _LEFT_TO_THE_NEXT * steps


def paused(brands: Sequence[Brand], limits: Sequence[Limit]) -> Mapping[str, str]:
    """The brands that are not listened for now, each with the reason."""
    found: dict[str, str] = {}
    for brand in brands:
        share = stop_share(brand.priority, brands)
        for limit in limits:
            if share < 1.0 and limit.share >= share:
                found[brand.id] = f"priority {brand.priority} pauses at {share:.0%}: {limit} are used"
                break
    return found
