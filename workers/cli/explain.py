"""`hikeshi explain`: what would follow from posts, and why. Nothing is stored or sent."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

from config.brands import Brand
from config.routes import Match, Policy, Route
from config.steps import Step, Tell, Wait
from schemas.mark import INFLUENCES, SEVERITIES
from schemas.mention import rfc3339
from workers.cli.backtest_policy import Progress
from workers.cli.house import run_async
from workers.cli.loading import load
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, printable
from workers.cli.rehearsed_marks import MarkReader, lines_of
from workers.cli.unmatched import Unmatched
from workers.dispatcher.rehearsal import Followed, Planned, Rehearsal
from workers.incidents.ingest import Arrival
from workers.incidents.model import Incident
from workers.incidents.routing import route
from workers.stream.parse import parse_line
from workers.stream.source import Line

_TEXT_SHOWN: Final = 60


class _Short(msgspec.Struct):
    """A text alone, as `hikeshi classify` takes it."""

    text: str
    id: str | int | None = None
    lang: str | None = None
    author: dict[str, Any] | None = None
    created_at: str | None = None


@click.command()
@click.argument("file", default="-", metavar="[FILE|-]")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@common_options
def command(options: Options, file: str, as_json: bool) -> None:
    """Say for each post which brand it is about, how it is marked, which incident it would open or join, by which route
    who would be told, and when: each with its reason. Nothing is stored or sent.

    Reads posts as for a replay (X API v2 lines or pages, plain or gzip), marks in the topic's format, or a text alone
    (`{"text": …}`), from a file or standard input. The posts follow one another by their own times, on an empty store.

    \b
    Example:
      echo '{"text": "Acmeの充電器が燃えた"}' | hikeshi explain
    """
    _, files = load(options)
    now = datetime.now(UTC)
    reader, unmatched, progress = MarkReader(files.brands, now), Unmatched(files.brands), Progress()
    said: list[dict[str, Any]] = []
    marks: list[tuple[int, bytes, int]] = []
    for line in lines_of(file, sys.stdin.buffer):
        full = _full(line, now)
        found = reader.read([full], file)
        for at, value in found:
            marks.append((at, value, len(said)))
            said.append({"line": line.number})
        if not found:
            said += _not_taken(full, unmatched, reader)
        progress(f"{len(said):,} posts read")
    run_async(_follow(files.policy, files.brands, reader, marks, said))
    for one in said:
        print_json(one) if as_json else click.echo("\n".join(_as_text(one)) + "\n")


def _full(line: Line, now: datetime) -> Line:
    """A text alone gets what a post has: an id, and now as its time."""
    try:
        short = msgspec.json.decode(line.data, type=_Short)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return line
    if short.id is not None:
        return line
    post: dict[str, Any] = {"id": str(line.number), "text": short.text, "created_at": short.created_at or rfc3339(now)}
    author = short.author or {}
    if author:
        counts = {"followers_count": author.get("followers"), "following_count": author.get("following")}
        post["author"] = {"id": str(author.get("id") or line.number), **author, "public_metrics": counts}
    return line._replace(data=msgspec.json.encode(post | ({"lang": short.lang} if short.lang else {})))


def _not_taken(line: Line, unmatched: Unmatched, reader: MarkReader) -> Iterator[dict[str, Any]]:
    parsed = parse_line(line.data)
    for bad in parsed.bad:
        yield {"line": line.number, "error": bad.fault}
    for post in parsed.posts:
        why = "has come before" if reader.seen(post.id) else unmatched.why(post)
        yield {"line": line.number, "id": post.id, "text": post.text, "brand": None, "reason": why}
    if not parsed.posts and not parsed.bad:
        yield {"line": line.number, "error": "holds no post"}


async def _follow(
    policy: Policy,
    brands: Sequence[Brand],
    reader: MarkReader,
    marks: Sequence[tuple[int, bytes, int]],
    said: list[dict[str, Any]],
) -> None:
    rehearsal = Rehearsal(policy, brands)
    await rehearsal.prepare()
    for at, value, place in sorted(marks, key=lambda one: one[0]):
        arrival = reader.decode(value)
        await rehearsal.arrive([arrival], at)
        followed = await rehearsal.about(arrival.mention.brand, arrival.mention.id, at)
        said[place] |= _explained(policy, arrival, followed, at)
    rehearsal.close()


def _explained(policy: Policy, arrival: Arrival, followed: Followed, at: int) -> dict[str, Any]:
    mark, mention, incident = arrival.mark, arrival.mention, followed.incident
    explained: dict[str, Any] = {
        "id": mention.id,
        "text": mention.text,
        "created_at": _moment(at),
        "brand": mention.brand,
        "match": {"reason": mention.match, "keywords": mention.keywords},
        "mark": {
            "kind": mark.kind,
            "severity": mark.severity,
            "influence": mark.influence,
            "lang": mention.lang,
            "reasons": mark.reasons,
        },
        "incident": None,
        "reason": followed.reason,
        "routes": [],
        "receivers": [],
    }
    speaks = followed.speaks
    if incident is None or speaks is None:
        return explained
    routed = route(policy, speaks, at)
    explained["incident"] = _incident(incident) | {"merged_into": _incident(speaks) if speaks is not incident else None}
    explained["routes"] = list(dict.fromkeys(_route_words(found) for found in routed.receivers.values()))
    explained["receivers"] = [_planned(plan, routed.receivers.get(plan.receiver)) for plan in followed.plans]
    explained["escalation"] = None
    if routed.escalation is not None:
        # A first by the route counts as the step that would tell the same receiver.
        steps = [step for step in _steps(routed.escalation.steps, at) if step["receiver"] not in routed.receivers]
        explained["escalation"] = {"name": routed.escalation.name, "unless_taken": steps}
    return explained


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "key": incident.key,
        "scope": incident.scope,
        "kind": incident.kind,
        "severity": SEVERITIES[incident.severity],
        "influence": INFLUENCES[incident.influence],
        "status": incident.status,
        "post_count": incident.post_count,
        "author_count": incident.author_count,
        "reasons": incident.reasons,
    }


def _planned(plan: Planned, by: Route | None) -> dict[str, Any]:
    held = {"until": _moment(plan.held.until), "why": plan.held.why} if plan.held else None
    return {
        "receiver": plan.receiver,
        "reason": plan.reason,
        "at": _moment(plan.due_at),
        "why": plan.why,
        "route": _route_words(by) if by is not None else "told before: it stays on the incident",
        "held": held,
    }


def _steps(steps: Sequence[Step], at: int) -> Iterator[dict[str, Any]]:
    """Whom the escalation tells when, as far as that doesn't depend on what is yet to come."""
    for step in steps:
        if isinstance(step, Wait):
            at += round(step.duration.total_seconds() * 1000)
        elif isinstance(step, Tell):
            names = [*step.receivers, *(rota.on_duty(datetime.fromtimestamp(at / 1000, UTC)) for rota in step.rotas)]
            yield from ({"receiver": name, "at": _moment(at)} for name in names)
        else:
            yield {
                "receiver": None,
                "at": _moment(at),
                "why": "from here on it depends on the time or on posts to come",
            }
            return


