"""The stream's row in both stores: the lease, the state and the bill of the day."""

from sqlalchemy import text

from workers.store import Store
from workers.x.budget import Spent
from workers.x.keeper import Keeper, State, credential_name
from workers.x.ledger import read_days
from workers.x.meter import Unsaved

TODAY = "2026-11-24"


NOTHING = Unsaved({}, {})


def posts(day: str, numbers: list[int], total: int) -> Unsaved:
    return Unsaved({(day, "posts"): numbers}, {day: Spent(total)})


async def test_the_lease_is_one_replicas_until_it_runs_out_or_is_given_back(store: Store) -> None:
    first, second = Keeper(store, "c", "first", 1000), Keeper(store, "c", "second", 1000)
    assert await first.take(0)
    assert await first.take(10)
    assert not await second.take(20)
    assert await second.take(1500)
    assert await first.save(State(watermark=1), posts(TODAY, [1], 1), TODAY, 1600) is None
    assert await second.save(State(watermark=2), NOTHING, TODAY, 1600, release=True) is not None
    assert await first.take(1601)
    assert await Keeper(store, "other", "second", 1000).take(0)
    assert len((await first.load(TODAY)).bill.ids["posts"]) == 0


async def test_a_lease_from_before_the_clock_was_put_back_is_none(store: Store) -> None:
    first, second = Keeper(store, "c", "first", 1000), Keeper(store, "c", "second", 1000)
    assert await first.take(3_600_000)
    assert not await second.take(3_600_000 - 900)
    assert await second.take(0)


async def test_what_is_kept_is_there_after_a_restart_and_a_post_counts_once(store: Store) -> None:
    keeper = Keeper(store, "c", "first", 1000)
    assert await keeper.take(0)
    assert (await keeper.load(TODAY)).state == State()
    state = State(watermark=5, connects=[1, 2], days={TODAY: 2})
    assert await keeper.save(state, posts("2026-11-23", [9], 1), TODAY, 10) is not None
    assert await keeper.save(state, posts(TODAY, [1, 2], 2), TODAY, 10) is not None
    assert await keeper.save(state, NOTHING, TODAY, 20) is not None
    loaded = await Keeper(store, "c", "first", 1000).load(TODAY)
    assert loaded.state == state
    assert loaded.bill.days == {"2026-11-23": Spent(1), TODAY: Spent(2)}
    assert [number in loaded.bill.ids["posts"] for number in (1, 2, 3, 9)] == [True, True, False, False]
    assert len((await keeper.load("2026-11-25")).bill.ids["posts"]) == 0


async def test_the_bill_of_the_release_before_is_taken_over(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(
            text("INSERT INTO stream_state VALUES ('c', 'old', 0, :state)"),
            {"state": '{"watermark":7,"days":{"2026-11-20":5,"2026-11-24":2}}'},
        )
        await connection.execute(
            text("INSERT INTO billed_posts VALUES ('c', '2026-11-24', '11'), ('c', '2026-11-24', '12')")
        )
    loaded = await Keeper(store, "c", "new", 1000).load(TODAY)
    assert (loaded.state.watermark, loaded.bill.days) == (7, {"2026-11-20": Spent(5), TODAY: Spent(2)})
    assert 11 in loaded.bill.ids["posts"]
    async with store.read() as connection:
        assert (await read_days(connection, "c"))["stream"]["2026-11-20"] == Spent(5)


def test_the_credentials_name_gives_nothing_away() -> None:
    assert credential_name("token") == credential_name("token") != credential_name("token2")
    assert "token" not in credential_name("token")
