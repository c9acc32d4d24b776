"""The self-audit on a real store and log: who looks, what ops is told, when the heartbeat goes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from config.brands import Brand
from config.keywords import Keyword
from config.routes import Policy
from schemas.topics import ALL
from tests.support.clock import FakeClock
from tests.workers.incidents.scene import policy
from workers.incidents.audit import Trouble
from workers.incidents.audit_look import Letters, look
from workers.incidents.auditor import LEASE_MS, LOOK_SECONDS, Auditor
from workers.incidents.change import to_millis
from workers.incidents.ops import open_alerts
from workers.log.embedded import EmbeddedLog
from workers.runtime.http_client import open_http_client
from workers.store import Store
from workers.store.reports import report_worker

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STAGES = ("stream", "classifier", "dispatcher")


@dataclass
class FixedFiles:
    policy: Policy
    brands: tuple[Brand, ...] = ()


class Watch:
    """Auditors over a store; `tick` moves time on and lets the stages report."""

    def __init__(self, store: Store, log: EmbeddedLog, url: str) -> None:
        self.store, self.log, self.url = store, log, url
        self.clock = FakeClock(START)
        self.files = FixedFiles(replace(policy(), ops=("desk",)))
        self.auditor = self.another("one")

    def another(self, owner: str) -> Auditor:
        return Auditor(self.store, self.log, self.files, self.clock, STAGES, self.url, owner)  # type: ignore[arg-type]

    @property
    def now(self) -> int:
        return to_millis(self.clock.now())

    async def report(self, *stages: str, **facts: Any) -> None:
        for stage in stages:
            state = {"ready": True, "reasons": [], "facts": facts}
            await report_worker(self.store, f"host-1-{stage}", stage, state, self.now)

    async def tick(self, seconds: float = LOOK_SECONDS, stages: tuple[str, ...] = STAGES) -> list[Trouble] | None:
        await self.clock.advance(seconds)
        await self.report(*stages)
        async with open_http_client() as client:
            return await self.auditor.look_once(client)

    async def told(self) -> list[tuple[str, str]]:
        """The outbox: reason and why."""
        async with self.store.read() as connection:
            found = await connection.execute(text("SELECT reason, why FROM outbox ORDER BY created_at, reason"))
            return [(row.reason, row.why) for row in found]

    async def open(self) -> list[str]:
        async with self.store.read() as connection:
            return list(await open_alerts(connection))

    async def run(self, statement: str, **values: Any) -> None:
        async with self.store.write() as connection:
            await connection.execute(text(statement), values)


@pytest.fixture
async def beats() -> AsyncIterator[tuple[str, list[str]]]:
    """The URL of a dead-man service, and the calls that it got."""
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/ping", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/ping", calls
    await runner.cleanup()


@pytest.fixture
async def watch(store: Store, tmp_path: Path, beats: tuple[str, list[str]]) -> AsyncIterator[Watch]:
    log = EmbeddedLog(tmp_path)
    await log.create_topics(ALL)
    yield Watch(store, log, beats[0])
    await log.close()


async def test_a_stage_that_ends_is_told_of_and_that_it_is_back(watch: Watch, beats: tuple[str, list[str]]) -> None:
    assert await watch.tick() == []
    assert len(beats[1]) == 1
    for _ in range(3):
        await watch.tick()
    assert len(beats[1]) == 1
    await watch.tick()  # a minute later
    assert len(beats[1]) == 2
    for _ in range(5):
        await watch.tick(stages=("classifier", "dispatcher"))
    assert await watch.open() == ["not_running/stream"]
    assert await watch.told() == [("first", "stream is not running")]
    for _ in range(8):
        await watch.tick(stages=("classifier", "dispatcher"))
    assert len(await watch.told()) == 1
    withheld = len(beats[1])
    await watch.run("UPDATE outbox SET state = 'sent'")  # as if the desk had been told
    for _ in range(6):
        await watch.tick()
    assert await watch.open() == []
    assert await watch.told() == [("first", "stream is not running"), ("all_resolved", "over: stream is not running")]
    assert len(beats[1]) > withheld


async def test_one_process_audits_and_another_goes_on_after_it(watch: Watch) -> None:
    other = watch.another("two")
    await watch.tick()
    async with open_http_client() as client:
        assert await other.look_once(client) is None
        await watch.clock.advance(LEASE_MS / 1000 + 1)
        await watch.report(*STAGES)
        assert await other.look_once(client) == []
        assert await watch.auditor.look_once(client) is None


async def late_timer(watch: Watch) -> None:
    await watch.run(
        "INSERT INTO incidents (id, key, latest, scope, brand, desk, kind, severity, influence, status, opened_at, "
        "updated_at, last_post_at, event_at, post_count, author_count, langs, reasons, spans, sample, due_at) "
        "VALUES ('i', 'acme/care/1', true, 'root', 'acme', 'care', 'complaint', 2, "
        "0, 'firing', 0, 0, 0, 0, 1, 1, '[]', '[]', '[]', false, :due)",
        due=watch.now - 200_000,
    )


async def waiting(watch: Watch) -> None:
    """A notification that is tried again each minute."""
    await watch.run(
        "INSERT INTO outbox (id, incident, receiver, reason, why, state, weight, created_at, first_due_at, due_at, "
        "attempts) VALUES ('n', 'i', 'desk', 'first', '', 'frozen', 2, 0, :first, :due, 3)",
        first=watch.now - 200_000,
        due=watch.now + 30_000,
    )


async def switched_off(watch: Watch) -> None:
    await watch.run(
        "INSERT INTO receivers (receiver, owner, leased_until, not_before, failures, off, sends) "
        "VALUES ('desk', '', 0, 0, 0, '410 Gone', '[]')"
    )


async def stale(watch: Watch) -> None:
    watch.files.brands = (Brand(name="Acme", keywords=(Keyword(text="Acme"),)),)
    await watch.run(
        "INSERT INTO baselines (brand, timezone, until_hour, learned) VALUES ('acme', 'UTC', :hour, '{}')",
        hour=watch.now // 3_600_000 - 60,
    )
    assert "baselines" not in [trouble.kind for trouble in await watch.tick() or ()]  # there is nothing to learn
    await watch.run(
        "INSERT INTO minutes (brand, minute, complaint, question, praise, promotion, neutral, irrelevant, severity, "
        "authors, texts) VALUES ('acme', :minute, 0, 0, 1, 0, 0, 0, 0, '', '')",
        minute=watch.now // 60_000 - 55 * 60,
    )


async def given_up(watch: Watch) -> None:
    await watch.run("UPDATE outbox SET state = 'failed' WHERE id = 'n'")


async def test_what_the_store_says(watch: Watch) -> None:
    assert await watch.tick() == []
    spoiled: list[tuple[Callable[[Watch], Awaitable[None]], str]] = [
        (late_timer, "timers"),
        (waiting, "undelivered/desk"),
        (stale, "baselines"),
        (given_up, "dead_letters"),
    ]
    found = []
    for spoil, kind in spoiled:
        await spoil(watch)
        found.append(kind)
        if spoil is given_up:
            found.remove("undelivered/desk")
        assert [trouble.kind for trouble in await watch.tick() or ()] == found
    await switched_off(watch)
    await watch.tick()
    assert set(await watch.open()) == {*found, "undelivered/desk", "receiver_off/desk"}


async def came(watch: Watch, brand: str, minute: int, posts: int) -> None:
    await watch.run(
        "INSERT INTO minutes (brand, minute, complaint, question, praise, promotion, neutral, irrelevant, severity, "
        "authors, texts) VALUES (:brand, :minute, 0, 0, 0, 0, :posts, 0, 0, '', '')",
        brand=brand,
        minute=minute,
        posts=posts,
    )


async def test_no_post_where_there_always_are_some(watch: Watch) -> None:
    brands = [Brand(name=name, keywords=(Keyword(text=name),)) for name in ("busy", "heard", "small", "young")]
    minute = watch.now // 60_000
    for week in (1, 2, 3):
        for hour in range(8):
            place = minute - week * 7 * 24 * 60 - 60 * hour - 5
            for brand, posts in (("busy", 40), ("heard", 40), ("small", 2), ("young", 40 if week < 3 else 0)):
                await came(watch, brand, place, posts)
    await came(watch, "heard", minute - 30, 1)

    async def silences(**facts: Any) -> list[tuple[str, int]]:
        await watch.report(*STAGES, **facts)
        standing = await look(watch.store, watch.log, Letters(watch.log), STAGES, watch.now, brands)
        return [(silence.brand, silence.hours) for silence in standing.silences]

    # An hour is enough to tell where 40 posts came in each; a small brand needs eight.
    assert await silences(deaf_seconds=1) == [("busy", 1), ("small", 8)]
    assert await silences(deaf_seconds=1, paused_brands={"busy": "money"}) == [("small", 8)]
    assert await silences() == []  # a replay that has ended is not missed


def test_the_lease_outlasts_a_look() -> None:
    assert timedelta(milliseconds=LEASE_MS) > timedelta(seconds=2 * LOOK_SECONDS)


class StoppedClock(FakeClock):
    """A machine that stands still during the first rest, for so long."""

    def __init__(self, still_seconds: float) -> None:
        super().__init__(START)
        self.rests: list[float] = []
        self._still_seconds = still_seconds

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        if len(self.rests) == 3:
            raise asyncio.CancelledError  # seen enough
        self._monotonic += seconds + (self._still_seconds if len(self.rests) == 1 else 0)


@pytest.mark.parametrize(("still_seconds", "looks"), [(0, 3), (10, 3), (54, 2)])
async def test_a_machine_that_stood_still_gives_its_stages_a_rest_to_say_that_they_live(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, still_seconds: float, looks: int
) -> None:
    looked: list[datetime] = []
    watch.clock = StoppedClock(still_seconds)
    auditor = watch.another("one")

    async def look_once(_: Any) -> None:
        looked.append(watch.clock.now())

    monkeypatch.setattr(auditor, "look_once", look_once)
    with pytest.raises(asyncio.CancelledError):
        await auditor.run()
    assert len(looked) == looks
