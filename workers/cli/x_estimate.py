"""What the rules would cost by the last week's posts, and which keyword is too broad for the money. X is asked."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from config.brands import Brand
from config.x_settings import XSettings
from workers.cli.x_bill import Asked
from workers.stream.x.rules import query_of, tagged_brand
from workers.x.api import Rule, XApi
from workers.x.budget import budget_of
from workers.x.failure import CallFailed

# All ours. X bills each question as one post.
_NO_MONEY: Final = "no estimate: it would go beyond your limits on what X costs"
_COUNTED_RULES: Final = 100
_COUNTED_KEYWORDS: Final = 20
_BROAD: Final = 1_000  # posts a day of one rule, from which on it is looked which keyword they come from
_DAYS: Final = 30.0  # in a month


class Price(NamedTuple):
    """What so many posts a day cost, without and with an author for each, who is billed once a day at most."""

    a_day: float
    usd: float
    usd_with_authors: float

    def __str__(self) -> str:
        authors = f", up to ${self.usd_with_authors:,.2f} with authors" if self.usd_with_authors > self.usd else ""
        return f"some {self.a_day:,.0f} posts a day, ${self.usd:,.2f}{authors}"


def price(a_day: float, settings: XSettings) -> Price:
    """The price of a rate of posts."""
    budget = budget_of(settings)
    return Price(a_day, a_day * budget.post_usd, a_day * (budget.post_usd + budget.author_usd))


def lasts(total: Price, settings: XSettings) -> list[str]:
    """Which limit would be reached before its end, at this price."""
    limits = [
        ("daily_posts", settings.daily_posts, total.a_day, "day"),
        ("daily_usd", settings.daily_usd, total.usd_with_authors, "day"),
        ("monthly_posts", settings.monthly_posts, total.a_day * _DAYS, "month"),
        ("monthly_usd", settings.monthly_usd, total.usd_with_authors * _DAYS, "month"),
    ]
    return [
        f"x.{name} would be used up after {most / used:.0%} of the {period}: shorten `brands.yaml` or raise it"
        for name, most, used, period in limits
        if most is not None and used > most
    ]


async def estimate(
    api: XApi, rules: Sequence[Rule], brands: Sequence[Brand], settings: XSettings, asked: Asked
) -> list[str]:
    """Each rule with its price, the sum, and the keywords that are too broad. Raises CallFailed on nothing."""
    lines, total, broad = [], 0.0, []
    for place, rule in enumerate(rules):
        a_day = await _count(api, rule.value, asked) if place < _COUNTED_RULES else None
        if isinstance(a_day, float):
            total += a_day
            if a_day >= _BROAD:
                broad.append((rule, a_day))
        told = "" if a_day is None else f"  ({price(a_day, settings) if isinstance(a_day, float) else a_day})"
        lines.append(f"x rule {rule.tag}: {rule.value}{told}")
    sum_of_all = price(total, settings)
    month = price(total * _DAYS, settings)
    cost = f"${month.usd:,.2f} a month, up to ${month.usd_with_authors:,.2f} with authors"
    lines.append(f"x estimate, by the last seven days: {sum_of_all}; {cost}")
    lines += [f"warning: {line}" for line in lasts(sum_of_all, settings)]
    return lines + await _too_broad(api, broad, brands, settings, asked)


async def _too_broad(
    api: XApi, broad: Sequence[tuple[Rule, float]], brands: Sequence[Brand], settings: XSettings, asked: Asked
) -> list[str]:
    """Each keyword that alone brings half of a broad rule's posts or more."""
    lines: list[str] = []
    counted = 0
    for rule, of_rule in broad:
        brand = next((brand for brand in brands if brand.id == tagged_brand(rule.tag)), None)
        for keyword in brand.keywords if brand else ():
            query = query_of(keyword)
            if counted >= _COUNTED_KEYWORDS or keyword.text not in rule.value:
                continue
            counted += 1
            a_day = await _count(api, query, asked)
            if isinstance(a_day, float) and a_day >= max(_BROAD, of_rule / 2):
                lines.append(
                    f"warning: keyword {keyword.text} of brand {rule.tag.removeprefix('hikeshi/')} is broad: "
                    f"{price(a_day, settings)}; write a longer one, or `context` with `require_context: true`"
                )
    return lines


async def _count(api: XApi, query: str, asked: Asked) -> float | str:
    """Posts a day, or why it is not known."""
    if not asked.allows(1):
        return _NO_MONEY
    try:
        a_day = await api.posts_a_day(query)
        asked.counts += 1  # only what was answered: a refusal costs nothing
        return a_day
    except CallFailed as error:
        return f"no estimate: {error.failure.detail}"