def _route_words(found: Route) -> str:
    """The route by what it asks for."""
    asks = [
        f"{name} {' or '.join(sorted(getattr(found.match, name)))}"
        for name in ("brand", "kind", "severity", "influence", "lang", "author", "scope")
        if getattr(found.match, name)
    ]
    if found.match.during:
        asks.append("at its time of day")
    return ", ".join(asks) or ("the root, which takes all" if found.match == Match() else "any")


def _as_text(one: dict[str, Any]) -> Iterator[str]:
    if "error" in one:
        yield f"line {one['line']}: {printable(one['error'])}"
        return
    text = printable(one["text"])
    yield f"{one['id']}  {text[:_TEXT_SHOWN]}{'…' if len(text) > _TEXT_SHOWN else ''}"
    if one["brand"] is None:
        yield f"  brand      none: {one['reason']}"
        return
    words = ", ".join(one["match"]["keywords"])
    yield f"  brand      {one['brand']}: {one['match']['reason']}{f' ({words})' if words else ''}"
    mark = one["mark"]
    yield f"  mark       {mark['kind']}, severity {mark['severity']}, influence {mark['influence']}"
    yield from (f"             because {printable(reason)}" for reason in mark["reasons"])
    incident = one["incident"]
    if incident is None:
        yield f"  incident   none: {one['reason']}"
        return
    posts, authors = incident["post_count"], incident["author_count"]
    yield f"  incident   {incident['key']} ({incident['status']}, posts: {posts}, authors: {authors}): {one['reason']}"
    if incident["merged_into"]:
        yield f"             {incident['merged_into']['key']} speaks for it"
        yield from (f"             because {printable(reason)}" for reason in incident["merged_into"]["reasons"])
    for plan in one["receivers"]:
        held = f"; held until {plan['held']['until']}: {plan['held']['why']}" if plan["held"] else ""
        yield f"  {plan['receiver']:<10} {plan['reason']} at {plan['at']}: {plan['why']}{held}"
        yield f"             by the route: {plan['route']}"
    if not one["receivers"]:
        yield "  nobody     has more to be told of it now"
    if one["escalation"]:
        steps = [f"{step['receiver'] or step['why']} at {step['at']}" for step in one["escalation"]["unless_taken"]]
        yield f"  unless somebody takes it, by the escalation {one['escalation']['name']}: {'; '.join(steps)}"


def _moment(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
