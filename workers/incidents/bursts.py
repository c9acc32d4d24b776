"""Bursts in the store: opened, extended and fed within the transaction of the batch that made the rule hold."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from config.brands import Burst
from config.routes import Policy
from schemas.mark import SEVERITIES
from workers.incidents import minutes, posts, records
from workers.incidents.burst import MINUTE_MS, Span, held_spans, merge_spans, overlaps, within
from workers.incidents.decide import may_merge, merge, posts_arrived
from workers.incidents.model import HIGH, Decision, Event, Incident, Millis, Post, burst_key
from workers.store.sql import text

Authors = dict[int, set[str]]

_WORDS: Final = {
    "en": (
        "{found} authors complained; the rule is {authors} within {minutes} minutes",
        "languages: {split}",
        "worst single complaint: {severity}",
    ),
    "ja": (
        "{found}人が苦情を投稿(基準: {minutes}分以内に{authors}人)",
        "言語の内訳: {split}",
        "単独で最も深刻な苦情: {severity}",
    ),
}


async def judge_bursts(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    rules: Mapping[str, Burst | None],
    incidents: dict[str, Incident],
    complained: Mapping[str, tuple[Authors, set[int]]],
    arrived: Sequence[Post],
    now: Millis,
) -> tuple[dict[str, Incident], list[tuple[Incident, Decision]]]:
    """Judge the brands with new complaints. Returns the open burst of each, and what was decided about bursts.

    `complained`: authors by minute round about the new complaints, and the minutes these are in, by brand. `incidents`
    holds the latest burst of each brand under its key; it is taken out, and so are the roots that are merged.
    """
    bursts: dict[str, Incident] = {}
    decided: list[tuple[Incident, Decision]] = []
    brands = {key.partition("/")[0] for key, i in incidents.items() if i.scope == "burst"} | set(complained)
    for brand in sorted(brands):
        burst = incidents.get(burst_key(brand))
        rule = rules.get(brand)
        authors, touched = complained.get(brand, ({}, set()))
        held = held_spans(authors, touched, rule) if rule is not None else []
        before = burst.spans if burst is not None else []
        held = held if burst is not None and burst.is_open else [s for s in held if not overlaps(s, before)]
        flared = burst is not None and any(not overlaps(span, before) for span in held)
        opens = bool(held) and (burst is None or not burst.is_open)
        if opens:
            burst, flared = _new_burst(brand, held, now), False
        if burst is None or not burst.is_open:
            continue
        bursts[brand] = burst
        severity_before = burst.severity
        new = await _feed(connection, dialect, burst, held, authors, arrived)
        if not new and not opens:
            continue
        if (opens or flared) and rule is not None:
            await _describe(connection, burst, rule, policy.route.language)
        decision = posts_arrived(burst, new, [], policy, now, flared=flared, severity_before=severity_before)
        decided.append((burst, decision))
        if flared:
            decision.events.append(Event("flared", "the rule holds again"))
        if opens or flared:
            decided += await _absorb(connection, dialect, burst, held, incidents, told_before=not opens)
    return bursts, decided


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
    authors: Authors,
    arrived: Sequence[Post],
) -> list[Post]:
    """Extend the spans and count anew; returns the batch's complaints that lie in them."""
    burst.spans = merge_spans([*burst.spans, *held])
    inside = [
        p for p in arrived if p.brand == burst.brand and p.kind == "complaint" and within(p.created_at, burst.spans)
    ]
    hashes = {h for minute, found in authors.items() if within(minute * MINUTE_MS, burst.spans) for h in found}
    hashes |= {minutes.author_hash(p.author) for p in inside}
    added = await posts.add_authors(connection, dialect, [(burst.id, h, None) for h in sorted(hashes)])
    burst.author_count += added.get(burst.id, 0)
    if inside or held:
        burst.post_count = await minutes.complaints_in(connection, dialect, burst.brand, burst.spans)
    for span in held:
        burst.severity = max(burst.severity, await minutes.worst_in(connection, burst.brand, span))
    return inside


async def _describe(connection: AsyncConnection, burst: Incident, rule: Burst, language: str) -> None:
    """Why it opened, and in which languages people complain; in the language of the policy's root route."""
    first, last = burst.spans[0][0], burst.spans[-1][1]
    found = await connection.execute(
        text(
            "SELECT COALESCE(lang, 'und') AS lang, COUNT(*) AS posts FROM posts WHERE brand = :brand "
            "AND kind = 'complaint' AND incident IS NOT NULL AND created_at BETWEEN :first AND :last "
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        {"brand": burst.brand, "first": first, "last": last},
    )
    split = [(row.lang, row.posts) for row in found]
    burst.langs = [lang for lang, _ in split]
    words = _WORDS.get(language, _WORDS["en"])
    minutes_within = int(rule.within.total_seconds() // 60)
    burst.reasons = [
        words[0].format(found=burst.author_count, authors=rule.authors, minutes=minutes_within),
        words[1].format(split=", ".join(f"{lang} {count}" for lang, count in split)),
        words[2].format(severity=SEVERITIES[burst.severity]),
    ]


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
