"""The meter and its bill: each post and author once a UTC day, exact over a month, small in memory and store."""

import tracemalloc
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tests.support.clock import FakeClock
from workers.store import Store
from workers.x.budget import Budget, Spent
from workers.x.ids import Ids, number_of, packed, unpacked
from workers.x.ledger import Ledger, read_days
from workers.x.meter import Meter, Unsaved
from workers.x.purse import Purse

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = "2026-11-24"
SNOWFLAKE = 1_990_000_000_000_000_000


def test_a_post_is_billed_once_a_day_and_the_day_is_utc() -> None:
    days = {"2026-11-01": Spent(5), "2026-10-31": Spent(7), "2026-01-01": Spent(1), TODAY: Spent(1)}
    known = Ids()
    known.add(1)
    meter = Meter(Budget(daily_posts=10), TODAY, days, {}, {"posts": known})
    assert meter.add(["1", "2", "3", "3"], ["a", "a"], NOON) == Spent(2, 1)
    assert (meter.today(NOON), meter.month(NOON), meter.left(NOON)) == (Spent(3, 1), Spent(8, 1), 7)
    tomorrow = NOON + timedelta(hours=12)
    assert meter.today(tomorrow) == Spent()
    assert meter.add(["1"], (), tomorrow) == Spent(1)
    assert "2026-01-01" not in meter.days
    unsaved = meter.take_unsaved()
    assert unsaved.ids[TODAY, "posts"] == [2, 3]
    assert unsaved.ids["2026-11-25", "posts"] == [1]
    assert unsaved.days == {TODAY: Spent(3, 1), "2026-11-25": Spent(1)}
    assert meter.take_unsaved() == ({}, {})


def test_what_was_not_kept_is_kept_the_next_time() -> None:
    meter = Meter(Budget(), TODAY)
    meter.add(["1"], (), NOON)
    taken = meter.take_unsaved()
    meter.add(["2"], (), NOON)
    meter.not_saved(taken)
    assert meter.take_unsaved() == ({(TODAY, "posts"): [1, 2]}, {TODAY: Spent(2)})
    assert meter.left(NOON) is None


def test_after_a_lost_lease_the_meter_goes_on_from_what_the_other_kept() -> None:
    meter = Meter(Budget(), TODAY)
    meter.add(["1", "2"], ["7"], NOON)
    kept = Ids()
    kept.add(2)
    meter.reload({TODAY: Spent(1)}, {}, {"posts": kept}, TODAY)
    assert meter.today(NOON) == Spent(2, 1)
    assert meter.take_unsaved() == ({(TODAY, "posts"): [1], (TODAY, "authors"): [7]}, {TODAY: Spent(2, 1)})


def test_after_a_lost_lease_over_midnight_todays_ids_are_todays() -> None:
    meter = Meter(Budget(), TODAY)
    meter.add(["1"], (), NOON)
    tomorrow = NOON + timedelta(days=1)
    kept = Ids()
    kept.add(2)
    meter.reload({"2026-11-25": Spent(1)}, {}, {"posts": kept}, "2026-11-25")
    assert meter.add(["2"], (), tomorrow) == Spent()
    assert (meter.today(tomorrow), meter.days[TODAY]) == (Spent(1), Spent(1))


def test_ids_that_are_no_numbers_count_too() -> None:
    assert number_of("1990000000000000001") == 1_990_000_000_000_000_001
    assert number_of("9223372036854775808") < 0
    assert number_of("x") < 0
    assert number_of("x") != number_of("y")
    assert unpacked(packed([1, -5, 2**63 - 1])).tolist() == [1, -5, 2**63 - 1]


