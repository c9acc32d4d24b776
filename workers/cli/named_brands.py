"""The brands that `routes.yaml` names and `brands.yaml` does not have: pure, for what `hikeshi check` warns of."""

from collections.abc import Iterable, Iterator

from config.faults import suggestion
from config.routes import Match, Policy, Route


def unknown_brands(policy: Policy, known: Iterable[str]) -> Iterator[str]:
    """A line for each. A warning, no fault: others may write marks of brands of their own."""
    ids = sorted(known)
    matches = [*_matches(policy.route), *(c.match for c in policy.campaigns), *(i.mutes for i in policy.inhibitions)]
    for brand in sorted(frozenset().union(*(match.brand for match in matches)) - set(ids)):
        yield f"`brand: {brand}` matches nothing that brands.yaml listens for; {suggestion(brand, ids)}"


def _matches(route: Route) -> Iterator[Match]:
    yield route.match
    for child in route.routes:
        yield from _matches(child)
