"""Rules that X refuses while it has others of ours: these stay in force, over a reconnect too, and nobody goes deaf."""

from pathlib import Path

from config.brands import Brand
from schemas.mention import Mention
from tests.workers.stream.x.rig import Files, Rig, rig, scaled
from tests.workers.stream.x.test_money import Ops
from workers.simulator.faults import Fault

BOLT = Brand.model_validate({"name": "Bolt", "id": "bolt", "keywords": ["bolt"]})


async def refused(x: Rig) -> Ops:
    """A stream whose second brand is one rule too many, with a quarter of an hour until it is tried again."""
    ops = Ops()
    x.pace = scaled(refused=600.0)
    x.start(x.source(rules=1, tell_ops=ops.tell))
    await x.connected()
    x.files.brands = (*x.files.brands, BOLT)
    await x.until(lambda: dict(ops.told).get("x_rules_refused") is not None)
    return ops


async def test_the_stream_connects_again_with_the_rules_that_x_has(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        ops = await refused(x)
        x.world.order(Fault.CLOSE)
        await x.until(lambda: len(x.world.connects()) == 2, 10)
        await x.connected()
        x.world.say("アクメ の故障")
        mentions: list[Mention] = await x.complete()
        assert [mention.brand for mention in mentions] == ["acme"]
        assert "x_refused" not in ops.raised()
        await x.stop()


async def test_a_mended_file_is_tried_at_once_and_ops_hear_that_it_is_over(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        ops = await refused(x)
        x.files.brands = Files("Zenith").brands
        await x.until(lambda: dict(ops.told)["x_rules_refused"] is None, 10)
        assert [rule.tag for rule in x.world.rules.all()] == ["hikeshi/acme"]
        assert "Zenith" in x.world.rules.all()[0].value
        await x.stop()


async def test_deafness_is_told_while_refused_rules_wait(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        ops = await refused(x)
        x.world.order(Fault.DROP, times=1000)
        x.world.order(Fault.CLOSE)
        await x.until(lambda: dict(ops.told).get("x_deaf") is not None, 15)
        await x.stop()
