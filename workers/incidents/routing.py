"""Which receivers an incident goes to, and at what pace: the policy's tree read against the incident."""

from typing import NamedTuple

from config.routes import Match, Policy, Route
from schemas.mark import INFLUENCES, SEVERITIES
from workers.incidents.model import Incident


class Routed(NamedTuple):
    """The first route that matched, and each receiver with the first route that names it."""

    first: Route
    receivers: dict[str, Route]


def route(policy: Policy, incident: Incident) -> Routed:
    """Walk the tree: a route's children first, the first that matches wins unless it says `continue`."""
    matched = _walk(policy.route, incident) or [policy.route]
    receivers: dict[str, Route] = {}
    for found in matched:
        for name in found.receivers:
            receivers.setdefault(name, found)
    return Routed(matched[0], receivers)


def asks_for_authors(policy: Policy) -> bool:
    """Whether any route matches on author: only then is it looked up who wrote in an incident."""
    return _asks_for_authors(policy.route)


def _asks_for_authors(node: Route) -> bool:
    return bool(node.match.author) or any(_asks_for_authors(child) for child in node.routes)


def names_influence(policy: Policy, influence: int) -> bool:
    """Whether a child route names this influence: only then do neutral and promotion posts open an incident."""
    return influence > 0 and _names(policy.route.routes, INFLUENCES[influence])


def _names(routes: tuple[Route, ...], influence: str) -> bool:
    return any(influence in child.match.influence or _names(child.routes, influence) for child in routes)


def _walk(node: Route, incident: Incident) -> list[Route]:
    if not _matches(node.match, incident):
        return []
    found: list[Route] = []
    for child in node.routes:
        below = _walk(child, incident)
        found += below
        if below and not child.continue_:
            break
    return found or [node]


def _matches(match: Match, incident: Incident) -> bool:
    """An empty field matches all; language and author hold if they hold for any post of the incident."""
    return (
        (not match.brand or incident.brand in match.brand)
        and (not match.kind or incident.kind in match.kind)
        and (not match.severity or SEVERITIES[incident.severity] in match.severity)
        and (not match.influence or INFLUENCES[incident.influence] in match.influence)
        and (not match.lang or not match.lang.isdisjoint(incident.langs))
        and (not match.author or not match.author.isdisjoint(incident.usernames))
    )
