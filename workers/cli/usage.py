"""`hikeshi usage`: what X has billed, by our own meter and by X's, and how much of the budget is left."""

from collections.abc import Mapping
from typing import Any, Final

import click

from config.settings import Settings
from schemas.errors import ConfigurationError
from workers.cli.house import open_house, run_async
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, print_rows
from workers.store.reports import read_reports
from workers.x.api import open_api
from workers.x.budget import Limit, Spent, budget_of, month_of, utc_day
from workers.x.failure import CallFailed
from workers.x.keeper import credential_name
from workers.x.ledger import COUNTS, read_days
from workers.x.usage import XUsage, compare, read_usage

_FRESH_MS: Final = 60_000  # ours: what a worker said of itself longer ago is no news


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one a day, and a last one with the sums.")
@common_options
def command(options: Options, as_json: bool) -> None:
    """Show what was read from X, by UTC day: posts and authors, each as X bills it (once a day), and dollars.

    Whether X bills the authors that come with posts is unknown: they are counted as if it did (x.author_usd). Below
    that: how much of each limit is used, which brands are paused because the money runs out, and what X itself counts.

    \b
    Examples:
      hikeshi usage
      hikeshi usage --json | tail -1
    """
    run_async(_show(options.settings(), as_json))


async def _show(settings: Settings, as_json: bool) -> None:
    x = settings.x
    if x.bearer_token is None:
        raise ConfigurationError("set HIKESHI_X__BEARER_TOKEN: use is counted for each token")
    async with open_house(settings) as house:
        now = house.clock.now()
        async with house.store.read() as connection:
            by_reader = await read_days(connection, credential_name(x.bearer_token.get_secret_value()))
        paused = _paused(await read_reports(house.store), round(now.timestamp() * 1000))
    days, posts = _together(by_reader), as_x_counts(by_reader)
    today = utc_day(now)
    told = await _told_by_x(settings)
    budget = budget_of(x)
    rows: list[dict[str, Any]] = [
        {"day": day, **spent._asdict(), "usd": round(budget.usd(spent), 4)} for day, spent in sorted(days.items())
    ]
    print_rows(rows, ("day", "posts", "authors", "usd"), as_json=as_json, empty="Nothing was read from X yet.")
    spent_today, month = days.get(today, Spent()), month_of(days, today)
    limits = budget.limits(spent_today, month)
    if as_json:
        sums = {name: {**of._asdict(), "usd": round(budget.usd(of), 4)} for name, of in
                (("today", spent_today), ("month", month))}  # fmt: skip
        print_json({"summary": {**sums, "limits": [_limit(each) for each in limits], "paused": paused,
                                "x": _x_row(told, posts, today)}})  # fmt: skip
        return
    click.echo(f"today: {spent_today.posts} posts, {spent_today.authors} authors, ${budget.usd(spent_today):.2f}")
    click.echo(f"this month: {month.posts} posts, {month.authors} authors, ${budget.usd(month):.2f}")
    for each in limits:
        click.echo(f"used: {each}, {each.share:.1%}")
    if x.daily_posts is None and x.daily_usd is None and x.monthly_usd is None:
        click.echo("no limit of yours is set: HIKESHI_X__DAILY_POSTS, HIKESHI_X__MONTHLY_USD and others would be one")
    for brand, reason in paused.items():
        click.echo(f"PAUSED: {brand}: {reason}")
    click.echo(_x_line(told, posts, today))


def as_x_counts(by_reader: Mapping[str, Mapping[str, Spent]]) -> dict[str, Spent]:
    """What X's own count of posts is compared with: without the requests that only cost as much as a post."""
    return _together({reader: days for reader, days in by_reader.items() if reader != COUNTS})


def _together(by_reader: Mapping[str, Mapping[str, Spent]]) -> dict[str, Spent]:
    days: dict[str, Spent] = {}
    for of_reader in by_reader.values():
        for day, spent in of_reader.items():
            days[day] = days.get(day, Spent()).plus(spent)
    return days


def _paused(reports: Any, now: int) -> dict[str, str]:
    """The brands that a running stream says it has paused."""
    facts = [report.state.get("facts", {}) for report in reports if now - report.seen_at <= _FRESH_MS]
    return {brand: reason for fact in facts for brand, reason in (fact.get("paused_brands") or {}).items()}


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "limit": limit.name, "period": limit.period, "used": round(limit.used, 4), "most": limit.most,
        "share": round(limit.share, 4),
    }  # fmt: skip


async def _told_by_x(settings: Settings) -> XUsage | str:
    """X's own count, or why it is not to be had."""
    api = open_api(settings.x)
    try:
        return read_usage(await api.usage())
    except CallFailed as error:
        return error.failure.detail
    finally:
        await api.close()


def _x_row(told: XUsage | str, days: Mapping[str, Spent], today: str) -> dict[str, Any]:
    if isinstance(told, str):
        return {"error": told}
    found = compare(days, told, today)
    compared = None if found is None else {"since": found.since, "ours": found.ours, "by_x": found.by_x,
                                           "difference": found.difference}  # fmt: skip
    return {"used": told.used, "cap": told.cap, "compared": compared}


def _x_line(told: XUsage | str, days: Mapping[str, Spent], today: str) -> str:
    if isinstance(told, str):
        return f"X's own count is not to be had: {told}"
    line = f"X's own count: {_known(told.used)} of {_known(told.cap)} posts of the month that X counts"
    found = compare(days, told, today)
    if found is None:
        return f"{line}; our count is too young to compare (the day on which it began is left out)"
    return f"{line}; {'DIFFERS: ' if found.matters else ''}{found}"


def _known(number: int | None) -> str:
    return "?" if number is None else str(number)
