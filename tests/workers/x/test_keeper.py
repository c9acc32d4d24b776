"""The stream's row in both stores: the lease, the state and the bill of the day."""

from workers.store import Store
from workers.x.keeper import Keeper, State, credential_name, read_state

TODAY = "2026-11-24"


async def test_the_lease_is_one_replicas_until_it_runs_out_or_is_given_back(store: Store) -> None:
    first, second = Keeper(store, "c", "first", 1000), Keeper(store, "c", "second", 1000)
    assert await first.take(0)
    assert await first.take(10)
    assert not await second.take(20)
    assert await second.take(1500)
    assert not await first.save(State(watermark=1), [(TODAY, "1")], 1600)
    assert await second.save(State(watermark=2), [], 1600, release=True)
    assert await first.take(1601)
    assert await Keeper(store, "other", "second", 1000).take(0)


async def test_what_is_kept_is_there_after_a_restart_and_a_post_counts_once(store: Store) -> None:
    keeper = Keeper(store, "c", "first", 1000)
    assert await keeper.take(0)
    assert (await keeper.load(TODAY)).state == State()
    state = State(watermark=5, connects=[1, 2], days={TODAY: 2})
    assert await keeper.save(state, [("2026-11-23", "9"), (TODAY, "1"), (TODAY, "2")], 10)
    assert await keeper.save(state, [(TODAY, "2")], 20)
    loaded = await keeper.load(TODAY)
    assert (loaded.state, sorted(loaded.billed)) == (state, ["1", "2"])
    assert (await keeper.load("2026-11-25")).billed == []
    assert await read_state(store, "c") == state
    assert await read_state(store, "nobody") is None


def test_the_credentials_name_gives_nothing_away() -> None:
    assert credential_name("token") == credential_name("token") != credential_name("token2")
    assert "token" not in credential_name("token")
