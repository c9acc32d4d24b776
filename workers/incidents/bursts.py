"""Bursts in the store: opened, extended and fed within the transaction of the batch that made the rule hold."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from config.brands import Burst
from config.routes import Policy
from schemas.mark import SEVERITIES
from workers.incidents import baseline, burst_posts, burst_words, minutes, posts, records
from workers.incidents.auto import REACH, Evidence, judge, suspicious
from workers.incidents.burst import (
    MINUTE_MS,
    Span,
    held_spans,
    merge_spans,
    overlaps,
    seconds_hold,
    span_of,
    straddled,
    window_minutes,
    within,
)
from workers.incidents.decide import may_merge, merge, posts_arrived
from workers.incidents.model import HIGH, Decision, Event, Incident, Millis, Post, burst_key
from workers.incidents.routing import route


class _Found(NamedTuple):
    """Where it holds, with the evidence of the first such window where it was the brand's baseline that said so."""

    spans: list[Span]
    evidence: Evidence | None = None


async def judge_bursts(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    rules: Mapping[str, Burst | None],
    zones: Mapping[str, str],
    incidents: dict[str, Incident],
    complained: Mapping[str, minutes.Complained],
    arrived: Sequence[Post],
    now: Millis,
) -> tuple[dict[str, Incident], list[tuple[Incident, Decision]]]:
    """Judge the brands with new complaints. Returns the open burst of each, and what was decided about bursts.

    `zones`: the time zones of the brands whose bursts are `auto`; until they have a baseline their rule holds.
    `incidents`: what the batch touches, by key, among them the latest burst of each brand; the caller decides about the
    rest, so none of these is merged here.
    """
    bursts: dict[str, Incident] = {}
    decided: list[tuple[Incident, Decision]] = []
    brands = {key.partition("/")[0] for key, i in incidents.items() if i.scope == "burst"} | set(complained)
    known = await baseline.load(connection, dialect, {b: zones[b] for b in complained if b in zones})
    for brand in sorted(brands):
        burst = incidents.get(burst_key(brand))
        rule = rules.get(brand)
        there = complained.get(brand, minutes.Complained({}, set()))
        before = burst.spans if burst is not None else []
        if brand in known:
            found = await _by_baseline(connection, dialect, known[brand], there, rule, before)
        else:
            found = _Found(await _by_rule(connection, brand, there, rule, there.touched))
        held = found.spans
        held = held if burst is not None and burst.is_open else [s for s in held if not overlaps(s, before)]
        flared = burst is not None and any(not overlaps(span, before) for span in held)
        opens = bool(held) and (burst is None or not burst.is_open)
        if opens:
            burst, flared = _new_burst(brand, held, now), False
        if burst is None or not burst.is_open:
            continue
        bursts[brand] = burst
        severity_before = burst.severity
        new = await _feed(connection, dialect, burst, held, there, arrived)
        if not new and not opens:
            continue
        if opens or flared:
            await _describe(connection, burst, found.evidence, rule, zones.get(brand, "UTC"), policy, now)
        decision = posts_arrived(burst, new, [], policy, now, flared=flared, severity_before=severity_before)
        decided.append((burst, decision))
        if flared:
            decision.events.append(Event("flared", "the rule holds again"))
        if opens or flared:
            decided += await _absorb(connection, dialect, burst, held, incidents, told_before=not opens)
    await baseline.save(connection, known.values())
    return bursts, decided


async def _by_rule(
    connection: AsyncConnection, brand: str, there: minutes.Complained, rule: Burst | None, touched: set[int]
) -> list[Span]:
    if rule is None:
        return []
    voices = {minute: found.voices.keys() for minute, found in there.minutes.items() if found.voices}
    held = held_spans(voices, touched, rule)
    for end in straddled(voices, touched, rule, held):
        first = end - window_minutes(rule)
        begins = await minutes.moments(connection, brand, first, voices[first])
        ends = await minutes.moments(connection, brand, end, voices[end])
        between = {author for minute in voices if first < minute < end for author in voices[minute]}
        if seconds_hold(
            {a: at for a, (_, at) in begins.items()}, between, {a: at for a, (at, _) in ends.items()}, rule
        ):
            held = merge_spans([*held, span_of(first, end, rule)])
    return held


