"""What a link allows: a table over its key, the clock and the secret; and the secret that the store makes once."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from config.settings import ConsoleSettings, Settings
from workers.incidents.link_secret import link_maker
from workers.incidents.links import VALID_FOR, form_token, is_form_token, key, links, read
from workers.store import Store

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SECRET = "山と川"
GOOD = key("k7d2", "acknowledge", SECRET, NOW + timedelta(hours=1))


def test_without_a_public_address_there_are_no_links() -> None:
    assert links("k7d2", None, SECRET, NOW) is None


def test_links_lead_to_the_page_and_hold_nothing_that_a_chat_cuts_off() -> None:
    made = links("k7d2", "https://a.example/hikeshi/", SECRET, NOW)
    assert made is not None
    assert list(made) == ["incident", "acknowledge"]
    for purpose, url in made.items():
        parts = urlsplit(url)
        assert (parts.netloc, parts.path) == ("a.example", "/hikeshi/incidents/k7d2")
        (written,) = parse_qs(parts.query)["key"]
        assert written.replace("-", "").isalnum()
        assert written.isascii()
        assert read("k7d2", written, SECRET, NOW) == ("valid", purpose)
        assert len(url) < 100


@pytest.mark.parametrize(
    ("incident", "written", "secret", "after", "stands"),
    [
        ("k7d2", GOOD, SECRET, timedelta(0), "valid"),
        ("k7d2", GOOD, SECRET, timedelta(seconds=3599), "valid"),
        ("k7d2", GOOD, SECRET, timedelta(seconds=3600), "expired"),
        ("k7d2", GOOD, SECRET, timedelta(days=9000), "expired"),
        ("another", GOOD, SECRET, timedelta(0), "wrong"),
        ("k7d2", GOOD, "another", timedelta(0), "wrong"),
        ("k7d2", "i" + GOOD[1:], SECRET, timedelta(0), "wrong"),
        ("k7d2", GOOD[:2] + "f" + GOOD[2:], SECRET, timedelta(0), "wrong"),
        ("k7d2", GOOD[:-1], SECRET, timedelta(0), "wrong"),
        ("k7d2", GOOD + "0", SECRET, timedelta(0), "wrong"),
        ("k7d2", GOOD + "\n", SECRET, timedelta(0), "wrong"),
        ("k7d2", "", SECRET, timedelta(0), "wrong"),
        ("k7d2", "é-0-" + "0" * 32, SECRET, timedelta(0), "wrong"),
    ],
)
def test_how_a_key_stands(incident: str, written: str, secret: str, after: timedelta, stands: str) -> None:
    assert read(incident, written, secret, NOW + after).standing == stands


def test_a_form_belongs_to_the_link_that_showed_it() -> None:
    token = form_token("k7d2", GOOD, SECRET)
    other = key("k7d2", "acknowledge", SECRET, NOW + VALID_FOR)
    assert is_form_token(token, "k7d2", GOOD, SECRET)
    assert not is_form_token(token, "k7d2", other, SECRET)
    assert not is_form_token(token, "another", GOOD, SECRET)
    assert not is_form_token("é", "k7d2", GOOD, SECRET)


def test_a_form_in_a_strange_encoding_is_refused_and_no_fault() -> None:
    assert not is_form_token("\ud800", "k1", "a-1-2", "secret")


async def test_the_store_makes_one_secret_whoever_asks_first(store: Store) -> None:
    settings = Settings()
    first, second = await asyncio.gather(link_maker(settings, store), link_maker(settings, store))
    assert first == second == await link_maker(settings, store)
    assert len(first.secret) >= 32
    assert first.secret not in repr(first)


async def test_the_secret_of_the_settings_comes_first(store: Store) -> None:
    console = ConsoleSettings(secret=SecretStr(SECRET), public_url="https://a.example")
    maker = await link_maker(Settings(console=console), store)
    assert maker.secret == SECRET
    assert maker.links("k7d2", NOW) == links("k7d2", "https://a.example", SECRET, NOW)
