"""Batch compliance: a job, an upload of ids, and a download that tells which of them must go."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from workers.simulator.gate import answer, guarded
from workers.simulator.parameters import refuse
from workers.simulator.post import stamp, time_of
from workers.simulator.problems import Problem, problem
from workers.simulator.world import World

_WORK_SECONDS: Final = 5.0  # ours: so long a job is in progress; scaled
_EXPIRES: Final = timedelta(minutes=15)  # X's, of an upload address; a job that got no ids by then has expired
_KINDS: Final = ("tweets", "users")


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    name: str | None = None
    resumable: bool = False


@dataclass
class _Job:
    id: str
    wanted: _Wanted
    created_at: datetime
    uploaded_at: float | None = None
    ids: list[int] = field(default_factory=list)


class _Jobs:
    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = itertools.count(1_600_000_000_000_000_001)
        self._jobs: dict[str, _Job] = {}

    def create(self, body: bytes) -> _Job | Problem:
        try:
            wanted = msgspec.json.decode(body, type=_Wanted)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return refuse("body", f"The request's body is not valid: {error}").problem
        if wanted.type not in _KINDS:
            return refuse("type", "The `type` is not one of [tweets,users]", wanted.type).problem
        if any(job.wanted.type == wanted.type and self.status(job) == "in_progress" for job in self._jobs.values()):
            return problem(409, "job-in-progress", "Conflict", "A job of this type is in progress already.")
        job = _Job(str(next(self._numbers)), wanted, self._world.clock.now())
        self._jobs[job.id] = job
        return job

    def get(self, job_id: str) -> _Job | None:
        return self._jobs.get(job_id)

    def of_kind(self, kind: str) -> list[_Job]:
        return [job for job in self._jobs.values() if job.wanted.type == kind]

    def upload(self, job: _Job, body: bytes) -> bool:
        """Take the ids; False where they are none, or there are some already."""
        lines = body.decode("ascii", "replace").split()
        if job.uploaded_at is not None or not all(line.isdigit() and len(line) <= 19 for line in lines):
            return False
        job.ids = [int(line) for line in lines]
        job.uploaded_at = self._world.clock.monotonic()
        return True

    def status(self, job: _Job) -> str:
        if job.uploaded_at is None:
            return "expired" if self._world.clock.now() > job.created_at + _EXPIRES else "created"
        done = job.uploaded_at + self._world.options.scaled(_WORK_SECONDS)
        return "complete" if self._world.clock.monotonic() >= done else "in_progress"

    def result(self, job: _Job) -> bytes:
        """A line for each id that must go; of posts alone: the accounts of the simulator all stay."""
        lines: list[bytes] = []
        for post_id in job.ids if job.wanted.type == "tweets" else []:
            if (gone := self._world.archive.removed.get(post_id)) is None:
                continue
            reason, at = gone
            line = {"id": str(post_id), "action": "delete", "reason": reason}
            line |= {"created_at": stamp(time_of(post_id)), "redacted_at": stamp(at)}
            lines.append(msgspec.json.encode(line) + b"\n")
        return b"".join(lines)

    def shown(self, job: _Job, base: str) -> dict[str, Any]:
        expires = stamp(job.created_at + _EXPIRES)
        named = {"name": job.wanted.name} if job.wanted.name is not None else {}
        return named | {
            "id": job.id,
            "type": job.wanted.type,
            "status": self.status(job),
            "created_at": stamp(job.created_at),
            "resumable": job.wanted.resumable,
            "upload_url": f"{base}/_storage/{job.id}/upload",
            "upload_expires_at": expires,
            "download_url": f"{base}/_storage/{job.id}/download",
            "download_expires_at": stamp(job.created_at + timedelta(days=7)),
        }


def routes(world: World) -> list[web.RouteDef]:
    """The endpoints of this file. The addresses under /_storage need no token, as X's signed ones."""
    jobs = _Jobs(world)

    async def create(request: web.Request) -> web.StreamResponse:
        job = jobs.create(await request.read())
        if isinstance(job, Problem):
            return answer(job)
        return web.json_response({"data": jobs.shown(job, str(request.url.origin()))})

    async def listed(request: web.Request) -> web.StreamResponse:
        kind = request.query.get("type", "")
        if kind not in _KINDS:
            return answer(refuse("type", "The `type` query parameter is not one of [tweets,users]", kind).problem)
        base, status = str(request.url.origin()), request.query.get("status")
        shown = [jobs.shown(job, base) for job in jobs.of_kind(kind)]
        shown = [job for job in shown if status in (None, job["status"])]
        return web.json_response({"data": shown, "meta": {"result_count": len(shown)}})

    async def one(request: web.Request) -> web.StreamResponse:
        job = jobs.get(request.match_info["id"])
        if job is None:
            return answer(problem(404, "resource-not-found", "Not Found Error", "There is no such job."))
        return web.json_response({"data": jobs.shown(job, str(request.url.origin()))})

    async def upload(request: web.Request) -> web.StreamResponse:
        job = jobs.get(request.match_info["id"])
        if job is None or not jobs.upload(job, await request.read()):
            return web.Response(status=400, text="there is no such job, it has its ids already, or a line is no id\n")
        return web.Response()

    async def download(request: web.Request) -> web.StreamResponse:
        job = jobs.get(request.match_info["id"])
        if job is None or jobs.status(job) != "complete":
            return web.Response(status=404, text="there is no result yet\n")
        return web.Response(body=jobs.result(job), content_type="application/json")

    path = "/2/compliance/jobs"
    return [
        web.post(path, guarded(world, "compliance", create)),
        web.get(path, guarded(world, "compliance", listed)),
        web.get(path + "/{id}", guarded(world, "compliance", one)),
        web.put("/_storage/{id}/upload", upload),
        web.get("/_storage/{id}/download", download),
    ]
