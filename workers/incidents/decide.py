"""What follows when something happens to an incident: pure, the time passed in, every decision with its reason."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from config.routes import Policy
from schemas.mark import INFLUENCES, SEVERITIES
from workers.incidents import escalation, gravity
from workers.incidents.burst import within
from workers.incidents.model import (
    CRITICAL,
    HIGH,
    KIND_WEIGHT,
    Decision,
    Event,
    Incident,
    Millis,
    Notify,
    Post,
    Reason,
)
from workers.incidents.routing import Routed, route

MAX_REASONS: Final = 8  # ours: what a person reads at three in the morning
REMIND_BEFORE: Final = timedelta(minutes=5)  # ours: its holder is reminded so long before its end

# Which reason stands where two want to tell the same receiver of the same incident.
_STRENGTH: Final[dict[Reason, int]] = {
    "first": 5,
    "escalation": 4,
    "severity_rose": 3,
    "new_posts": 2,
    "reminder": 1,
    "repeat": 0,
    "all_resolved": -1,
}


def milliseconds(duration: timedelta) -> Millis:
    """A duration in milliseconds."""
    return duration // timedelta(milliseconds=1)


def posts_arrived(
    incident: Incident,
    new: Sequence[Post],
    revised: Sequence[Post],
    policy: Policy,
    now: Millis,
    *,
    burst: Incident | None = None,
    flared: bool = False,
    severity_before: int | None = None,
) -> Decision:
    """New posts and revisions have joined the incident (its counts are the caller's): what follows.

    `burst` is the brand's burst that is open, if any; `flared` says that this is a burst in which the rule holds again
    after it had ended; `severity_before` that the caller has raised its severity already. The incident is changed in
    place.
    """
    posts = [*new, *revised]
    decision = Decision(trace=next((post.trace for post in posts if post.trace), None))
    opened = incident.updated_at == 0
    severity_before = incident.severity if severity_before is None else severity_before
    _take_over(incident, posts, now)
    gravity.raise_by_reach(incident, route(policy, incident, now).first.language, MAX_REASONS)
    if opened:
        decision.events.append(Event("opened", _what(incident)))
    elif incident.severity > severity_before:
        rose = f"{SEVERITIES[severity_before]} → {SEVERITIES[incident.severity]}: {_what(incident)}"
        decision.events.append(Event("severity_rose", rose))
    reopened = _leave_rest(incident, severity_before, now, decision)
    if incident.status == "merged":
        burst_speaks = burst is not None and burst.id == incident.merged_into
        if burst_speaks and not incident.stands_alone:
            return decision
        why = f"{_what(incident)}: somebody must see it by itself" if burst_speaks else "the burst it was in is over"
        incident.status, incident.merged_into, opened = "firing", None, not burst_speaks
        decision.events.append(Event("unmerged", why))
        escalation.again(incident, now)
    if opened and burst is not None and may_merge(incident, burst):
        merge(incident, burst, decision)
        return decision
    routed = route(policy, incident, now)
    _tell(incident, routed, now, decision, at_once=reopened or flared)
    escalation.start(incident, routed.escalation, now, decision)
    escalation.advance(incident, policy.receivers, now, None, decision)
    incident.due_at = next_due(incident, routed, now)
    return decision


def spread_further(incident: Incident, policy: Policy, now: Millis) -> Decision:
    """It was passed on so often that it is graver than its posts. Nothing new is in it, so its quiet goes on."""
    quiet_since = incident.last_post_at
    decision = posts_arrived(incident, [], [], policy, now)
    incident.last_post_at = quiet_since
    incident.due_at = next_due(incident, route(policy, incident, now), now) if incident.is_open else incident.due_at
    return decision


def may_merge(incident: Incident, burst: Incident) -> bool:
    """Whether a root incident goes into the burst: a complaint in its span that need not be seen by itself."""
    return (
        burst.is_open
        and incident.scope == "root"
        and incident.kind == "complaint"
        and incident.status == "firing"
        and not incident.stands_alone
        and within(incident.event_at, burst.spans)
    )


def merge(incident: Incident, burst: Incident, decision: Decision) -> None:
    """The burst speaks for it from here: what it had pending is cancelled, nothing more is sent for it."""
    incident.status, incident.merged_into, incident.due_at = "merged", burst.id, None
    why = f"merged into the burst {burst.id} of {burst.brand}"
    decision.events.append(Event("merged", why))
    decision.cancel.update(dict.fromkeys(incident.scheduled, why))
    decision.withdraw.update(dict.fromkeys(incident.frozen, why))
    escalation.end(incident)


def acknowledge(incident: Incident, actor: str, reason: str, until: Millis, policy: Policy, now: Millis) -> Decision:
    """Somebody has taken it, until then: no repeats, no escalation; new posts and a higher severity are still told.

    What is frozen and not delivered says that nobody has taken it: it is withdrawn and made anew.
    """
    incident.status, incident.acknowledged_until, incident.acknowledged_by = "acknowledged", until, actor
    incident.updated_at = now
    escalation.stop(incident, now)
    quiet = [r for r, s in incident.scheduled.items() if s.reason in ("repeat", "reminder", "escalation")]
    incident.due_at = next_due(incident, route(policy, incident, now), now)
    taken = f"acknowledged by {actor}"
    anew = [(r, was) for r, was in incident.frozen.items() if was not in ("repeat", "escalation")]
    return Decision(
        notify=[Notify(r, was, now, taken) for r, was in anew],
        cancel=dict.fromkeys(quiet, taken),
        withdraw=dict.fromkeys(incident.frozen, taken),
        events=[Event("acknowledged", reason or "taken", actor)],
    )


def resolve(incident: Incident, actor: str, reason: str, now: Millis) -> Decision:
    """It is over: everybody who was told of it is told so once; what others were still to be told is cancelled."""
    incident.status, incident.resolved_at, incident.updated_at = "resolved", now, now
    incident.acknowledged_until = incident.acknowledged_by = incident.due_at = None
    escalation.end(incident)
    untold = [receiver for receiver in incident.scheduled if receiver not in incident.told]
    why = f"resolved before it was sent: {reason}"
    return Decision(
        notify=[Notify(receiver, "all_resolved", now, reason) for receiver in incident.told],
        cancel=dict.fromkeys(untold, why),
        withdraw={receiver: why for receiver in incident.frozen if receiver not in incident.told},
        events=[Event("resolved", reason, actor)],
    )


def reopen(incident: Incident, actor: str, reason: str, policy: Policy, now: Millis) -> Decision:
    """It was not over after all: whoever was told of it is told again, and its escalation begins anew."""
    incident.status, incident.resolved_at, incident.updated_at = "firing", None, now
    decision = Decision(events=[Event("reopened", reason or "by hand", actor)])
    routed = route(policy, incident, now)
    why = f"reopened by {actor}"
    decision.notify = [Notify(receiver, "repeat", now, why) for receiver in incident.told]
    decision.notify += [
        Notify(receiver, "first", now, why) for receiver in routed.receivers if receiver not in incident.told
    ]
    escalation.again(incident, now)
    escalation.start(incident, routed.escalation, now, decision)
    escalation.advance(incident, policy.receivers, now, None, decision)
    incident.due_at = next_due(incident, routed, now)
    return decision


def time_passed(incident: Incident, policy: Policy, now: Millis, counts: escalation.Counts | None = None) -> Decision:
    """The incident's own timer is due: an acknowledgement ends or is about to, the next step of its escalation has
    come (`counts`: of what it asks for), or it has been quiet for so long."""
    routed = route(policy, incident, now)
    until = incident.acknowledged_until
    quiet_until = incident.last_post_at + milliseconds(routed.first.resolve_after)
    decision = Decision()
    if incident.status == "acknowledged" and until is not None:
        if until <= now:
            by = incident.acknowledged_by
            incident.status, incident.acknowledged_until, incident.acknowledged_by = "firing", None, None
            decision.events.append(Event("unacknowledged", f"the acknowledgement by {by} ran out"))
            decision.notify = _remind(incident, now, f"the acknowledgement by {by} ran out")
            escalation.go_on(incident, now)
        elif until - milliseconds(REMIND_BEFORE) <= now:
            decision.notify = _remind(incident, now, f"the acknowledgement by {incident.acknowledged_by} ends soon")
    if _resolves_itself(incident) and quiet_until <= now:
        return resolve(incident, "hikeshi", f"quiet for {routed.first.resolve_after}", now)
    escalation.advance(incident, policy.receivers, now, counts, decision)
    incident.due_at = next_due(incident, routed, now)
    return decision


def sent(incident: Incident, receiver: str, reason: Reason, policy: Policy, now: Millis) -> Decision:
    """A receiver has just been told: when it hears of the incident again though nothing changes."""
    routed = route(policy, incident, now)
    pace = routed.receivers.get(receiver, routed.first)
    waiting = incident.scheduled.get(receiver)
    if waiting is not None and waiting.reason == "first":
        # Posts that came while the first was under way were scheduled as if nothing had been told.
        told = incident.told.get(receiver)
        if told is not None and incident.severity > told.severity:
            return Decision(notify=[Notify(receiver, "severity_rose", now, _what(incident))])
        return Decision(notify=[Notify(receiver, "new_posts", now + milliseconds(pace.group_interval), "more posts")])
    if incident.status == "resolved" and reason != "all_resolved":
        # It was resolved while this was under way, when nobody knew yet that this receiver would be told.
        return Decision(notify=[Notify(receiver, "all_resolved", now, "resolved meanwhile")])
    if waiting is not None or reason == "all_resolved":
        return Decision()
    return ask_again(incident, receiver, policy, now)


def ask_again(incident: Incident, receiver: str, policy: Policy, now: Millis) -> Decision:
    """A receiver has been told, or could not be: unless somebody acknowledges it, it is tried again in a while."""
    if incident.status != "firing" or receiver in incident.scheduled:
        return Decision()
    routed = route(policy, incident, now)
    pace = routed.receivers.get(receiver, routed.first)
    why = f"nobody has acknowledged it for {pace.repeat_interval}"
    return Decision(notify=[Notify(receiver, "repeat", now + milliseconds(pace.repeat_interval), why)])


def receiver_gone(incident: Incident, receiver: str, policy: Policy, now: Millis) -> Decision:
    """The file holds this receiver no more: what waits for it is cancelled, and whom the routes name now is told."""
    why = f"{receiver} is no longer in routes.yaml"
    decision = Decision(cancel={receiver: why}, withdraw={receiver: why}, events=[Event("receiver_gone", why)])
    if incident.is_open:
        unaware = [
            name
            for name in route(policy, incident, now).receivers
            if not (name in incident.told or name in incident.scheduled or name in incident.frozen)
        ]
        decision.notify = [Notify(name, "first", now, f"in place of {receiver}") for name in unaware]
    return decision


def still_wanted(incident: Incident, receiver: str, reason: Reason, new_posts: int) -> str | None:
    """Looked at again when a scheduled notification comes due: None to send it, else why it is not sent any more."""
    told = incident.told.get(receiver)
    if incident.status == "merged":
        return f"merged into {incident.merged_into}"
    if reason == "all_resolved":
        return None if incident.status == "resolved" else "it is open again"
    if incident.status == "resolved":
        return "resolved"
    if reason in ("repeat", "escalation") and incident.status == "acknowledged":
        return f"acknowledged by {incident.acknowledged_by}"
    if new_posts == 0 and reason in ("first", "new_posts"):
        return "no post of it is left to tell"
    if new_posts == 0 and reason == "severity_rose" and told is not None and told.severity >= incident.severity:
        return "told of already"
    return None


def told_as(incident: Incident, receiver: str, reason: Reason) -> Reason:
    """The reason that a receiver is given, by what it has been told when the bytes are fixed."""
    told = incident.told.get(receiver)
    if told is None and reason not in ("all_resolved", "escalation"):
        return "first"
    if told is not None and (reason == "first" or (reason == "severity_rose" and told.severity >= incident.severity)):
        return "new_posts"
    return reason


def next_due(incident: Incident, routed: Routed, now: Millis) -> Millis | None:
    """When to look at the incident again though nothing arrives."""
    moments: list[Millis] = []
    if incident.status == "acknowledged" and incident.acknowledged_until is not None:
        reminder = incident.acknowledged_until - milliseconds(REMIND_BEFORE)
        moments.append(reminder if reminder > now else incident.acknowledged_until)
    moments += _next_step(incident, now)
    if _resolves_itself(incident):
        moments.append(incident.last_post_at + milliseconds(routed.first.resolve_after))
    return min(moments, default=None)


def _next_step(incident: Incident, now: Millis) -> list[Millis]:
    """When the escalation goes on; where a mute keeps it from telling somebody, that is when the mute ends."""
    state = incident.escalation
    if incident.status != "firing" or state is None or state.next_at is None:
        return []
    if state.next_at > now or not incident.is_muted(now):
        return [state.next_at]
    return [] if incident.muted_until is None else [incident.muted_until]


def _resolves_itself(incident: Incident) -> bool:
    """Quiet resolves, but never an unacknowledged high or critical."""
    return incident.is_open and not (incident.status == "firing" and incident.severity >= HIGH)


def _take_over(incident: Incident, posts: Sequence[Post], now: Millis) -> None:
    weightiest: Post | None = None
    for post in posts:
        if KIND_WEIGHT[post.kind] > KIND_WEIGHT[incident.kind]:
            incident.kind = post.kind
        if post.severity > incident.severity or not incident.reasons:
            weightiest = post
        incident.severity = max(incident.severity, post.severity)
        incident.influence = max(incident.influence, post.influence)
        if post.lang and post.lang not in incident.langs:
            incident.langs = [*incident.langs, post.lang]
        incident.event_at = min(incident.event_at, post.created_at)
    if weightiest is not None and incident.scope == "root":
        incident.reasons = weightiest.reasons[:MAX_REASONS]
    incident.sample = incident.sample or any(post.sample for post in posts)
    incident.updated_at = incident.last_post_at = now


def _leave_rest(incident: Incident, severity_before: int, now: Millis, decision: Decision) -> bool:
    """A resolved incident opens again, a higher severity ends an acknowledgement. Whether it has opened again."""
    if incident.status == "resolved":
        incident.status, incident.resolved_at = "firing", None
        decision.events.append(Event("reopened", "new posts after it was resolved"))
        escalation.again(incident, now)
        return True
    if incident.status == "acknowledged" and incident.severity > severity_before:
        by = incident.acknowledged_by
        incident.status, incident.acknowledged_until, incident.acknowledged_by = "firing", None, None
        decision.events.append(Event("unacknowledged", f"severity rose since {by} acknowledged it"))
        escalation.go_on(incident, now)
    return False


def _tell(incident: Incident, routed: Routed, now: Millis, decision: Decision, *, at_once: bool) -> None:
    audience = dict(routed.receivers)
    for receiver in incident.told:
        audience.setdefault(receiver, routed.first)  # told before: it stays on the incident
    for receiver, pace in audience.items():
        told, waiting = incident.told.get(receiver), incident.scheduled.get(receiver)
        if told is None:
            skips_wait = incident.severity >= CRITICAL or incident.scope == "burst"
            due = now if skips_wait else now + milliseconds(pace.group_wait)
            wanted = Notify(receiver, "first", due, _what(incident))
        elif incident.severity > told.severity:
            wanted = Notify(receiver, "severity_rose", now, _what(incident))
        elif at_once:
            wanted = Notify(receiver, "new_posts", now, "it flared up again")
        else:
            due = max(now, min(told.at, now) + milliseconds(pace.group_interval))  # the clock may have been put back
            wanted = Notify(receiver, "new_posts", due, "more posts")
        if waiting is None or waiting.reason == "all_resolved":
            decision.notify.append(wanted)
        elif wanted.due_at < waiting.due_at or _STRENGTH[wanted.reason] > _STRENGTH[waiting.reason]:
            reason = max(wanted.reason, waiting.reason, key=_STRENGTH.__getitem__)
            due = min(wanted.due_at, waiting.due_at)
            decision.notify.append(Notify(receiver, reason, due, wanted.why))
    for receiver in incident.scheduled:
        if receiver not in audience:
            decision.cancel[receiver] = "routed anew: no route of the incident names this receiver any more"


def _remind(incident: Incident, now: Millis, why: str) -> list[Notify]:
    return [Notify(receiver, "reminder", now, why) for receiver in incident.told if receiver not in incident.scheduled]


def _what(incident: Incident) -> str:
    words = f"{incident.kind}, severity {SEVERITIES[incident.severity]}"
    if incident.influence:
        words += f", influence {INFLUENCES[incident.influence]}"
    return words
