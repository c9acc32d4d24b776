"""Who is told of which incident, and when: the policy that `routes.yaml` says, resolved for use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from config.documents import Document, read_document
from config.escalations_file import Written
from config.faults import ConfigurationFaults
from config.mutes_file import (
    CAMPAIGN_EXAMPLE,
    DRILL_EXAMPLE,
    INHIBIT_EXAMPLE,
    MILD,
    CampaignEntry,
    DrillEntry,
    InhibitEntry,
    KeptBackEntry,
    LikeEntry,
    moments,
    read_list,
    refuse_unknown_escalation,
)
from config.ops_route import read_ops
from config.receiver import Receiver as Receiver
from config.receiver import Throttle as Throttle
from config.receiver import Webhook as Webhook
from config.receiver import receiver_of
from config.receivers import Receivers
from config.routes_file import EXAMPLE, MatchEntry, RouteEntry, read_routes
from config.settings import Settings
from config.steps import Escalation
from config.times import Daily, During
from config.times_file import Times, daily_of, days_of, during_of, minutes

DEFAULT_RECEIVER = "console"


@dataclass(frozen=True, slots=True)
class Match:
    """What an incident must be for a route; an empty set asks for nothing. Authors: lower-case names, or ids."""

    brand: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    severity: frozenset[str] = frozenset()
    influence: frozenset[str] = frozenset()
    lang: frozenset[str] = frozenset()
    author: frozenset[str] = frozenset()
    scope: frozenset[str] = frozenset()
    during: During = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree with its full values: what it left out, it has from its parent."""

    receivers: tuple[str, ...]
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    resolve_after: timedelta = timedelta(hours=24)
    reopen_within: timedelta = timedelta(hours=24)
    language: str = "en"
    timezone: str = "UTC"
    acknowledge_for: timedelta = timedelta(minutes=30)
    escalation: Escalation | None = None
    quiet_hours: During = ()
    digest: Daily | None = None
    match: Match = Match()
    continue_: bool = False
    routes: tuple["Route", ...] = ()


@dataclass(frozen=True, slots=True)
class Campaign:
    """A time in which so much is expected: what matches is kept back until its end, at most."""

    name: str
    start: datetime
    end: datetime
    match: Match

    def holds(self, moment: datetime) -> bool:
        """Whether it runs at this moment."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an incident like this is open, those like that of its brand are kept back."""

    while_open: Match
    mutes: Match


@dataclass(frozen=True, slots=True)
class Drill:
    """A test page: at this time by this escalation; somebody is to acknowledge it within so long."""

    name: str
    at: Daily
    escalation: Escalation
    within: timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """All receivers by name, and the root of the routing tree."""

    receivers: Mapping[str, Receiver]
    route: Route
    ops: tuple[str, ...] = ()
    """Receivers that are told when Hikeshi itself is in trouble."""
    campaigns: tuple[Campaign, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    drills: tuple[Drill, ...] = ()
    routed: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """What routing has found, by what it depends on (see `workers.incidents.routing`)."""


def default_policy(language: str = "en") -> Policy:
    """What holds without a `routes.yaml`: everything to the terminal, with the route's defaults."""
    console = Receiver(DEFAULT_RECEIVER, "console")
    return Policy({console.name: console}, Route((console.name,), language=language))


def load_routes(path: Path, settings: Settings) -> Policy:
    """The policy of a file, or the default one where there is none; ConfigurationFaults with all its faults."""
    if not path.exists():
        return default_policy(settings.language)
    document = read_document(path, example=EXAMPLE)
    policy = policy_of(document, path.parent, settings.language)
    if policy is None or document.faults:
        raise ConfigurationFaults(document.faults)
    return policy


def policy_of(document: Document, folder: Path, language: str) -> Policy | None:
    """The policy of a document, which gets the faults; secret files are named from `folder` on."""
    written = read_routes(document, folder)
    ops = read_ops(document)
    campaigns = [entry for entry, _ in read_list(document, "campaigns", CampaignEntry, CAMPAIGN_EXAMPLE)]
    inhibitions = [entry for entry, _ in read_list(document, "inhibit", InhibitEntry, INHIBIT_EXAMPLE)]
    drills = list(read_list(document, "drills", DrillEntry, DRILL_EXAMPLE))
    if written is not None:
        for drill, place in drills:
            known = written.escalations.escalations
            refuse_unknown_escalation(document, drill.escalation, (*place, "escalation"), known)
    if written is None or document.faults:
        return None
    receivers, route, escalations = written
    root = Route(tuple(route.receivers or ()), language=language)
    zone = escalations.timezone
    return Policy(
        _receivers(receivers),
        _resolve(route, root, escalations),
        ops,
        tuple(Campaign(entry.name, *moments(entry, zone), _kept_back(entry.match)) for entry in campaigns),
        tuple(Inhibition(_like(entry.while_), _kept_back(entry.mute)) for entry in inhibitions),
        tuple(_drill(entry, escalations) for entry, _ in drills),
    )


def _receivers(entries: Receivers) -> dict[str, Receiver]:
    return {read.entry.name: receiver_of(read) for read in entries}


def _resolve(entry: RouteEntry, parent: Route, escalations: Written) -> Route:
    """The route of an entry: its own values, else its parent's; matching and `continue` are never inherited."""

    def own(value: timedelta | None, inherited: timedelta) -> timedelta:
        return inherited if value is None else value

    zone = entry.timezone or parent.timezone
    quiet, digest = entry.quiet_hours, entry.digest
    escalation = parent.escalation if entry.escalation is None else None
    if entry.escalation:
        escalation = escalations.escalation(entry.escalation, zone)
    route = Route(
        receivers=entry.receivers or parent.receivers,
        group_wait=own(entry.group_wait, parent.group_wait),
        group_interval=own(entry.group_interval, parent.group_interval),
        repeat_interval=own(entry.repeat_interval, parent.repeat_interval),
        resolve_after=own(entry.resolve_after, parent.resolve_after),
        reopen_within=own(entry.reopen_within, parent.reopen_within),
        language=entry.language or parent.language,
        timezone=zone,
        acknowledge_for=own(entry.acknowledge_for, parent.acknowledge_for),
        escalation=escalation,
        quiet_hours=parent.quiet_hours if quiet is None else during_of(quiet, escalations.times, zone),
        digest=parent.digest if digest is None else daily_of(digest, zone),
    )
    children = tuple(_resolve(child, route, escalations) for child in entry.routes)
    match = _match(entry.match, escalations.times, zone)
    return replace(route, match=match, continue_=entry.continue_, routes=children)


def _match(entry: MatchEntry | None, times: Times, timezone: str) -> Match:
    if entry is None:
        return Match()
    return Match(
        entry.brand, entry.kind, entry.severity, entry.influence, entry.lang, entry.author, _names(entry.scope),
        during_of(entry.during, times, timezone),
    )  # fmt: skip


def _like(entry: LikeEntry) -> Match:
    return Match(kind=entry.kind, severity=entry.severity, influence=entry.influence, scope=_names(entry.scope))


def _kept_back(entry: KeptBackEntry) -> Match:
    return replace(
        _like(entry), severity=entry.severity or MILD, brand=entry.brand, lang=entry.lang, author=entry.author
    )


def _names(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


def _drill(entry: DrillEntry, escalations: Written) -> Drill:
    zone = entry.timezone or escalations.timezone
    escalation = escalations.escalation(entry.escalation, zone)
    return Drill(entry.name, Daily(minutes(entry.at), zone, days_of(entry.weekdays)), escalation, entry.within)
