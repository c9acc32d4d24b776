"""What an incident is: its state, the posts that arrive at it, and what may be decided about it."""

from typing import Any, Final, Literal

import msgspec

from config.steps import Step
from schemas.mark import INFLUENCES, KINDS, SEVERITIES, Kind

Millis = int
"""Milliseconds since 1970 (UTC)."""

Desk = Literal["care", "voice"]
Scope = Literal["root", "burst"]
Status = Literal["firing", "acknowledged", "resolved", "merged"]
Reason = Literal["first", "new_posts", "severity_rose", "escalation", "reminder", "repeat", "all_resolved"]
Held = Literal["mute", "quiet", "digest"]
"""Why a notification waits though it could go."""

HIGH: Final = SEVERITIES.index("high")
CRITICAL: Final = SEVERITIES.index("critical")
INFLUENCER: Final = INFLUENCES.index("influencer")

# An incident's kind is the weightiest inside.
KIND_WEIGHT: Final[dict[str, int]] = {
    "complaint": 5,
    "question": 4,
    "praise": 3,
    "neutral": 2,
    "promotion": 1,
    "irrelevant": 0,
}
assert set(KIND_WEIGHT) == set(KINDS)  # noqa: S101  a new kind must be weighed here


class Post(msgspec.Struct, kw_only=True):
    """A stored post as the incident logic sees it. `author` is a hash; `arrival` numbers a brand's posts as stored."""

    brand: str
    id: str
    revision: int
    kind: Kind
    severity: int
    influence: int
    lang: str | None
    created_at: Millis
    arrival: int
    author: str
    username: str | None
    text_hash: str = ""
    """Of a complaint: what its copies have in common."""
    root: str
    incident: str | None
    reason: str
    reasons: list[str]
    trace: str | None
    """The W3C traceparent of its record: one id from post to notification."""
    late: bool
    """Recovered, and older than a burst looks back: opens an incident, never a burst."""
    sample: bool


class Told(msgspec.Struct):
    """What a receiver was told of an incident: when, up to which arrival, at which severity."""

    at: Millis
    arrival: int
    severity: int


class Scheduled(msgspec.Struct):
    """A notification that is not frozen yet: there is at most one for each incident and receiver."""

    id: str
    reason: Reason
    due_at: Millis
    held: Held | None = None


class Escalating(msgspec.Struct, omit_defaults=True):
    """An incident's escalation: the steps as they were when it first got one, and how far they have gone."""

    name: str
    steps: tuple[Step, ...]
    rest: tuple[Step, ...]
    """Of this round."""
    repeats: int
    """Rounds after this one."""
    rounds: int = 0
    """How many times it is repeated in all."""
    next_at: Millis | None = None
    """When the next step is due, as long as the incident is firing; None: it has ended."""
    left: Millis | None = None
    """While an acknowledgement stops it: how long the next step was still to wait."""
    paged: tuple[str, ...] = ()
    """Receivers that have heard of the incident by the escalation alone."""
    by_route: tuple[str, ...] = ()
    """Receivers that a step named, for whom it was done by the `first` of their route."""


class Incident(msgspec.Struct, kw_only=True):
    """An incident's state with what its receivers were told and will be told; read under its row's lock."""

    id: str
    key: str
    scope: Scope
    brand: str
    desk: Desk
    kind: Kind
    severity: int
    influence: int
    status: Status
    opened_at: Millis
    updated_at: Millis
    last_post_at: Millis
    event_at: Millis
    resolved_at: Millis | None = None
    acknowledged_until: Millis | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    post_count: int = 0
    author_count: int = 0
    langs: list[str] = []
    reasons: list[str] = []
    merged_into: str | None = None
    spans: list[tuple[Millis, Millis]] = []
    sample: bool = False
    due_at: Millis | None = None
    escalation: Escalating | None = None
    muted_by: str | None = None
    """Who or what keeps its notifications back, for people."""
    muted_until: Millis | None = None
    """None though it is muted: until what mutes it is over."""
    mute: str | None = None
    """What mutes it: `silence:ID`, `incident:ID` or `campaign:NAME`."""
    told: dict[str, Told] = {}
    scheduled: dict[str, Scheduled] = {}
    frozen: dict[str, Reason] = {}
    """Receivers with a notification whose bytes are fixed and whose delivery is not known yet."""
    bundled: set[str] = set()
    """Receivers for whom it goes with another incident's notification."""
    is_new: bool = False
    """Opened by this very transaction: it takes the place of what had its key before."""
    usernames: frozenset[str] = frozenset()
    spread: int = 0
    """Retweets and quotes of its root, where this very transaction counted some."""

    @property
    def is_open(self) -> bool:
        """Whether somebody has yet to deal with it by itself."""
        return self.status in ("firing", "acknowledged")

    def is_muted(self, now: Millis) -> bool:
        """Whether its notifications are kept back."""
        return self.mute is not None and (self.muted_until is None or self.muted_until > now)

    @property
    def stands_alone(self) -> bool:
        """Never merged into a burst: somebody must see it by itself."""
        return self.severity >= CRITICAL or self.influence >= INFLUENCER


class Notify(msgspec.Struct, frozen=True):
    """Tell this receiver, at this time, for this reason; `why` is the decision in words."""

    receiver: str
    reason: Reason
    due_at: Millis
    why: str
    held: Held | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened to an incident: one line of its timeline."""

    event: str
    reason: str
    actor: str = "hikeshi"


class Decision(msgspec.Struct):
    """What follows: notifications to schedule, those to cancel (receiver → why), what to write into the timeline.

    `cancel` is for what is scheduled, `withdraw` for what is frozen and not delivered yet.
    """

    trace: str | None = None
    """Of the post that led to the notifications."""
    notify: list[Notify] = []
    cancel: dict[str, str] = {}
    withdraw: dict[str, str] = {}
    events: list[Event] = []


def care_key(brand: str, root: str) -> str:
    """The key of a root incident at the care desk."""
    return f"{brand}/care/{root}"


def burst_key(brand: str) -> str:
    """The key of a brand's burst."""
    return f"{brand}/care/burst"


def as_row(incident: Incident) -> dict[str, Any]:
    """The incident's own columns, lists as JSON."""
    encode = msgspec.json.encode
    return {
        "id": incident.id,
        "key": incident.key,
        "scope": incident.scope,
        "brand": incident.brand,
        "desk": incident.desk,
        "kind": incident.kind,
        "severity": incident.severity,
        "influence": incident.influence,
        "status": incident.status,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "last_post_at": incident.last_post_at,
        "event_at": incident.event_at,
        "resolved_at": incident.resolved_at,
        "acknowledged_until": incident.acknowledged_until,
        "acknowledged_by": incident.acknowledged_by,
        "assignee": incident.assignee,
        "post_count": incident.post_count,
        "author_count": incident.author_count,
        "langs": encode(incident.langs).decode(),
        "reasons": encode(incident.reasons).decode(),
        "merged_into": incident.merged_into,
        "spans": encode(incident.spans).decode(),
        "sample": incident.sample,
        "due_at": incident.due_at,
        "escalation": encode(incident.escalation).decode() if incident.escalation is not None else None,
        "muted_by": incident.muted_by,
        "muted_until": incident.muted_until,
        "mute": incident.mute,
    }