async def _by_baseline(
    connection: AsyncConnection,
    dialect: str,
    known: baseline.Baseline,
    there: minutes.Complained,
    rule: Burst | None,
    before: Sequence[Span],
) -> _Found:
    """By what is usual for the brand as of each day; by the rule of `auto` for days of which nothing is known yet."""
    found, evidence = [*before], None
    days = await known.advance(connection, there.touched, before)
    for day, touched in days.days:
        usual = days.usual(day, found)
        if usual is None:
            found = merge_spans([*found, *await _by_rule(connection, known.brand, there, rule, touched)])
            continue
        if not suspicious(there.minutes, touched, usual):
            continue
        around = await minutes.read(connection, dialect, known.brand, touched, REACH)
        for held in judge(around, touched, usual, found):
            if evidence is None and not overlaps(held.span, before):
                evidence = held.evidence
            found = merge_spans([*found, held.span])
    return _Found([span for span in found if span not in before], evidence)


def _new_burst(brand: str, held: Sequence[Span], now: Millis) -> Incident:
    return Incident(
        id=records.new_id(), key=burst_key(brand), scope="burst", brand=brand, desk="care", kind="complaint",
        severity=HIGH, influence=0, status="firing", opened_at=now, updated_at=0, last_post_at=now,
        event_at=held[0][0], is_new=True,
    )  # fmt: skip


async def _feed(
    connection: AsyncConnection,
    dialect: str,
    burst: Incident,
    held: Sequence[Span],
    there: minutes.Complained,
    arrived: Sequence[Post],
) -> list[Post]:
    """Extend the spans and count anew; returns the batch's complaints that lie in them."""
    before, burst.spans = burst.spans, merge_spans([*burst.spans, *held])
    inside = [
        p for p in arrived if p.brand == burst.brand and p.kind == "complaint" and within(p.created_at, burst.spans)
    ]
    # Who complained in what was in its spans before is counted already.
    added = [m for m in there.minutes if not within(m * MINUTE_MS, before) and within(m * MINUTE_MS, burst.spans)]
    hashes = {author for minute in added for author in there.minutes[minute].voices}
    hashes |= {minutes.author_hash(p.author) for p in inside}
    new = await posts.add_authors(connection, dialect, [(burst.id, h, None) for h in sorted(hashes)])
    burst.author_count += new.get(burst.id, 0)
    if inside or held:
        burst.post_count = await minutes.complaints_in(connection, dialect, burst.brand, burst.spans)
    for span in held:
        burst.severity = max(burst.severity, await minutes.worst_in(connection, burst.brand, span))
    return inside


async def _describe(
    connection: AsyncConnection,
    burst: Incident,
    evidence: Evidence | None,
    rule: Burst | None,
    zone: str,
    policy: Policy,
    now: Millis,
) -> None:
    """Why it opened, what people say, and in which languages; in the language of its first route."""
    whole = (burst.spans[0][0], burst.spans[-1][1])
    split = await burst_posts.languages(connection, burst.brand, whole)
    burst.langs = [lang for lang, _ in split]
    language = route(policy, burst, now).first.language
    said, past = await burst_posts.texts(connection, burst.brand, burst.spans[-1])
    news = burst_words.new_words(said, past)
    if evidence is not None:
        why = burst_words.by_baseline(language, burst.brand, zone, evidence)
    else:
        why = burst_words.by_rule(language, burst.author_count, rule) if rule is not None else []
    burst.reasons = [*why, *burst_words.about_posts(language, split, SEVERITIES[burst.severity], news)]


async def _absorb(
    connection: AsyncConnection,
    dialect: str,
    burst: Incident,
    held: Sequence[Span],
    incidents: dict[str, Incident],
    *,
    told_before: bool,
) -> list[tuple[Incident, Decision]]:
    """Merge the brand's one-post complaints of these spans that nobody has acknowledged.

    Their posts came before what the burst's receivers were told up to: they arrive anew, or nobody would be told.
    """
    # Out of the order of keys, for what is absorbed is known only now: where somebody else (a bundle that is sent, a
    # person with several) locks more than one of these too, PostgreSQL may give up either, which then begins anew.
    held_already = {incident.id for incident in incidents.values()}
    found = await records.lock_mergeable(connection, dialect, burst.brand, held, skip=held_already)
    merged = []
    for incident in found:
        if may_merge(incident, burst):
            decision = Decision()
            merge(incident, burst, decision)
            merged.append((incident, decision))
    if told_before:
        await posts.arrive_again(connection, dialect, burst.brand, [incident.id for incident, _ in merged])
    return merged
