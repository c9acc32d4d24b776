"""What `hikeshi check` says of X: does it take the token and the rules, and what would they cost?"""

from typing import Final, NamedTuple

from config.files import Files
from config.settings import Settings
from config.x_settings import XSettings
from workers.cli.x_bill import Asked, budget_left, on_the_bill
from workers.cli.x_estimate import estimate
from workers.stream.x.rules import compile_rules, difference
from workers.x.api import Rule, XApi, open_api
from workers.x.failure import CallFailed, Failure

_SMALLEST_PAGE: Final = 10  # X's


class Told(NamedTuple):
    """What was found: lines for a person, and X's refusal if there is one."""

    lines: list[str]
    failure: Failure | None = None


async def look_at_x(settings: Settings, files: Files) -> Told:
    """Ask X about the rules of `brands.yaml`; changes nothing there. What X bills for it goes on our bill."""
    x = settings.x
    wanted = compile_rules(files.brands)
    lines = [f"x rule {rule.tag}: {rule.value}" for rule in wanted]
    if x.bearer_token is None:
        return Told(lines)
    if x.reading != "search" and len(wanted) > x.rules:
        return Told(lines, Failure("refused", f"{len(wanted)} rules are needed and the plan has {x.rules} (x.rules)"))
    asked = Asked(await budget_left(settings))
    failure = None
    api = open_api(x)
    try:
        taken = await _taken(api, wanted, x, asked)
        lines = await estimate(api, wanted, files.brands, x, asked)
        lines.append(f"x: {taken}; {_limits(x)}")
    except CallFailed as error:
        failure = error.failure
    finally:
        await api.close()
    return Told([*lines, await on_the_bill(settings, asked)], failure)


async def _taken(api: XApi, wanted: list[Rule], x: XSettings, asked: Asked) -> str:
    """Ask whether X takes the rules, by a dry run; a plan without a stream is asked for a search."""
    if x.reading != "search":
        try:
            change = difference(await api.rules(), wanted, x.rules)
        except CallFailed as error:
            if error.failure.status != 403 or x.reading == "stream":
                raise
        else:
            if change.add:
                await api.add_rules(change.add, dry_run=True)
            return f"token and {len(wanted)} of {x.rules} rules are taken"
    if not asked.allows(_SMALLEST_PAGE):
        return "recent search was not tried: it would go beyond your limits on what X costs"
    # Some posts are billed, each of which is wanted anyway.
    page, _ = await api.search({"query": wanted[0].value, "max_results": str(_SMALLEST_PAGE)})
    asked.page(page)
    queries = f"{len(wanted)} queries"
    return f"token and recent search are there ({queries}); the plan has no stream, so posts come a minute late"


def _limits(x: XSettings) -> str:
    named = {
        "x.daily_posts": x.daily_posts, "x.daily_usd": x.daily_usd, "x.monthly_usd": x.monthly_usd,
        "x.monthly_posts": x.monthly_posts,
    }  # fmt: skip
    told = ", ".join(f"{name} {most:,}" for name, most in named.items() if most is not None)
    own = any(named[name] is not None for name in ("x.daily_posts", "x.daily_usd", "x.monthly_usd"))
    return f"limits: {told}" if own else f"no limit of yours on what it costs: set HIKESHI_X__DAILY_POSTS ({told})"
