"""Which receivers an incident goes to, and at what pace: the policy's tree read against the incident."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast

from config.routes import Match, Policy, Route
from config.steps import Escalation
from config.times import During
from schemas.mark import INFLUENCES, SEVERITIES
from workers.incidents.model import Incident, Millis

# Ours: what routing has found is kept for so many different incidents. There are a few hundred combinations of brand,
# kind, severity, influence and language at most; authors that routes name, and minutes, come on top.
_MOST_KEPT: Final = 4096
_MINUTE_MS: Final = 60_000


class Routed(NamedTuple):
    """The first route that matched, and each receiver with the first route that names it. Not to be changed."""

    first: Route
    receivers: dict[str, Route]
    escalation: Escalation | None
    """Of the first that names one."""


class _Asks(NamedTuple):
    """What the tree asks for beyond what every incident has."""

    authors: frozenset[str]
    times: bool


def route(policy: Policy, incident: Incident, now: Millis) -> Routed:
    """Walk the tree: a route's children first, the first that matches wins unless it says `continue`."""
    kept: dict[Any, Any] = policy.routed
    asks = kept.get(_Asks)
    if asks is None:
        asks = kept[_Asks] = _asks(policy.route)
    inputs = (
        incident.brand,
        incident.kind,
        incident.severity,
        incident.influence,
        incident.scope,
        tuple(incident.langs),
        asks.authors & incident.usernames if asks.authors else None,
        now // _MINUTE_MS if asks.times else None,
    )
    found = kept.get(inputs)
    if found is None:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        found = kept[inputs] = _route(policy, incident, now)
    return cast(Routed, found)


def matches(match: Match, incident: Incident, now: Millis) -> bool:
    """An empty field matches all; language and author hold if they hold for any post of the incident."""
    return (
        (not match.brand or incident.brand in match.brand)
        and (not match.kind or incident.kind in match.kind)
        and (not match.severity or SEVERITIES[incident.severity] in match.severity)
        and (not match.influence or INFLUENCES[incident.influence] in match.influence)
        and (not match.lang or not match.lang.isdisjoint(incident.langs))
        and (not match.author or not match.author.isdisjoint(incident.usernames))
        and (not match.scope or incident.scope in match.scope)
        and holds(match.during, now)
    )


def holds(during: During, now: Millis) -> bool:
    """Whether it is one of these times; none stands for always."""
    return not during or any(window.holds(datetime.fromtimestamp(now / 1000, UTC)) for window in during)


def asks_for_authors(policy: Policy) -> bool:
    """Whether any route matches on author: only then is it looked up who wrote in an incident."""
    return _asks_for_authors(policy.route)


def names_influence(policy: Policy, influence: int) -> bool:
    """Whether a child route names this influence: only then do neutral and promotion posts open an incident."""
    return influence > 0 and _names(policy.route.routes, INFLUENCES[influence])


def _route(policy: Policy, incident: Incident, now: Millis) -> Routed:
    matched = _walk(policy.route, incident, now) or [policy.route]
    receivers: dict[str, Route] = {}
    for found in matched:
        for name in found.receivers:
            receivers.setdefault(name, found)
    escalation = next((found.escalation for found in matched if found.escalation is not None), None)
    return Routed(matched[0], receivers, escalation)


def _asks(node: Route) -> _Asks:
    below = [_asks(child) for child in node.routes]
    authors = node.match.author.union(*(asks.authors for asks in below))
    return _Asks(authors, bool(node.match.during) or any(asks.times for asks in below))


def _asks_for_authors(node: Route) -> bool:
    return bool(node.match.author) or any(_asks_for_authors(child) for child in node.routes)


def _names(routes: tuple[Route, ...], influence: str) -> bool:
    return any(influence in child.match.influence or _names(child.routes, influence) for child in routes)


def _walk(node: Route, incident: Incident, now: Millis) -> list[Route]:
    if not matches(node.match, incident, now):
        return []
    found: list[Route] = []
    for child in node.routes:
        below = _walk(child, incident, now)
        found += below
        if below and not child.continue_:
            break
    return found or [node]
