"""Which source is read: the contract's rules as a table."""

from typing import Any

import pytest
from pydantic import SecretStr

from config.routes import Policy, Receiver, Route, Webhook, default_policy
from config.settings import KafkaSettings, ReplaySettings, Settings, XSettings
from schemas.errors import ConfigurationError
from workers.cli.source_choice import choose_source, extra_brands

CONSOLE = default_policy()
DESK = Policy({"desk": Receiver("desk", "webhook", Webhook("http://127.0.0.1/"))}, Route(("desk",)))
TOKEN = {"x": XSettings(bearer_token=SecretStr("token"))}
KAFKA = {"kafka": KafkaSettings(bootstrap_servers="kafka:9092")}
FILE = {"replay": ReplaySettings(file="posts.jsonl")}


@pytest.mark.parametrize(
    ("settings", "policy", "chosen"),
    [
        ({}, CONSOLE, "sample"),
        ({"source": "sample"}, DESK, "sample"),
        ({"source": "sample", **TOKEN}, DESK, "sample"),
        ({"source": "sample", **KAFKA}, None, "sample"),
        ({"source": "replay", **FILE}, DESK, "replay"),
        ({"source": "replay", **FILE, **TOKEN}, None, "replay"),
        (FILE, CONSOLE, "replay"),
        ({**FILE, **TOKEN}, CONSOLE, "replay"),
        (TOKEN, DESK, "x"),
        (TOKEN, None, "x"),
        ({"source": "x", **TOKEN}, CONSOLE, "x"),
        (FILE, None, "replay"),
    ],
)
def test_chosen(settings: dict[str, Any], policy: Policy | None, chosen: str) -> None:
    assert choose_source(Settings(**settings), policy).source == chosen


@pytest.mark.parametrize(
    ("settings", "policy", "said"),
    [
        ({"source": "x"}, CONSOLE, "HIKESHI_X__BEARER_TOKEN"),
        ({"source": "x", **TOKEN, **FILE}, CONSOLE, "--source replay"),
        ({}, DESK, "receiver desk.*HIKESHI_X__BEARER_TOKEN.*--source sample"),
        (KAFKA, CONSOLE, "HIKESHI_X__BEARER_TOKEN.*--source sample"),
        ({}, None, "HIKESHI_X__BEARER_TOKEN.*--source sample"),
        ({"source": "replay"}, CONSOLE, "--file"),
        ({"source": "sample", **FILE}, CONSOLE, "--source replay"),
    ],
)
def test_refused_with_the_remedies(settings: dict[str, Any], policy: Policy | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        choose_source(Settings(**settings), policy)


def test_x_never_ends() -> None:
    with pytest.raises(ConfigurationError, match="source that ends"):
        choose_source(Settings(source="x"), CONSOLE, until_idle=True)
    with pytest.raises(ConfigurationError, match="source that ends"):
        choose_source(Settings(**TOKEN), CONSOLE, until_idle=True)


def test_only_a_fallback_is_announced() -> None:
    assert choose_source(Settings(), CONSOLE).notice
    assert choose_source(Settings(source="sample"), CONSOLE).notice is None


def test_the_samples_brand_is_there_where_its_posts_may_come_by() -> None:
    assert extra_brands(Settings(), CONSOLE, None)
    assert extra_brands(Settings(), None, "classifier")
    assert not extra_brands(Settings(), None, "stream")
    assert not extra_brands(Settings(**FILE), CONSOLE, None)
    assert not extra_brands(Settings(), DESK, None)