def test_a_month_of_three_million_posts_is_exact_and_a_day_of_them_is_small() -> None:
    meter, total = Meter(Budget(), "2026-11-01"), 0
    for day in range(30):
        now = datetime(2026, 11, 1, 3, tzinfo=UTC) + timedelta(days=day)
        ids = [str(SNOWFLAKE + day * 1_000_003 * 100_000 + number * 9_973) for number in range(100_000)]
        total += meter.add(ids, (), now).posts
        assert meter.add(ids[::50], (), now) == Spent()
        meter.take_unsaved()
    assert (total, meter.month(datetime(2026, 11, 30, 4, tzinfo=UTC)).posts) == (3_000_000, 3_000_000)
    tracemalloc.start()
    day = Ids([unpacked(packed(range(SNOWFLAKE, SNOWFLAKE + 3_000_000)))])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(day) == 3_000_000
    assert held < 30_000_000
    assert SNOWFLAKE + 2_999_999 in day
    assert SNOWFLAKE + 3_000_000 not in day


async def test_the_stores_part_of_it_is_small_too_and_comes_back_whole(store: Store) -> None:
    meter, ledger = Meter(Budget(), TODAY), Ledger("c", "stream")
    async with store.write() as connection:
        await ledger.load(connection, TODAY)
    for start in range(0, 20_000, 700):
        meter.add((str(SNOWFLAKE + number) for number in range(start, start + 700)), (), NOON)
        async with store.write() as connection:
            ends = await ledger.write(connection, meter.take_unsaved())
        ledger.written(ends)
    total = meter.today(NOON).posts
    async with store.write() as connection:
        bill = await Ledger("c", "stream").load(connection, TODAY)
        rows = (await connection.execute(text("SELECT COUNT(*), SUM(LENGTH(ids)) FROM billed_ids"))).one()
    assert (len(bill.ids["posts"]), bill.days[TODAY].posts) == (total, total)
    assert rows[0] <= total / 512 + 1
    assert rows[1] == total * 8
    async with store.write() as connection:
        later = await Ledger("c", "stream").load(connection, "2026-11-25")
        left = (await connection.execute(text("SELECT COUNT(*) FROM billed_ids"))).scalar()
    assert (left, later.days[TODAY].posts) == (0, total)


async def test_a_second_reader_pays_from_the_same_budget_and_not_for_what_the_stream_read_today(store: Store) -> None:
    clock = FakeClock(NOON)
    meter, ledger = Meter(Budget(daily_posts=100), TODAY), Ledger("c", "stream")
    async with store.write() as connection:
        await ledger.load(connection, TODAY)
        meter.add(map(str, range(60)), (), NOON)
        ends = await ledger.write(connection, meter.take_unsaved())
    ledger.written(ends)
    purse = Purse(store, "c", "steward", Budget(daily_posts=100), clock)
    assert await purse.left() == 40
    await purse.bill(map(str, range(50, 80)), ())
    assert await purse.left() == 20
    assert await purse.left_of(0.8) == 0
    async with store.write() as connection:
        elsewhere = await ledger.elsewhere(connection, TODAY)
        assert {reader: days[TODAY].posts for reader, days in (await read_days(connection, "c")).items()} == {
            "stream": 60, "steward": 20,
        }  # fmt: skip
    meter.elsewhere(elsewhere.ids, elsewhere.others, TODAY)
    assert meter.today(NOON).posts == 80
    assert meter.add(["79", "99"], (), NOON) == Spent(1)
    again = Purse(store, "c", "steward", Budget(daily_posts=100), clock)
    assert await again.left() == 20


async def test_after_midnight_too_what_the_stream_has_read_is_free(store: Store) -> None:
    clock = FakeClock(NOON)
    purse = Purse(store, "c", "steward", Budget(), clock)
    await purse.bill((), ())
    await clock.advance(24 * 3600)
    read = [SNOWFLAKE + n for n in range(600)]
    async with store.write() as connection:
        stream = Ledger("c", "stream")
        await stream.write(connection, Unsaved({("2026-11-25", "posts"): read}, {"2026-11-25": Spent(600)}))
    await purse.bill((), ())
    meter = await purse.bill([str(read[0])], ())
    assert meter.own_today(clock.now()) == Spent()
