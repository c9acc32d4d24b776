"""The source on a simulated X: refusals, the cap, the lease, restarts, rules that change, and no token anywhere."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from schemas.errors import RefusedError, UnavailableError
from tests.workers.stream.x.rig import Files, Rig, rig, scaled
from tests.workers.stream.x.test_money import Ops
from workers.runtime.clock import SystemClock
from workers.simulator.faults import Fault
from workers.simulator.options import TOKEN
from workers.stream.x.buffer import Buffer
from workers.stream.x.connection import StreamConnection
from workers.stream.x.pace import Pace
from workers.stream.x.reception import Reception
from workers.stream.x.watermark import Watermark
from workers.x.api import XApi
from workers.x.budget import Budget
from workers.x.failure import CallFailed
from workers.x.keeper import credential_name
from workers.x.ledger import read_days
from workers.x.meter import Meter

SECRET = "AAAAsecret-token-of-somebody%2B9"
Said = Callable[[], str]


@pytest.fixture
def said() -> Iterator[Said]:
    """What was logged so far, however logging was set up by the tests before."""
    with capture_logs() as entries:
        yield lambda: "\n".join(map(str, entries))


async def test_refused_before_the_first_connection_is_the_end_of_run(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        with pytest.raises(RefusedError, match="401"):
            await x.worker_of(x.source(bearer_token=SecretStr("wrong"), fail_first=True)).run(x.stopping)


async def test_a_worker_that_is_refused_stays_not_ready_and_tries_four_times_an_hour(
    tmp_path: Path, said: Said
) -> None:
    async with rig(tmp_path) as x:
        x.pace = scaled(refused=0.5)
        x.start(bearer_token=SecretStr("wrong"))
        await asyncio.sleep(1.3)
        assert len(x.world.requests) == 3
        assert not x.health.ready
        assert "X refuses us: HTTP 401" in " ".join(x.health.reasons)
        assert "x_refused" in said()
        x.simulator.options.token = "wrong"
        await x.connected()
        await x.until(lambda: x.health.ready)
        await x.stop()


async def test_a_run_that_was_connected_before_stays_as_a_worker_does(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.pace = scaled(refused=0.5)
        x.start(fail_first=True)
        await x.connected()
        x.world.order(Fault.UNAUTHORIZED)
        x.world.order(Fault.CLOSE)
        await x.until(lambda: not x.health.ready)
        await x.until(lambda: x.health.ready)
        await x.stop()


async def test_the_cap_holds_before_the_first_connect_and_over_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.start(daily_posts=5)
        await x.connected()
        for number in range(5):
            x.world.say(f"Acme {number}")
        await x.until(lambda: x.health.is_stopped)
        assert "5 of the 5 posts a day (x.daily_posts)" in " ".join(x.health.reasons)
        await x.stop()
        connects = len(x.world.connects())
        x.start(daily_posts=5)
        await x.until(lambda: x.health.is_stopped)
        await asyncio.sleep(0.3)
        assert len(x.world.connects()) == connects
        await x.stop()
        async with x.store.read() as connection:
            days = (await read_days(connection, credential_name(TOKEN)))["stream"]
        assert [spent.posts for spent in days.values()] == [5]


async def test_a_pause_for_the_cap_is_given_up_loudly_and_does_not_spend_the_next_day(
    tmp_path: Path, said: Said
) -> None:
    async with rig(tmp_path) as x:
        source = x.source(daily_posts=5)
        x.start(source)
        await x.connected()
        for number in range(5):
            x.world.say(f"Acme {number}")
        await x.until(lambda: x.health.is_stopped)
        x.world.say("Acme while we may not read")
        assert source._reception is not None
        source._reception.meter.budget = Budget()  # as if the day were over
        await x.until(lambda: len(x.world.connects()) == 2)
        x.world.say("Acme again")
        await x.until(lambda: x.worker is not None and x.worker.counts.mentions == 6)
        await asyncio.sleep(1.5)
        assert [mention.text for mention in await x.mentions()][-1] == "Acme again"
        assert "x_budget_nearly_spent" in said()
        assert "x_budget_spent" in said()
        assert "gap_given_up" in said()
        await x.stop()


async def test_one_of_two_replicas_streams_and_the_other_follows_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.start(owner="first")
        await x.connected()
        second = Rig(x.simulator, x.log, x.store, x.files)
        second.pace = x.pace
        second.start(owner="second")
        await asyncio.sleep(1.5)
        assert len(x.world.connects()) == 1
        assert not second.health.ready
        await x.stop()
        await second.until(lambda: len(x.world.connects()) == 2)
        x.world.say("Acme")
        await second.complete()
        await second.stop()


async def test_a_lease_that_another_took_ends_the_stream(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.start(owner="first")
        await x.connected()
        async with x.store.write() as connection:
            until = round((x.clock.now().timestamp() + x.pace.lease) * 1000)
            taken = text("UPDATE stream_state SET owner = 'second', leased_until = :until")
            await connection.execute(taken, {"until": until})
        await x.until(lambda: not x.world.connections)
        await asyncio.sleep(0.3)
        assert len(x.world.connects()) == 1
        await x.stop()


async def test_the_stream_goes_on_while_the_store_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig(tmp_path) as x:
        source = x.source()
        x.start(source)
        await x.connected()

        async def away(*_: object, **__: object) -> bool:
            raise UnavailableError("the store is away")

        monkeypatch.setattr(source._keeper, "save", away)
        await asyncio.sleep(1.5)
        x.world.say("Acme")
        await x.complete()
        assert len(x.world.connects()) == 1


async def test_what_came_while_nothing_ran_is_found_and_marked(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.start()
        await x.connected()
        x.world.say("Acme one")
        await x.complete()
        await asyncio.sleep(0.2)
        await x.kill()
        for number in range(250):
            x.world.say(f"アクメ {number}")
        await asyncio.sleep(0.5)
        x.start()
        mentions = await x.complete()
        assert [m.recovered for m in mentions].count(True) == 250
        assert not mentions[0].recovered
        x.world.say("Acme two")
        assert not (await x.complete())[-1].recovered
        await x.stop()


async def test_the_very_first_start_looks_back_only_if_asked_to(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.world.say("Acme before")
        await asyncio.sleep(0.5)
        x.start()
        await x.connected()
        await asyncio.sleep(1.5)
        assert await x.mentions() == []
        await x.stop()
        async with x.store.write() as connection:
            await connection.execute(text("DELETE FROM stream_state"))
        x.start(look_back="1h")
        await x.complete()
        await x.stop()


@pytest.mark.parametrize("spelling", ["tweet", "post"])
async def test_a_search_that_wants_the_other_spelling_gets_it(tmp_path: Path, spelling: str) -> None:
    async with rig(tmp_path, spelling=spelling) as x:
        x.start()
        await x.connected()
        x.world.order(Fault.CLOSE)
        x.world.order(Fault.HTML_503, times=2)
        await x.until(lambda: not x.world.connections)
        post = x.world.say("アクメ")
        x.world.edit(post, "アクメ、直った")
        (mention,) = [m for m in await x.complete() if m.recovered]
        assert mention.revision == 1
        assert mention.author is not None
        assert mention.author.followers == 100
        await x.stop()


async def test_a_search_that_costs_too_much_says_what_it_gave_up(tmp_path: Path, said: Said) -> None:
    async with rig(tmp_path) as x:
        x.start()
        await x.connected()
        await asyncio.sleep(0.2)
        await x.kill()
        for number in range(300):
            x.world.say(f"Acme {number}")
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.5)
        x.start(recovery_usd=1.5)  # a hundred posts with their authors
        await x.until(lambda: x.worker is not None and x.worker.counts.mentions >= 100)
        await asyncio.sleep(1.5)
        assert x.worker is not None
        assert x.worker.counts.mentions == 100
        assert "gap_recovery_failed" in said()
        assert "100 posts recovered" in said()
        await x.stop()


async def test_other_brands_change_the_rules_while_the_stream_is_open(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        await x.add_rule("cats has:images", "theirs")
        x.start()
        await x.connected()
        x.files.brands = Files("Zenith").brands
        await x.until(lambda: any("Zenith" in rule.value for rule in x.world.rules.all()))
        await x.until(lambda: len(x.world.rules.all()) == 2)
        x.world.say("Zenith is down")
        await x.complete()
        assert len(x.world.connects()) == 1
        assert {rule.tag for rule in x.world.rules.all()} == {"theirs", "hikeshi/acme"}
        await x.stop()


async def test_what_only_x_sees_is_kept_as_such_and_retweets_are_not_read(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.start()
        await x.connected()
        first = x.world.say("アクメが燃えた")
        x.world.say("これはひどい", quote_of=first)
        x.world.say("", retweet_of=first)
        mentions = await x.complete()
        assert [mention.match for mention in mentions] == ["keyword", "source-only"]
        await x.stop()


@pytest.mark.parametrize("fault", [Fault.HEARTBEATS_ONLY, Fault.GHOST])
async def test_silence_is_not_taken_for_peace(tmp_path: Path, fault: Fault) -> None:
    async with rig(tmp_path) as x:
        x.start()
        await x.connected()
        talk = asyncio.create_task(x.talk(60.0))
        await asyncio.sleep(1.0)
        x.world.order(fault)
        if fault is Fault.GHOST:
            x.world.order(Fault.CLOSE)
        await asyncio.sleep(4.0)
        talk.cancel()
        await x.complete()
        assert 2 <= len(x.world.connects()) <= 6
        await x.stop()


async def test_a_slow_log_makes_the_stream_break_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    async with rig(tmp_path) as x:
        monkeypatch.setattr("workers.stream.x.source.Buffer", lambda: Buffer(max_lines=50))
        produce = x.log.produce

        async def slowly(*given: object) -> None:
            await asyncio.sleep(0.3)
            await produce(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(x.log, "produce", slowly)
        x.start()
        await x.connected()
        for number in range(600):
            x.world.say(f"Acme {number}")
            await asyncio.sleep(0.001)
        await x.complete()
        assert "'failure': 'full'" in said()
        await x.stop()


# Which we send first, which X takes (to the letter of its specification: some are no fields), how many it refuses.
@pytest.mark.parametrize(
    ("ours", "xs", "strict", "refused"),
    [
        ("tweet", "tweet", False, 0),
        ("tweet", "post", False, 1),
        ("tweet", "post", True, 2),
        ("post", "post", False, 0),
        ("post", "post", True, 1),
        ("post", "tweet", False, 2),
    ],
)
async def test_a_spelling_that_x_refuses_is_changed_and_search_works(
    tmp_path: Path, said: Said, ours: str, xs: str, strict: bool, refused: int
) -> None:
    async with rig(tmp_path, spelling=xs, strict_fields=strict) as x:
        x.start(spelling=ours)
        await x.connected()
        await asyncio.sleep(0.2)
        x.world.order(Fault.CLOSE_AT_ONCE, times=2)
        x.world.order(Fault.CLOSE)
        await x.until(lambda: not x.world.connections)
        x.world.say("Acme while nobody listens", username="somebody")
        (mention,) = await x.complete()
        assert mention.author is not None
        assert mention.author.username == "somebody"
        assert ("spelling_changed" in said()) == bool(refused)
        answers = [request.status for request in x.world.requests if request.endpoint == "search"]
        assert answers.count(400) == refused
        await x.stop()


async def test_a_broken_token_of_a_worker_is_told_to_ops_once_and_tried_four_times_an_hour(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        ops = Ops()
        x.pace = scaled(refused=0.4)  # a quarter of an hour
        x.start(x.source(bearer_token=SecretStr("wrong"), tell_ops=ops.tell))
        await asyncio.sleep(1.5)
        assert 3 <= len(x.world.requests) <= 4
        assert Pace().refused == 900
        assert [kind for kind, texts in ops.told if texts is not None].count("x_refused") == 1
        texts = dict(ops.told)["x_refused"]
        assert texts is not None
        assert "HTTP 401" in texts["en"]
        assert "HTTP 401" in texts["ja"]
        x.simulator.options.token = "wrong"
        await x.until(lambda: ops.told[-1] == ("x_refused", None) or dict(ops.told)["x_refused"] is None)
        await x.stop()


async def failures(url: str) -> list[str]:
    """All that an address brings to light where X is not."""
    api, receiver = (
        XApi(url, SECRET),
        Reception(Meter(Budget(), "2026-11-24"), Watermark(None), SystemClock(), Buffer()),
    )
    shown = [str(await StreamConnection(url, SECRET, 1.0, receiver).listen({}))]
    try:
        await api.usage()
    except CallFailed as error:
        shown += [str(error), repr(error), repr(error.failure), "".join(traceback.format_exception(error))]
    await api.close()
    return shown


async def test_no_token_anywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("tweepy", "aiohttp.client", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    async with rig(tmp_path, token=SECRET, spelling="post") as x:
        source = x.source(bearer_token=SecretStr(SECRET))
        x.start(source)
        await x.connected()
        faults = (
            Fault.HTML_503,
            Fault.DROP,
            Fault.UNAUTHORIZED,
            Fault.TOO_MANY_CONNECTIONS,
            Fault.RATE_LIMITED_NO_RESET,
        )
        for fault in faults:
            x.world.order(fault)
            x.world.order(fault, on=("search", "rules"))
        x.world.order(Fault.CLOSE)
        await asyncio.sleep(0.3)
        x.world.say("Acme")
        await x.complete()
        api = XApi(x.simulator.url, SECRET)
        shown = [repr(vars(source)), repr(source), repr(source._settings), repr(vars(source._supervisor)), repr(api)]
        for broken in ("http://127.0.0.1:9", "http://nowhere.invalid", "ftp://127.0.0.1", x.simulator.url + "/nothing"):
            shown += await failures(broken)
        await api.close()
        await x.stop()
        async with x.store.read() as connection:
            shown += [str(row) for row in await connection.execute(text("SELECT * FROM stream_state"))]
    out, err = capfd.readouterr()
    everything = "\n".join([*shown, out, err, caplog.text, generate_latest().decode()])
    assert "stream_connected" in everything
    assert SECRET not in everything
    assert SECRET[:12] not in everything
