"""Escalation: who is told one after the other until somebody has taken the incident. Pure, the time passed in.

The steps are frozen on the incident when a route first gives it an escalation; an acknowledgement stops its clock, the
end of the lease lets it go on.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from config.steps import Escalation, IfDuring, IfPosts, Step, Tell, Wait
from workers.incidents.model import Decision, Escalating, Event, Incident, Millis, Notify

Counts = Mapping[timedelta, int]
"""How many posts an incident got in the last so long."""


def start(incident: Incident, escalation: Escalation | None, now: Millis, decision: Decision) -> None:
    """The first route that names an escalation gives it to the incident: from here its clock runs."""
    if escalation is None or incident.escalation is not None:
        return
    incident.escalation = Escalating(
        name=escalation.name, steps=escalation.steps, rest=escalation.steps, repeats=escalation.repeat,
        rounds=escalation.repeat, next_at=now,
    )  # fmt: skip
    decision.events.append(Event("escalation_started", escalation.name))
    if incident.status != "firing":
        stop(incident, now)


def stop(incident: Incident, now: Millis) -> None:
    """Somebody has taken it: what was still to wait is kept for when the lease ends."""
    state = incident.escalation
    if state is not None and state.next_at is not None:
        state.left, state.next_at = max(0, state.next_at - now), None


def go_on(incident: Incident, now: Millis) -> None:
    """The acknowledgement has ended: it goes on where it was stopped."""
    state = incident.escalation
    if state is not None and state.left is not None:
        state.next_at, state.left = now + state.left, None


def end(incident: Incident) -> None:
    """The incident is over, or a burst speaks for it."""
    state = incident.escalation
    if state is not None:
        state.rest, state.repeats, state.next_at, state.left = (), 0, None, None


def again(incident: Incident, now: Millis) -> None:
    """The incident is open again: from the beginning, by the steps that are frozen on it."""
    state = incident.escalation
    if state is not None:
        state.rest, state.repeats, state.next_at, state.left = state.steps, state.rounds, now, None


def asks_for(incident: Incident) -> set[timedelta]:
    """Over which times the posts must be counted before `advance` can take the steps that come next."""
    state = incident.escalation
    return _spans(state.rest) | _spans(state.steps) if state is not None and state.next_at is not None else set()


def advance(incident: Incident, known: Collection[str], now: Millis, counts: Counts | None, decision: Decision) -> None:
    """Take the steps that are due; `known` are the receivers that there are by now.

    Without `counts` a step that asks for posts is left for the incident's timer; while the incident is muted nobody is
    told, so it stands before that step until the mute is over.
    """
    state = incident.escalation
    while state is not None and incident.status == "firing" and state.next_at is not None and state.next_at <= now:
        if not state.rest:
            if state.repeats == 0:
                state.next_at = None
                decision.events.append(Event("escalation_ended", f"{state.name}: all steps are done"))
                return
            state.repeats, state.rest = state.repeats - 1, state.steps
            round_ = state.rounds - state.repeats
            decision.events.append(Event("escalation_repeated", f"{state.name}: {round_} of {state.rounds}"))
        step, rest = state.rest[0], state.rest[1:]
        if (isinstance(step, IfPosts) and counts is None) or (isinstance(step, Tell) and incident.is_muted(now)):
            return
        state.rest = (*_chosen(step, now, counts or {}), *rest)
        if isinstance(step, Wait):
            state.next_at = now + step.duration // timedelta(milliseconds=1)
        elif isinstance(step, Tell):
            _tell(incident, state, step, known, now, decision)


def _spans(steps: tuple[Step, ...]) -> set[timedelta]:
    found: set[timedelta] = set()
    for step in steps:
        if isinstance(step, IfPosts):
            found.add(step.within)
        if isinstance(step, IfPosts | IfDuring):
            found |= _spans(step.then) | _spans(step.otherwise)
    return found


def _chosen(step: Step, now: Millis, counts: Counts) -> tuple[Step, ...]:
    """The branch that a step opens."""
    if isinstance(step, IfDuring):
        moment = datetime.fromtimestamp(now / 1000, UTC)
        return step.then if any(window.holds(moment) for window in step.during) else step.otherwise
    if isinstance(step, IfPosts):
        return step.then if counts.get(step.within, 0) >= step.posts else step.otherwise
    return ()


def _tell(
    incident: Incident, state: Escalating, step: Tell, known: Collection[str], now: Millis, decision: Decision
) -> None:
    moment = datetime.fromtimestamp(now / 1000, UTC)
    wanted = [(name, name) for name in step.receivers]
    wanted += [
        (rota.on_duty(moment), f"{rota.on_duty(moment)}, whose turn it is in {rota.name}") for rota in step.rotas
    ]
    for receiver, shown in wanted:
        if receiver not in known:
            _stand_in(incident, state, receiver, known, now, decision)
            continue
        if _has_first(incident, state, receiver, decision):
            decision.events.append(Event("escalation_step", f"{shown}: told by the route already"))
            if receiver not in state.by_route:
                state.by_route = (*state.by_route, receiver)
            continue
        _notify(receiver, f"escalation {state.name}: nobody has taken it", now, decision)
        decision.events.append(Event("escalated", f"{state.name}: to {shown}"))
        if receiver not in incident.told and receiver not in state.paged:
            state.paged = (*state.paged, receiver)


def _stand_in(
    incident: Incident, state: Escalating, gone: str, known: Collection[str], now: Millis, decision: Decision
) -> None:
    """The file has lost this receiver since the steps were frozen: whoever knows of the incident hears instead."""
    told = [receiver for receiver in incident.told if receiver in known]
    for receiver in told:
        _notify(receiver, f"escalation {state.name}: {gone} is no longer in routes.yaml", now, decision)
    instead = f"to {', '.join(told)} instead of" if told else "nobody could be told in place of"
    decision.events.append(Event("escalated", f"{state.name}: {instead} {gone}, which routes.yaml holds no more"))


def _notify(receiver: str, why: str, now: Millis, decision: Decision) -> None:
    decision.notify = [n for n in decision.notify if n.receiver != receiver]
    decision.notify.append(Notify(receiver, "escalation", now, why))


def _has_first(incident: Incident, state: Escalating, receiver: str, decision: Decision) -> bool:
    """Whether the receiver hears of the incident by its route: a `first` that is sent, under way or due, not held."""
    waiting, under_way = incident.scheduled.get(receiver), incident.frozen.get(receiver)
    return (
        (receiver in incident.told and receiver not in state.paged)
        or (waiting is not None and waiting.reason == "first" and waiting.held is None)
        or under_way == "first"
        or receiver in incident.bundled
        or any(n.receiver == receiver and n.reason == "first" for n in decision.notify)
    )
