"""The files in force: read together at start, then watched; a good change is taken, a bad one refused."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.brands import Brand
from config.faults import ConfigurationFaults, Fault
from config.files import LOOK_EVERY_SECONDS, Files, load_all
from config.keywords import Keyword
from config.settings import Settings

BRANDS = "brands:\n  - name: アクメ\n    id: acme\n    keywords: [アクメ]\n"
ROUTES = "receivers:\n  - {name: 当番, webhook: {url: 'http://a/', secret_file: secret}}\nroute: {receivers: [当番]}\n"
SAMPLE = Brand(name="Sample", keywords=(Keyword(text="sample"),))


class Watch:
    """A watch whose sleeps are steps of the test: each look happens when the test asks for it."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.slept: list[float] = []
        self.changes = 0
        self.refusals: list[list[str]] = []
        self._step = asyncio.Semaphore(0)
        self._looked = asyncio.Event()
        self._task = asyncio.ensure_future(files.watch(self._changed, self._refused, self._sleep))

    async def _sleep(self, seconds: float) -> None:
        self._looked.set()
        await self._step.acquire()
        self.slept.append(seconds)

    def _changed(self) -> None:
        self.changes += 1

    def _refused(self, faults: list[Fault]) -> None:
        self.refusals.append([str(fault) for fault in faults])

    async def look(self, times: int = 1) -> None:
        """Let the watch look so many times."""
        for _ in range(times):
            if not self.slept:
                await self._looked.wait()
            self._looked.clear()
            self._step.release()
            await self._looked.wait()

    async def settle(self) -> tuple[int, int]:
        """Look as long as a change may take, and say how many changes and refusals there were so far."""
        await self.look(3)
        assert not self._task.done()
        return self.changes, len(self.refusals)

    def stop(self) -> None:
        self._task.cancel()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "brands.yaml").write_text(BRANDS)
    (tmp_path / "routes.yaml").write_text(ROUTES)
    (tmp_path / "secret").write_text("hunter2")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], Watch]]:
    watches: list[Watch] = []

    def started() -> Watch:
        watches.append(Watch(Files(Settings(config=folder))))
        return watches[-1]

    yield started
    for watch in watches:
        watch.stop()


async def test_a_change_is_in_force_after_two_looks_and_within_five_seconds(
    folder: Path, start: Callable[[], Watch]
) -> None:
    watch = start()
    brands, policy = watch.files.brands, watch.files.policy
    await watch.look(2)
    (folder / "brands.yaml").write_text(BRANDS + "    languages: [ja]\n")
    await watch.look()
    assert watch.files.brands is brands
    await watch.look()
    assert watch.changes == 1
    assert watch.files.brands[0].languages == ("ja",)
    assert watch.files.policy is not policy
    assert sum(watch.slept[-2:]) + LOOK_EVERY_SECONDS < 5  # the change came just after a look
    assert await watch.settle() == (1, 0)


async def test_a_file_that_is_still_being_written_is_not_judged(folder: Path, start: Callable[[], Watch]) -> None:
    watch = start()
    for text in ("", "brands:\n", BRANDS[:30], BRANDS + "    burst: fa"):
        (folder / "brands.yaml").write_text(text)
        await watch.look()
    (folder / "brands.yaml").write_text(BRANDS + "    burst: false\n")
    assert await watch.settle() == (1, 0)
    assert watch.files.brands[0].burst is False


