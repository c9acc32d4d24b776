"""The stream's rules over HTTP: `/2/tweets/search/stream/rules`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from workers.runtime.clock import Clock
from workers.simulator.gate import answer, guarded
from workers.simulator.parameters import ParameterError, refuse
from workers.simulator.post import stamp
from workers.simulator.problems import Problem
from workers.simulator.world import World


class _Add(msgspec.Struct, forbid_unknown_fields=True):
    value: str
    tag: str | None = None


class _Delete(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str] = []
    values: list[str] = []


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    add: list[_Add] | None = None
    delete: _Delete | None = None


class _Done(NamedTuple):
    status: int
    body: dict[str, Any]


def routes(world: World) -> list[web.RouteDef]:
    """The endpoints of this file."""

    async def listed(request: web.Request) -> web.StreamResponse:
        wanted = {rule_id for rule_id in request.query.get("ids", "").split(",") if rule_id}
        shown = [rule.shown() for rule in world.rules.all() if not wanted or rule.id in wanted]
        meta = {"sent": _sent(world.clock), "result_count": len(shown)}
        return web.json_response({"data": shown, "meta": meta} if shown else {"meta": meta})

    async def change(request: web.Request) -> web.StreamResponse:
        try:
            done = _change(world, await request.read(), request.query)
        except ParameterError as error:
            return answer(error.problem)
        if isinstance(done, Problem):
            return answer(done)
        return web.json_response(done.body, status=done.status)

    path = "/2/tweets/search/stream/rules"
    return [
        web.get(path, guarded(world, "rules", listed)),
        web.post(path, guarded(world, "rules-write", change)),
    ]


def _change(world: World, body: bytes, query: Mapping[str, str]) -> _Done | Problem:
    try:
        wanted = msgspec.json.decode(body, type=_Change)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refuse("body", f"The request's body is not valid: {error}") from error
    if (wanted.add is None) == (wanted.delete is None):
        raise refuse("add", "The request must hold either `add` or `delete`")
    dry_run = _flag(query, "dry_run")
    if wanted.add is not None:
        return _add(world, wanted.add, dry_run=dry_run)
    return _delete(world, wanted.delete or _Delete(), dry_run=dry_run)


def _add(world: World, wanted: list[_Add], *, dry_run: bool) -> _Done | Problem:
    if not wanted:
        raise refuse("add", "There must be at least one rule to add")
    in_force_at = world.clock.monotonic() + world.options.scaled(world.options.rule_seconds)
    outcome = world.rules.add([(one.value, one.tag) for one in wanted], dry_run=dry_run, in_force_at=in_force_at)
    if isinstance(outcome, Problem):
        return outcome
    added, errors = outcome
    invalid = sum(error["title"] != "DuplicateRule" for error in errors)
    summary = {"created": len(added), "not_created": len(errors), "valid": len(added), "invalid": invalid}
    body: dict[str, Any] = {"meta": {"sent": _sent(world.clock), "summary": summary}}
    if added:
        body = {"data": [rule.shown() for rule in added], **body}
    if errors:
        body["errors"] = errors
    return _Done(201 if added else 200 if invalid < len(errors) else 400, body)


def _delete(world: World, wanted: _Delete, *, dry_run: bool) -> _Done:
    if not (wanted.ids or wanted.values):
        raise refuse("delete", "There must be `ids` or `values` to delete")
    gone, missing = world.rules.delete(wanted.ids, wanted.values, dry_run=dry_run)
    summary = {"deleted": gone, "not_deleted": len(missing)}
    body: dict[str, Any] = {"meta": {"sent": _sent(world.clock), "summary": summary}}
    if missing:
        body["errors"] = [refuse("id", "Rule does not exist", name).problem.body for name in missing]
    return _Done(200, body)


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in {"true", "false"}:
        raise refuse(name, f"The `{name}` query parameter value [{text}] is not true or false", text)
    return text == "true"


def _sent(clock: Clock) -> str:
    return stamp(clock.now())
