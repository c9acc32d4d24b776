"""`hikeshi usage`: what X has billed, by our own meter and by X's."""

from typing import Any

import click

from config.settings import Settings
from schemas.errors import ConfigurationError
from workers.cli.house import open_house, run_async
from workers.cli.options import Options, common_options
from workers.cli.output import print_rows
from workers.x.api import XApi
from workers.x.failure import CallFailed
from workers.x.keeper import State, credential_name, read_state
from workers.x.meter import utc_day


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one a day.")
@common_options
def command(options: Options, as_json: bool) -> None:
    """Show what was read from X, by UTC day: posts, as X bills them (each once a day), and dollars.

    The last lines compare the month with X's own count, where X can be reached, and the day with the cap
    (HIKESHI_X__DAILY_POSTS). Authors, whom X may bill too, are not in it.

    \b
    Example:
      hikeshi usage
    """
    settings = options.settings()
    run_async(_show(settings, as_json))


async def _show(settings: Settings, as_json: bool) -> None:
    x = settings.x
    if x.bearer_token is None:
        raise ConfigurationError("set HIKESHI_X__BEARER_TOKEN: use is counted for each token")
    token = x.bearer_token.get_secret_value()
    async with open_house(settings) as house:
        state = await read_state(house.store, credential_name(token)) or State()
        today = utc_day(house.clock.now())
    rows: list[dict[str, Any]] = [
        {"day": day, "posts": posts, "usd": round(posts * x.post_usd, 4)} for day, posts in sorted(state.days.items())
    ]
    print_rows(rows, ("day", "posts", "usd"), as_json=as_json, empty="Nothing was read from X yet.")
    if as_json:
        return
    month = sum(posts for day, posts in state.days.items() if day[:7] == today[:7])
    cap = f"of {x.daily_posts} that the cap allows" if x.daily_posts else "with no cap (HIKESHI_X__DAILY_POSTS)"
    click.echo(f"today: {state.days.get(today, 0)} posts {cap}")
    click.echo(f"this month: {month} posts, ${month * x.post_usd:.2f}")
    click.echo(await _told_by_x(x.base_url, token))


async def _told_by_x(base_url: str, token: str) -> str:
    api = XApi(base_url, token)
    try:
        usage = await api.usage()
    except CallFailed as error:
        return f"X's own count is not to be had: {error.failure.detail}"
    finally:
        await api.close()
    used = usage.get("project_usage", "?")
    return f"X's own count: {used} of {usage.get('project_cap', '?')} posts of the month that X counts"
