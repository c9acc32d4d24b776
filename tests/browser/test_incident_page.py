"""The incident's page on a telephone: opened from a real notification, read, tapped; in both languages, no script."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import WIDTH, Phone, phone
from tests.support.ports import free_port
from tests.support.process import Process, run
from tests.support.sink import Sink

pytestmark = pytest.mark.browser

# Where the photographs go, for a person to look at; unset: nowhere that stays.
PROBLEMS = Path(__file__).with_name("problems.js").read_text()
PHOTOGRAPHS = os.environ.get("TEST_PHOTOGRAPHS")


class Desk:
    """`hikeshi run` on the sample with a public address, and the receiver that gets its notifications."""

    def __init__(self, process: Process, sink: Sink, folder: Path) -> None:
        self.process, self.sink, self.folder = process, sink, folder

    async def notification(self) -> dict[str, Any]:
        """The first of a burst: it stays open whatever else comes."""
        for _ in range(600):
            assert self.process.returncode is None, self.process.stderr[-2000:]
            for received in self.sink.delivered:
                if received.json["incident"]["scope"] == "burst":
                    return received.json
            await asyncio.sleep(0.1)
        raise TimeoutError(f"no burst was told of within a minute:\n{self.process.stderr[-2000:]}")

    async def show(self, incident: str) -> dict[str, Any]:
        """What `hikeshi incidents show` says of it."""
        command = ("incidents", "show", incident, "--json", "--data", self.folder / "data")
        told = await asyncio.to_thread(lambda: run(*command, folder=self.folder, name="show"))
        shown: dict[str, Any] = json.loads(told.stdout)
        return shown


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, port = tmp_path_factory.mktemp("desk"), free_port()
    with Sink() as sink:
        config = folder / "config"
        config.mkdir()
        (config / "routes.yaml").write_text(
            f'receivers:\n  - name: desk\n    webhook: {{url: "{sink.url}"}}\n'
            "route: {receivers: [desk], group_wait: 1s, language: ja, timezone: Asia/Tokyo}\n"
        )
        settings = {
            "HIKESHI_CONSOLE__PORT": str(port),
            "HIKESHI_CONSOLE__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "HIKESHI_METRICS__PORT": "0",
        }
        with Process(("run", "--source", "sample", "--data", "data"), folder=folder, settings=settings) as process:
            yield Desk(process, sink, folder)
            process.terminate()


async def problems(page: Phone) -> list[str]:
    """What a person could not see, reach or read on the page."""
    found: list[str] = await page.evaluate(PROBLEMS)
    return found


async def photograph(page: Phone, name: str, folder: Path) -> None:
    place = Path(PHOTOGRAPHS) if PHOTOGRAPHS else folder
    place.mkdir(parents=True, exist_ok=True)
    await page.photograph(place / f"{name}.png")
    assert (place / f"{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize(("language", "scheme", "take"), [("ja", "light", "引き受ける"), ("en", "dark", "Acknowledge")])
async def test_it_fits_a_telephone(desk: Desk, tmp_path: Path, language: str, scheme: str, take: str) -> None:
    link = (await desk.notification())["links"]["incident"]
    async with phone(language, scheme) as page:
        await page.go(link)
        assert await page.evaluate("innerWidth") == WIDTH
        assert await page.evaluate("document.documentElement.lang") == language
        text = await page.text()
        assert "サンプル電機" in text
        assert take in text or "延長" in text or "more time" in text or "引き継ぐ" in text or "Take it over" in text
        await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert await problems(page) == []
        await photograph(page, f"incident-{language}-{scheme}", tmp_path)
        await page.go(f"{link}0")
        assert await problems(page) == []
        await photograph(page, f"wrong-{language}-{scheme}", tmp_path)
        # A link that is not valid is answered 403: the one thing that the browser may complain of.
        assert [line for line in page.console if "403" not in line] == []


async def test_a_tap_takes_it_and_everybody_sees_who(desk: Desk, tmp_path: Path) -> None:
    told = await desk.notification()
    incident, link = told["incident"]["id"], told["links"]["acknowledge"]
    async with phone("ja") as preview:
        await preview.go(link)
    assert (await desk.show(incident))["status"] == "firing"
    async with phone("ja") as page:
        await page.go(link)
        await page.write("#name", "佐藤 花子")
        await page.tap("button[value=acknowledge]")
        text = await page.text()
        assert "引き受けました。" in text
        assert "佐藤 花子さんが" in text
        await photograph(page, "taken-ja-light", tmp_path)
        shown = await desk.show(incident)
        assert shown["status"] == "acknowledged"
        assert [(e["event"], e["actor"]) for e in shown["timeline"]][-1] == ("acknowledged", "佐藤 花子")
        # From the command line, by somebody else: the page says so.
        command = ("incidents", "ack", incident, "--by", "ken", "--data", desk.folder / "data")
        await asyncio.to_thread(lambda: run(*command, folder=desk.folder, name="ack"))
        await page.go(link)
        assert "kenさんが" in await page.text()
