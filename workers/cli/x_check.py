"""What `hikeshi check` says of X: does it take the token and the rules, and what would they cost?"""

from typing import Final, NamedTuple

from config.files import Files
from config.settings import Settings
from workers.stream.x.rules import compile_rules, difference
from workers.x.api import Rule, XApi
from workers.x.failure import CallFailed, Failure

_COUNTED_RULES: Final = 100  # ours: X bills each question for a count as one post


class Told(NamedTuple):
    """What was found: lines for a person, and X's refusal if there is one."""

    lines: list[str]
    failure: Failure | None = None


async def look_at_x(settings: Settings, files: Files) -> Told:
    """Ask X about the rules of `brands.yaml`; changes nothing there."""
    x = settings.x
    wanted = compile_rules(files.brands)
    lines = [f"x rule {rule.tag}: {rule.value}" for rule in wanted]
    if x.bearer_token is None:
        return Told(lines)
    if len(wanted) > x.rules:
        return Told(lines, Failure("refused", f"{len(wanted)} rules are needed and the plan has {x.rules} (x.rules)"))
    api = XApi(x.base_url, x.bearer_token.get_secret_value())
    try:
        change = difference(await api.rules(), wanted, x.rules)
        if change.add:
            await api.add_rules(change.add, dry_run=True)
        lines = [
            f"x rule {rule.tag}: {rule.value}{await _estimate(api, rule, x.post_usd) if place < _COUNTED_RULES else ''}"
            for place, rule in enumerate(wanted)
        ]
    except CallFailed as error:
        return Told(lines, error.failure)
    finally:
        await api.close()
    cap = f"cap: {x.daily_posts} posts a day" if x.daily_posts else "no daily cap: set HIKESHI_X__DAILY_POSTS"
    return Told([*lines, f"x: token and {len(wanted)} of {x.rules} rules are taken; {cap}"])


async def _estimate(api: XApi, rule: Rule, post_usd: float) -> str:
    """By the last seven days."""
    try:
        a_day = await api.posts_a_day(rule.value)
    except CallFailed as error:
        return f"  (no estimate: {error.failure.detail})"
    return f"  (some {a_day:.0f} posts a day, ${a_day * post_usd:.2f})"
