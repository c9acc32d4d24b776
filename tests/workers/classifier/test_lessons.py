"""The stage hears of lessons through the store, within seconds, and goes on with the last known while it is away."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.errors import UnavailableError
from tests.workers.incidents.scene import Scene, arrival, at
from workers.classifier import lessons
from workers.classifier.lessons import LessonReader
from workers.incidents import teaching
from workers.runtime.clock import SystemClock
from workers.store import Store, open_store
from workers.store.migrate import migrate


@pytest.fixture
async def scene(tmp_path: Path) -> Scene:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    await migrate(store)
    scene = Scene(store)
    await scene.arrive(arrival(id="1"), arrival(id="2"))
    return scene


async def teach(scene: Scene, post: str, minutes: float = 1) -> teaching.Lesson:
    async with scene.store.write() as connection:
        return await teaching.teach(
            connection,
            scene.store.dialect,
            scene.policy,
            "acme",
            post,
            "irrelevant",
            by="yuki",
            now=at(minutes=minutes),
        )


async def test_what_is_taught_and_undone_is_read_and_the_same_is_not_read_again(scene: Scene) -> None:
    reader = LessonReader(scene.store, SystemClock())
    await reader.begin()
    assert list(reader.taught) == []
    lesson = await teach(scene, "1")
    await reader.look()
    first = reader.taught
    assert [one.post for one in first] == ["1"]
    await reader.look()
    assert reader.taught is first
    async with scene.store.write() as connection:
        await teaching.undo(connection, scene.store.dialect, scene.policy, lesson.id, by="mika", now=at(minutes=2))
    await reader.look()
    assert list(reader.taught) == []
    await scene.store.close()


async def test_while_the_store_is_away_the_last_known_stay(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await teach(scene, "1")
    reader = LessonReader(scene.store, SystemClock())
    await reader.begin()

    def away() -> None:
        raise UnavailableError("the store is away")

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(scene.store, "read", away)
        await reader.look()
        await reader.look()
    assert [one.post for one in reader.taught] == ["1"]
    assert [log["event"] for log in logs] == ["lessons_kept"], "told once, not at every look"
    await teach(scene, "2", minutes=2)
    await reader.look()
    assert [one.post for one in reader.taught] == ["1", "2"]
    await scene.store.close()


async def test_a_store_without_its_tables_is_waited_for_no_longer_than_a_start(tmp_path: Path) -> None:
    store: Store = open_store(f"sqlite:///{tmp_path}/empty.db")
    reader = LessonReader(store, SystemClock())
    await reader.begin()
    assert list(reader.taught) == []
    await store.close()


async def test_it_looks_again_and_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "LOOK_EVERY_SECONDS", 0.01)
    reader = LessonReader(scene.store, SystemClock())
    await reader.begin()
    watching = asyncio.create_task(reader.watch())
    await teach(scene, "1")
    async with asyncio.timeout(5):
        while not reader.taught:  # noqa: ASYNC110 - what is waited for lies in the store
            await asyncio.sleep(0.01)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await scene.store.close()
