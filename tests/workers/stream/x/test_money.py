"""The budget at work: brands paused by priority before it is spent, told and resumed; X's own count beside ours."""

import asyncio
from pathlib import Path

import pytest

from config.brands import Brand
from tests.workers.stream.x.rig import Files, Rig, rig, scaled
from workers.stream.x.concerns import Concern, Concerns, Texts
from workers.stream.x.priority import paused, stop_share
from workers.x.budget import Budget, Limit, Spent
from workers.x.ledger import Ledger
from workers.x.meter import Meter, Unsaved


def brand(brand_id: str, priority: str) -> Brand:
    return Brand.model_validate({"name": brand_id, "id": brand_id, "keywords": [brand_id], "priority": priority})


LOW, NORMAL, HIGH = brand("kita", "low"), brand("minami", "normal"), brand("acme", "high")


@pytest.mark.parametrize(
    ("brands", "shares"),
    [
        ([LOW, NORMAL, HIGH], [0.8, 0.9, 1.0]),
        ([LOW, HIGH], [0.9, 1.0]),
        ([NORMAL, NORMAL], [1.0, 1.0]),
        ([LOW], [1.0]),
    ],
)
def test_who_is_less_important_leaves_the_last_tenths_to_the_others(brands: list[Brand], shares: list[float]) -> None:
    assert [stop_share(brand.priority, brands) for brand in brands] == pytest.approx(shares)


@pytest.mark.parametrize(
    ("used", "expected"), [(79, set()), (80, {"kita"}), (90, {"kita", "minami"}), (100, {"kita", "minami"})]
)
def test_brands_are_paused_in_the_order_of_their_priority(used: int, expected: set[str]) -> None:
    found = paused([LOW, NORMAL, HIGH], [Limit("daily_posts", "day", used, 100)])
    assert set(found) == expected
    assert all("(x.daily_posts) are used" in reason for reason in found.values())


class Ops:
    """Who is told; the store may be away."""

    def __init__(self) -> None:
        self.told: list[tuple[Concern, Texts | None]] = []

    async def tell(self, kind: Concern, texts: Texts | None) -> None:
        self.told.append((kind, texts))

    def raised(self) -> set[str]:
        return {kind for kind, texts in self.told if texts is not None}

    def open(self) -> set[str]:
        last = dict(self.told)
        return {kind for kind, texts in last.items() if texts is not None}


async def test_a_concern_is_told_once_until_it_is_over_and_again_where_the_store_was_away() -> None:
    ops, concerns = Ops(), Concerns()
    concerns.over("x_deaf")
    concerns.worry("x_deaf", "a", "あ")
    concerns.worry("x_deaf", "b", "い")
    await concerns.hand_on(ops.tell)
    await concerns.hand_on(ops.tell)
    assert ops.told == [("x_deaf", {"en": "a", "ja": "あ"})]
    concerns.over("x_deaf")
    concerns.over("x_deaf")

    async def away(_: Concern, __: Texts | None) -> None:
        raise RuntimeError("the store is away")

    with pytest.raises(RuntimeError):
        await concerns.hand_on(away)
    await concerns.hand_on(ops.tell)
    assert ops.told[1:] == [("x_deaf", None)]


def files_of(*brands: Brand) -> Files:
    files = Files()
    files.brands = brands
    return files


def tags(x: Rig) -> set[str | None]:
    return {rule.tag for rule in x.world.rules.all()}


async def test_low_priority_is_paused_loudly_the_rest_goes_on_and_a_new_day_resumes_it(tmp_path: Path) -> None:
    async with rig(tmp_path, files_of(LOW, HIGH)) as x:
        ops = Ops()
        source = x.source(tell_ops=ops.tell, daily_posts=20)
        x.start(source)
        await x.connected()
        for number in range(18):
            x.world.say(f"kita {number}", username=f"u{number}")
        await x.until(lambda: tags(x) == {"hikeshi/acme"})
        assert "kita" in x.health.facts["paused_brands"]
        assert len(x.world.connects()) == 1
        await x.until(lambda: "x_brands_paused" in ops.open())
        assert "x_budget_nearly_spent" in ops.open()
        x.world.say("acme burns")
        await x.until(lambda: x.worker is not None and x.worker.counts.mentions == 19)
        assert source._reception is not None
        source._reception.meter.budget = Budget(daily_posts=1000)  # as if the day were over
        await x.until(lambda: tags(x) == {"hikeshi/acme", "hikeshi/kita"})
        await x.until(lambda: not ops.open() & {"x_brands_paused", "x_budget_nearly_spent"})
        assert x.health.facts["paused_brands"] == {}
        await x.stop()


async def test_dollars_stop_it_too_authors_included(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        ops = Ops()
        x.start(x.source(tell_ops=ops.tell, daily_usd=0.1, post_usd=0.005, author_usd=0.010))
        await x.connected()
        for number in range(10):
            x.world.say(f"Acme {number}", username=f"person{number % 5}")
            await asyncio.sleep(0.02)
        await x.until(lambda: x.health.is_stopped)
        # Eight posts and five authors are nine cents: one more post with an author of its own would be too much.
        await x.until(lambda: x.worker is not None and x.worker.counts.mentions == 8)
        assert "x.daily_usd" in " ".join(x.health.reasons)
        await x.until(lambda: "x_budget_spent" in ops.open())
        assert x.health.facts["usd_today"] <= 0.1
        await x.stop()


async def test_another_reader_of_the_same_credential_counts_against_the_budget(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        source = x.source(daily_posts=10)
        x.start(source)
        await x.connected()
        assert source._reception is not None
        meter: Meter = source._reception.meter
        day = next(iter(meter.days))
        async with x.store.write() as connection:
            ledger = Ledger(source._keeper._credential, "steward")
            await ledger.write(connection, Unsaved({(day, "posts"): list(range(10))}, {day: Spent(10)}))
        await x.until(lambda: meter.left(x.clock.now()) == 0)
        x.world.say("Acme")
        await x.until(lambda: x.health.is_stopped)
        await x.stop()


async def test_a_difference_to_xs_own_count_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, numbers_as_text=True) as x:
        x.pace = scaled(usage=0.6)
        ops = Ops()
        x.world.meter.days[x.clock.now().date()] = 5000
        source = x.source(tell_ops=ops.tell)
        x.start(source)
        await x.connected()
        assert source._reception is not None
        # We have counted since long ago: only then can the two counts be compared.
        source._reception.meter._others["2026-01-01"] = Spent(1)
        source._reception.meter.elsewhere = lambda *_: None  # type: ignore[method-assign]
        await x.until(lambda: "x_usage_differs" in ops.open())
        x.world.meter.days.clear()
        await x.until(lambda: "x_usage_differs" not in ops.open())
        await x.stop()
