"""A brand's baseline in the store: learned day by day as posts come, found again after a restart, each night again."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, insert

from config.brands import AUTO_BURST
from tests.workers.incidents.scene import START, TOPIC, Scene, arrival, ms
from workers.incidents import baseline, ingest
from workers.store import Store
from workers.store.tables import incidents

ZONE = "Asia/Tokyo"
MORNING = START.replace(hour=0)  # nine o'clock there


class AutoScene(Scene):
    """The brand's bursts are `auto`."""

    zones = {"acme": ZONE}  # noqa: RUF012

    def __init__(self, store: Store, **pace: Any) -> None:
        super().__init__(store, **pace)
        self.rules = {"acme": AUTO_BURST}

    async def arrive(self, *arrivals: ingest.Arrival, now: Any = START, removals: Any = ()) -> ingest.Outcome:
        around = ingest.Context(self.store.dialect, self.policy, self.rules, ms(now), self.zones)
        following = (self.offset or 0) + len(arrivals)
        async with self.store.write() as connection:
            done = await ingest.ingest(connection, around, TOPIC, {0: (self.offset, following)}, arrivals, removals)
        self.offset = following
        return done

    async def days(self, count: int, before: Any = MORNING) -> None:
        """So many days with a complaint each morning and each evening, and praise at noon."""
        for day in range(count, 0, -1):
            begins = before - timedelta(days=day)
            moments = [(begins, "complaint"), (begins + timedelta(hours=5), "praise"),
                       (begins + timedelta(hours=10), "complaint")]  # fmt: skip
            marks = [arrival(f"何かの苦情{day}", created=moment, kind=kind) for moment, kind in moments]
            await self.arrive(*marks, now=moments[-1][0])

    async def learned(self) -> Any:
        (row,) = await self.rows("SELECT * FROM baselines")
        return row


def people(count: int, *, created: Any = MORNING, minutes: float = 10) -> list[ingest.Arrival]:
    step = timedelta(minutes=minutes) / count
    return [arrival(f"発火した{n}", created=created + step * n) for n in range(count)]


async def bursts(scene: Scene) -> list[Any]:
    return await scene.rows("SELECT * FROM incidents WHERE scope = 'burst'")


async def test_on_day_one_it_is_twenty_people_within_ten_minutes(store: Store) -> None:
    scene = AutoScene(store)
    await scene.arrive(*people(19), now=MORNING)
    assert not await bursts(scene)
    await scene.arrive(*people(1), now=MORNING)
    assert len(await bursts(scene)) == 1


async def test_then_it_is_what_is_unusual_for_the_brand(store: Store) -> None:
    scene = AutoScene(store, language="ja")
    await scene.days(14)
    await scene.arrive(*people(3), now=MORNING)
    assert not await bursts(scene)
    await scene.arrive(*people(4), now=MORNING)
    (burst,) = await bursts(scene)
    reasons = msgspec.json.decode(burst.reasons)
    assert "人が苦情を投稿(acmeの火曜9時台は通常1人未満)" in reasons[0]
    assert any("これまでの苦情になかった言葉" in reason and "発火" in reason for reason in reasons)
    assert burst.author_count == 7


async def test_a_restart_finds_it_and_the_night_learns_the_same(store: Store) -> None:
    scene = AutoScene(store)
    await scene.days(14)
    before = await scene.learned()
    again = AutoScene(store)  # nothing but the store is left
    again.offset = scene.offset
    await again.arrive(*people(7), now=MORNING)
    assert len(await bursts(again)) == 1
    async with store.write() as connection:
        assert await baseline.refresh(connection, store.dialect, AutoScene.zones, ms(MORNING)) == 0
    assert (await scene.learned()).until_hour > before.until_hour
    row = await scene.learned()
    async with store.write() as connection:
        await connection.exec_driver_sql("DELETE FROM baselines")
        assert await baseline.refresh(connection, store.dialect, AutoScene.zones, ms(MORNING)) == 1
    anew = await scene.learned()
    old, new = (msgspec.json.decode(r.learned) for r in (row, anew))
    assert (new["since"], new["until"]) == (old["since"], old["until"])
    assert new["weight"] == pytest.approx(old["weight"])
    assert new["others"] == pytest.approx(old["others"])


async def test_of_another_time_zone_it_is_learned_anew(store: Store) -> None:
    scene = AutoScene(store)
    await scene.days(5)
    assert (await scene.learned()).timezone == ZONE
    async with store.write() as connection:
        await baseline.refresh(connection, store.dialect, {"acme": "UTC"}, ms(MORNING))
    assert (await scene.learned()).timezone == "UTC"


async def test_one_batch_gives_what_many_give(store: Store) -> None:
    scene = AutoScene(store)
    marks = [arrival(created=MORNING - timedelta(days=d, hours=h)) for d in range(9, 0, -1) for h in (3, 9, 20)]
    await scene.arrive(*marks, *people(8), now=MORNING)
    (burst,) = await bursts(scene)
    assert burst.author_count == 8


async def test_a_fire_that_flares_again_is_the_same_burst_and_learned_from_never(store: Store) -> None:
    scene = AutoScene(store)
    await scene.days(14)
    await scene.arrive(*people(8), now=MORNING)
    later = MORNING + timedelta(hours=4)
    await scene.arrive(*people(8, created=later), now=later)
    (burst,) = await bursts(scene)
    assert len(msgspec.json.decode(burst.spans)) == 2
    (flared,) = await scene.rows("SELECT 1 FROM events WHERE event = 'flared'")
    next_day = MORNING + timedelta(days=1)
    await scene.arrive(arrival(created=next_day), now=next_day)
    learned = msgspec.json.decode((await scene.learned()).learned)
    assert sum(learned["voices"]) < 40
    assert flared


async def test_the_fires_of_all_brands_are_looked_for_once_and_of_each_the_latest_count(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "_BURSTS", 2)
    scene = AutoScene(store)
    await scene.arrive(*people(20), now=MORNING)
    (burst,) = await bursts(scene)
    minute, asked = ms(MORNING) // 60_000, list[str]()
    async with store.write() as connection:
        for brand, opened in (("other", 1), ("other", 3), ("other", 2), ("quiet", 9)):
            key = f"{brand}/care/burst" if brand == "other" else "quiet/care/1"
            past = {"id": f"{brand}{opened}", "key": key, "brand": brand, "opened_at": opened, "latest": False}
            row = {**burst._mapping, **past, "spans": f"[[{opened}, {opened}]]"}
            await connection.execute(insert(incidents).values(row))
        event.listen(connection.sync_connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        known = await baseline.load(connection, store.dialect, dict.fromkeys(["acme", "other", "quiet"], ZONE))
        found = baseline.Bursts(store.dialect, known)
        acme, other, quiet = [await found.of(connection, brand) for brand in known]
        for of_brand in known.values():
            await of_brand.advance(connection, [minute, minute + 24 * 60], [])
    assert acme == [tuple(span) for span in msgspec.json.decode(burst.spans)]
    assert other == [(3, 3), (2, 2)]
    assert quiet == []
    assert sum("FROM incidents" in statement for statement in asked) == 2  # ours here, and one for all brands
