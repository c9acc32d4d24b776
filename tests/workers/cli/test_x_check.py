"""What `check` says of X: prices, limits that won't last, keywords that are too broad or ordinary words."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.brands import Brand
from config.settings import Settings
from config.x_settings import XSettings
from workers.cli.house import enter_house, prepare
from workers.cli.ordinary_words import ambiguous, ordinary_words
from workers.cli.usage import as_x_counts
from workers.cli.x_check import look_at_x
from workers.cli.x_estimate import Price, lasts, price
from workers.simulator.faults import Fault
from workers.simulator.options import TOKEN, Options
from workers.simulator.server import Simulator
from workers.store.store import open_store
from workers.x.budget import Spent
from workers.x.keeper import credential_name
from workers.x.ledger import COUNTS, read_days


def brand(**more: object) -> Brand:
    return Brand.model_validate({"name": "Acme", "keywords": ["Acme"], **more})


class Files:
    def __init__(self, *brands: Brand) -> None:
        self.brands = brands


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(Options()) as running:
        yield running


async def told(simulator: Simulator, *brands: Brand, **x: object) -> str:
    settings = Settings(x=XSettings(bearer_token=SecretStr(TOKEN), base_url=simulator.url, **x), data=Path("nowhere"))
    found = await look_at_x(settings, Files(*brands))  # type: ignore[arg-type]
    assert found.failure is None, found.failure
    assert not simulator.world.rules.all()
    return "\n".join(found.lines)


def spoken(simulator: Simulator, *texts: str) -> None:
    """An hour ago: X counts late."""
    for text in texts:
        simulator.world.say(text, at=datetime.now(UTC) - timedelta(hours=1))


async def test_the_rules_are_tried_priced_and_summed_and_nothing_is_changed(simulator: Simulator) -> None:
    spoken(simulator, *(f"Acme {number}" for number in range(70)))
    said = await told(simulator, brand())
    assert "(Acme OR #Acme OR @Acme) -is:retweet  (some 10 posts a day, $0.05, up to $0.15 with authors)" in said
    assert "x estimate, by the last seven days: some 10 posts a day" in said
    assert "$1.50 a month, up to $4.50 with authors" in said
    assert "1 of 1000 rules are taken" in said
    assert "no limit of yours on what it costs" in said
    assert "warning" not in said


async def test_a_limit_that_would_not_last_is_told(simulator: Simulator) -> None:
    spoken(simulator, *(f"Acme {number}" for number in range(70)))
    said = await told(simulator, brand(), daily_posts=5, monthly_usd=1.0)
    assert "warning: x.daily_posts would be used up after 50% of the day" in said
    assert "warning: x.monthly_usd would be used up after 22% of the month" in said


async def test_the_keyword_that_brings_most_of_a_broad_rule_is_named(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.cli.x_estimate._BROAD", 5)
    spoken(simulator, *(f"Sun {number}" if number % 7 else f"Acme {number}" for number in range(140)))
    said = await told(simulator, brand(keywords=["Acme", "Sun"]))
    assert "warning: keyword Sun of brand acme is broad: some 17 posts a day" in said
    assert "keyword Acme" not in said


def kept(simulator: Simulator, folder: Path, **x: object) -> Settings:
    return Settings(x=XSettings(bearer_token=SecretStr(TOKEN), base_url=simulator.url, **x), data=folder)


async def prepared(settings: Settings) -> None:
    """As after a first `hikeshi run`."""
    async with AsyncExitStack() as resources:
        house = await enter_house(settings, resources)
        await prepare(house.log, house.store)


async def bill(settings: Settings) -> dict[str, Spent]:
    """What each reader spent today."""
    store = open_store(settings.store_url)
    async with store.read() as connection:
        found = await read_days(connection, credential_name(TOKEN))
    await store.close()
    return {reader: spent for reader, days in found.items() for spent in days.values()}


async def test_each_count_is_on_the_bill_as_a_post(simulator: Simulator, tmp_path: Path) -> None:
    settings = kept(simulator, tmp_path)
    await prepared(settings)
    for times in (1, 2):
        found = await look_at_x(settings, Files(brand(), brand(name="Sun", keywords=["Sun"])))  # type: ignore[arg-type]
        assert found.lines[-1] == (
            "x: this check cost $0.010 at most: 2 counts, 0 posts and 0 authors; rules cost nothing; "
            "it is on the bill of `hikeshi usage`"
        )
        assert await bill(settings) == {COUNTS: Spent(2 * times)}


async def test_the_posts_of_a_search_are_on_the_bill_once_a_day(simulator: Simulator, tmp_path: Path) -> None:
    simulator.options.streaming = False
    spoken(simulator, *(f"Acme {number}" for number in range(3)))
    settings = kept(simulator, tmp_path)
    await prepared(settings)
    for times in (1, 2):
        found = await look_at_x(settings, Files(brand()))  # type: ignore[arg-type]
        assert "1 counts, 3 posts and" in found.lines[-1]
        spent = await bill(settings)
        assert spent[COUNTS] == Spent(times)
        assert spent["check"].posts == 3
        assert spent["check"].authors >= 1


async def test_a_check_buys_nothing_beyond_the_limits(simulator: Simulator, tmp_path: Path) -> None:
    settings = kept(simulator, tmp_path, daily_posts=1)
    await prepared(settings)
    brands = Files(brand(), brand(name="Sun", keywords=["Sun"]))
    said = "\n".join((await look_at_x(settings, brands)).lines)  # type: ignore[arg-type]
    assert "no estimate: it would go beyond your limits" in said
    assert "1 counts" in said
    simulator.options.streaming = False
    said = "\n".join((await look_at_x(settings, brands)).lines)  # type: ignore[arg-type]
    assert "recent search was not tried" in said
    assert "x: this check cost nothing" in said
    assert await bill(settings) == {COUNTS: Spent(1)}
    assert all(request.endpoint != "search" for request in simulator.world.requests)


async def test_without_a_store_it_is_told_that_it_is_on_no_bill(simulator: Simulator, tmp_path: Path) -> None:
    found = await look_at_x(kept(simulator, tmp_path), Files(brand()))  # type: ignore[arg-type]
    assert "1 counts, 0 posts and 0 authors; rules cost nothing; it is not on the bill" in found.lines[-1]
    assert f"there is no data in {tmp_path} yet" in found.lines[-1]
    assert list(tmp_path.iterdir()) == []  # a check makes no store


def test_xs_own_count_of_posts_is_not_compared_with_what_counts_cost() -> None:
    by_reader = {"stream": {"2026-11-24": Spent(5, 4)}, COUNTS: {"2026-11-24": Spent(3), "2026-11-23": Spent(1)}}
    assert as_x_counts(by_reader) == {"2026-11-24": Spent(5, 4)}


async def test_a_plan_without_a_stream_is_looked_at_by_search(simulator: Simulator) -> None:
    simulator.options.streaming = False
    said = await told(simulator, brand())
    assert "the plan has no stream" in said
    simulator.world.order(Fault.FORBIDDEN, times=None, on=("search",))
    settings = Settings(x=XSettings(bearer_token=SecretStr(TOKEN), base_url=simulator.url), data=Path("nowhere"))
    found = await look_at_x(settings, Files(brand()))  # type: ignore[arg-type]
    assert found.failure is not None
    assert found.failure.kind == "refused"


def test_a_price_has_its_authors() -> None:
    settings = XSettings(daily_posts=1000)
    assert price(1000, settings) == Price(1000, 5.0, 15.0)
    assert str(price(1000, settings)) == "some 1,000 posts a day, $5.00, up to $15.00 with authors"
    assert str(price(1000, XSettings(authors=False))) == "some 1,000 posts a day, $5.00"
    assert lasts(price(1000, settings), settings) == []


def test_ordinary_words_that_hold_a_keyword_are_told() -> None:
    assert len(ordinary_words()) > 50_000
    found = {
        one.keyword: one
        for one in ambiguous([brand(keywords=["Acme", {"text": "サン", "match": "anywhere"}, "Apple", "花王"])])
    }
    assert set(found) == {"サン", "Apple"}
    assert "サンダル" in found["サン"].words
    assert "match: word" in str(found["サン"])
    assert found["Apple"].itself
    assert "is an ordinary word itself" in str(found["Apple"])
    assert ambiguous([brand(keywords=["Apple"], context=["phone"], require_context=True)]) == []
    assert ambiguous([brand(keywords=["サン"])]) == []
