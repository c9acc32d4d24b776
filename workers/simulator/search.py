"""Recent search and its counts: `/2/tweets/search/recent`, `/2/tweets/counts/recent`."""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from aiohttp import web

from workers.simulator.gate import answer, guarded
from workers.simulator.matching import Subject, matches
from workers.simulator.options import END_MARGIN_SECONDS, SEARCH_LAG_SECONDS
from workers.simulator.parameters import ParameterError, identifier, moment, number, only, refuse
from workers.simulator.post import Post, milliseconds, snowflake, stamp
from workers.simulator.query import Node, QueryError, names_words, parse
from workers.simulator.render import Renderer
from workers.simulator.view import view
from workers.simulator.world import World

LONGEST: Final = 512  # X's, on pay-per-use
REACH: Final = timedelta(days=7)  # X's
_CLOCKS_DIFFER: Final = timedelta(minutes=1)  # ours: a start of exactly seven days ago arrives a moment later
_PERIODS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_SPAN: Final = ("query", "start_time", "end_time", "since_id", "until_id", "next_token", "pagination_token")


class _Search(NamedTuple):
    """Posts with ids between the two, exclusive."""

    node: Node
    above: int
    below: int


def routes(world: World) -> list[web.RouteDef]:
    """The endpoints of this file."""

    async def search(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(_page(world, request.query))
        except ParameterError as error:
            return answer(error.problem)

    async def counts(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(_counts(world, request.query))
        except ParameterError as error:
            return answer(error.problem)

    return [
        web.get("/2/tweets/search/recent", guarded(world, "search", search)),
        web.get("/2/tweets/counts/recent", guarded(world, "counts", counts)),
    ]


def _page(world: World, query: Mapping[str, str]) -> dict[str, Any]:
    only(query, [*_SPAN, "max_results", "sort_order"])
    shown = view(query, world.options.spellings, strict=world.options.strict_fields)
    most = number(query, "max_results", 10, 10, 100)
    wanted = _read(world, query)
    found: list[Post] = []
    for post in _found(world, wanted):
        found.append(post)
        if len(found) > most:
            break
    page, more = found[:most], len(found) > most
    if not page:
        return {"meta": {"result_count": 0}}
    for post in page:
        world.meter.read(post.id)
    meta = {"newest_id": str(page[0].id), "oldest_id": str(page[-1].id), "result_count": len(page)}
    if more:
        meta["next_token"] = _token(query, page[-1].id)
    return {**Renderer(world.archive, shown).answer(page), "meta": meta}


def _counts(world: World, query: Mapping[str, str]) -> dict[str, Any]:
    only(query, [*_SPAN, "granularity"])
    period = _PERIODS.get(query.get("granularity", "hour"))
    if period is None:
        raise refuse("granularity", "The `granularity` query parameter is not one of [minute,hour,day]")
    wanted = _read(world, query)
    buckets = Counter(_floor(post.created_at, period) for post in _found(world, wanted))
    name = "post_count" if world.options.spelling == "post" else "tweet_count"
    start = _floor(moment(query, "start_time") or world.clock.now() - REACH, period)
    data = []
    while start < world.clock.now():
        data.append({"start": stamp(start), "end": stamp(start + period), name: buckets[start]})
        start += period
    return {"data": data, "meta": {f"total_{name}": buckets.total()}}


def _read(world: World, query: Mapping[str, str]) -> _Search:
    try:
        node = parse(query.get("query", ""), stream=False, limit=LONGEST)
    except QueryError as error:
        raise refuse("query", str(error), query.get("query", "")) from error
    now, scaled = world.clock.now(), world.options.scaled
    start, end = moment(query, "start_time"), moment(query, "end_time")
    since, until = identifier(query, "since_id"), identifier(query, "until_id")
    oldest = now - REACH
    if start is not None and start < oldest - _CLOCKS_DIFFER:
        raise refuse("start_time", f"'start_time' must be on or after {stamp(oldest)}", stamp(start))
    if since is not None and since < snowflake(oldest - _CLOCKS_DIFFER):
        raise refuse("since_id", f"'since_id' must be a post id created after {stamp(oldest)}", str(since))
    if end is not None and end > now - timedelta(seconds=scaled(END_MARGIN_SECONDS)):
        raise refuse("end_time", f"'end_time' must be a minimum of {END_MARGIN_SECONDS:g} seconds prior", stamp(end))
    if start is not None and end is not None and start >= end:
        raise refuse("start_time", "'start_time' must be before 'end_time'", stamp(start))
    if end is None:
        end = now - timedelta(seconds=scaled(SEARCH_LAG_SECONDS))
    above = since if since is not None else snowflake(start or oldest) - 1
    below = min(snowflake(end), until or 2**63)
    token = query.get("next_token") or query.get("pagination_token")
    return _Search(node, above, below if token is None else min(below, _place(query, token)))


def _found(world: World, wanted: _Search) -> Iterator[Post]:
    """Newest first. Retweets are left out of searches for words, as X does since May 2026."""
    retweets = not names_words(wanted.node)
    for post in world.archive.newest_first(wanted.above, wanted.below):
        if (retweets or post.reference("retweeted") is None) and matches(
            wanted.node, Subject(post, world.archive.get, stream=False)
        ):
            yield post


def _floor(at: datetime, period: timedelta) -> datetime:
    past = milliseconds(at) % (period // timedelta(milliseconds=1))
    return at - timedelta(milliseconds=past, microseconds=at.microsecond % 1000)


def _token(query: Mapping[str, str], last: int) -> str:
    return f"b26v89c19zqg8o3f{_mark(query):08x}{last:016x}"


def _place(query: Mapping[str, str], token: str) -> int:
    try:
        if token[16:24] == f"{_mark(query):08x}":
            return int(token[24:], 16)
    except ValueError:
        pass
    raise refuse("next_token", "The `next_token` query parameter does not belong to this query", token)


def _mark(query: Mapping[str, str]) -> int:
    """A token is good for the query and the lower end that it was made for."""
    return zlib.crc32(f"{query.get('query')}|{query.get('since_id')}|{query.get('start_time')}".encode())