async def test_a_change_of_the_same_length_within_the_same_tick_of_the_clock(
    folder: Path, start: Callable[[], Watch]
) -> None:
    watch = start()
    path = folder / "brands.yaml"
    before = path.stat()
    path.write_text(BRANDS.replace("[アクメ]", "[クアメ]"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await watch.settle() == (1, 0)
    assert watch.files.brands[0].keywords[0].text == "クアメ"


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "faulty": (
        lambda folder: (folder / "brands.yaml").write_text(BRANDS + "    burst: 火\n"),
        "brands.yaml:5: brands[0].burst",
    ),
    "cut": (lambda folder: (folder / "routes.yaml").write_text(ROUTES[:60]), "routes.yaml:2: YAML syntax"),
    "empty": (lambda folder: (folder / "brands.yaml").write_text(""), "brands.yaml:1: the file is empty"),
    "empty routes": (lambda folder: (folder / "routes.yaml").write_text("\n"), "routes.yaml:1: the file is empty"),
    "gone": (lambda folder: (folder / "brands.yaml").unlink(), "brands.yaml: is gone; what it said stays in force"),
    "gone routes": (
        lambda folder: (folder / "routes.yaml").unlink(),
        "routes.yaml: is gone; what it said stays in force",
    ),
    "no text": (
        lambda folder: (folder / "brands.yaml").write_bytes(b"\xff\xfe\x00"),
        "brands.yaml:1: byte 0xff is not",
    ),
    "nested": (lambda folder: (folder / "brands.yaml").write_text("[" * 9_000), "brands.yaml:1: YAML syntax"),
    "secret gone": (lambda folder: (folder / "secret").unlink(), "routes.yaml:2: receivers[0].webhook.secret_file"),
    "a later release's file": (
        lambda folder: (folder / "negative-list.yaml").write_text("a: b"),
        "negative-list.yaml: this release",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_change_is_refused_once_and_the_old_kept(
    name: str, folder: Path, start: Callable[[], Watch]
) -> None:
    change, told = BAD[name]
    watch = start()
    brands, policy = watch.files.brands, watch.files.policy
    change(folder)
    assert await watch.settle() == (0, 1)
    assert await watch.settle() == (0, 1)
    assert told in watch.refusals[0][0]
    assert (watch.files.brands, watch.files.policy) == (brands, policy)
    assert watch.files.brands is brands
    (folder / "negative-list.yaml").unlink(missing_ok=True)
    (folder / "secret").write_text("hunter2")
    (folder / "routes.yaml").write_text(ROUTES)
    (folder / "brands.yaml").write_text(BRANDS)
    assert await watch.settle() == (0, 1)
    (folder / "brands.yaml").write_text(BRANDS + "    burst: false\n")
    assert await watch.settle() == (1, 1)


async def test_a_secret_that_is_replaced_is_in_force(folder: Path, start: Callable[[], Watch]) -> None:
    watch = start()
    (folder / "secret").write_text("火の用心\n")
    assert await watch.settle() == (1, 0)
    webhook = watch.files.policy.receivers["当番"].webhook
    assert webhook
    assert webhook.secret
    assert webhook.secret.get_secret_value() == "火の用心"


async def test_routes_that_appear_are_in_force(folder: Path, start: Callable[[], Watch]) -> None:
    (folder / "routes.yaml").unlink()
    watch = start()
    assert list(watch.files.policy.receivers) == ["console"]
    (folder / "routes.yaml").write_text(ROUTES)
    assert await watch.settle() == (1, 0)
    (folder / "secret").write_text("another")
    assert await watch.settle() == (2, 0)
    assert list(watch.files.policy.receivers) == ["当番"]


def test_all_faults_of_all_files_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HIKESHI_LANGAUGE", "ja")
    (folder / "settings.yaml").write_text("log: {level: all}\n")
    (folder / "brands.yaml").write_text(BRANDS + "    burst: 火\n    zone: x\n")
    (folder / "routes.yaml").write_text(ROUTES.replace("[当番]", "[x]"))
    (folder / "negative-list.yaml").touch()
    with pytest.raises(ConfigurationFaults) as raised:
        load_all({"config": folder}, lambda *_: ())
    assert [(Path(fault.file).name, fault.line) for fault in raised.value.faults] == [
        ("environment", None),
        ("settings.yaml", 1),
        ("negative-list.yaml", None),
        ("brands.yaml", 5),
        ("brands.yaml", 6),
        ("routes.yaml", 3),
    ]


def test_settings_and_files_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    asked: list[tuple[str | None, list[str]]] = []

    def extra(settings: Settings, policy: object) -> list[Brand]:
        asked.append((settings.source, list(getattr(policy, "receivers", ()))))
        return [SAMPLE]

    settings, files = load_all({"config": folder, "source": "sample", "data": None}, extra)
    assert (settings.config, settings.source) == (folder, "sample")
    assert [brand.id for brand in files.brands] == ["acme", "sample"]
    assert asked == [("sample", ["当番"])]


def test_without_brands_only_where_the_program_brings_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFaults, match="the file is missing"):
        Files(Settings(config=tmp_path))
    files = Files(Settings(config=tmp_path, language="ja"), [SAMPLE])
    assert files.brands == (SAMPLE,)
    assert files.policy.route.language == "ja"
    (tmp_path / "brands.yaml").touch()
    with pytest.raises(ConfigurationFaults, match="the file is empty"):
        Files(Settings(config=tmp_path), [SAMPLE])


def test_a_brand_of_the_file_must_not_take_the_samples_id(tmp_path: Path) -> None:
    (tmp_path / "brands.yaml").write_text(BRANDS.replace("acme", "sample"))
    with pytest.raises(ConfigurationFaults, match="is taken by the sample"):
        Files(Settings(config=tmp_path), [SAMPLE])


def test_a_file_under_the_short_suffix_is_named_with_the_remedy(folder: Path) -> None:
    (folder / "routes.yml").write_text(ROUTES, encoding="utf-8")
    with pytest.raises(
        ConfigurationFaults, match=r"routes\.yml: is not read under this name; rename it to routes\.yaml"
    ):
        Files(Settings(config=folder))
