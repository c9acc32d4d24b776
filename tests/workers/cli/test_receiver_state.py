"""How each receiver stands, as `status` shows it."""

from datetime import UTC, datetime, timedelta

from config.routes import Receiver, Throttle
from tests.support.sink import Answer, Sink, busy
from tests.workers.dispatcher.rig import Rig, policy, webhook
from tests.workers.incidents.scene import arrival
from workers.cli.receiver_state import ReceiverState, receiver_states
from workers.incidents.change import to_millis
from workers.store import Store


async def states(rig: Rig) -> dict[str, ReceiverState]:
    async with rig.store.read() as connection:
        found = await receiver_states(connection, rig.files.policy.receivers, to_millis(rig.clock.now()))
    return {state.receiver: state for state in found}


async def test_taking_resting_throttled_off_and_gone(store: Store) -> None:
    with Sink() as well, Sink() as limited, Sink() as slow, Sink() as gone:
        receivers = (
            webhook("well", well),
            webhook("limited", limited),
            webhook("slow", slow, throttle=Throttle(1, timedelta(minutes=5))),
            webhook("left", gone),
        )
        to = ("well", "limited", "slow", "left")
        rig = Rig(store, policy(*receivers, Receiver("spare", "console"), to=to))
        limited.always = busy("600")
        gone.always = Answer(410)
        async with rig.running():
            await rig.arrive(arrival(created=datetime.now(UTC)))
            await rig.until(lambda: limited.requests and gone.requests and slow.requests and well.requests)
            await rig.until(lambda: rig.rows("SELECT 1 FROM receivers WHERE off IS NOT NULL"))
            await rig.settle(0.3)
            await rig.arrive(arrival(created=datetime.now(UTC)))
            await rig.settle(0.3)
        found = await states(rig)
    assert {name: state.state for name, state in found.items()} == {
        "well": "taking", "limited": "resting", "slow": "throttled", "left": "off", "spare": "taking",
    }  # fmt: skip
    assert found["limited"].why == "HTTP 429"
    assert found["limited"].until is not None
    assert found["limited"].waiting == 2
    assert (found["slow"].waiting, found["slow"].until is not None) == (1, True)
    assert "410" in found["left"].why
    assert found["spare"].why == "nothing was sent to it yet"
    rig.files.policy = policy(webhook("well", well))
    assert (await states(rig))["limited"].state == "gone"
