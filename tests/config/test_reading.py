"""Reading a file at all: missing, unreadable, in another encoding, endless, and whatever else may stand there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.brands import load_brands
from config.faults import ConfigurationFaults, Fault
from config.keywords import Keyword
from config.routes import load_routes
from config.settings import Settings, load_settings

HEAD = "brands:\n  - name: アクメ\n    id: acme\n    keywords: [アクメ]\n"
COPY = "copy config/brands.example.yaml there, name the right folder with --config, or try `--source sample`"


def faults_of_text(text: str, folder: Path) -> list[str]:
    """The faults of a `brands.yaml`, from the line number on."""
    path = folder / "brands.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationFaults) as raised:
        load_brands(path)
    return [str(fault).removeprefix(f"{path}:") for fault in raised.value.faults]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFaults) as raised:
        load_brands(tmp_path / "brands.yaml")
    assert str(raised.value) == f"{tmp_path}/brands.yaml: the file is missing; {COPY}"


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFaults) as raised:
        load_brands(tmp_path)
    assert (
        str(raised.value) == f"{tmp_path}: can't be read: Is a directory; mend its permissions or name another folder"
    )


def test_a_file_in_another_encoding_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "brands.yaml"
    path.write_bytes("brands:\n  - name: アクメ\n".encode("cp932"))
    with pytest.raises(ConfigurationFaults) as raised:
        load_brands(path)
    assert str(raised.value) == f"{path}:2: byte 0x83 is not UTF-8; save the file as UTF-8"


def test_aliases_may_repeat_but_not_explode(tmp_path: Path) -> None:
    path = tmp_path / "brands.yaml"
    path.write_text(HEAD.replace("[アクメ]", "&k [アクメ]") + "    context: *k\n", "utf-8")
    assert load_brands(path)[0].context == (Keyword(text="アクメ"),)
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert any("unfold too far" in fault for fault in faults_of_text(bomb, tmp_path))
    assert any("nested too deeply" in fault for fault in faults_of_text("a: &a [*a]\n", tmp_path))
    assert faults_of_text("[" * 100_000, tmp_path)


def test_ten_thousand_keywords_are_read_and_faults_still_have_their_lines(tmp_path: Path) -> None:
    words = "".join(f"      - 商品{number}\n" for number in range(10_000))
    text = f"brands:\n  - name: Acme\n    keywords:\n{words}      - no\n"
    assert faults_of_text(text, tmp_path) == [
        '10004: brands[0].keywords[10000]: YAML reads no as true or false, not as text; put it in quotes: "no"'
    ]


KEYS = st.sampled_from(
    [
        *("brands", "name", "id", "keywords", "text", "match", "exclude", "handles", "languages", "burst", "authors"),
        *("receivers", "route", "routes", "webhook", "url", "secret", "secret_file", "console", "throttle", "count"),
        *("per", "fallback", "continue", "kind", "severity", "escalations", "night", "kafka", "password", "store", "x"),
        *("replay", "speed", "metrics", "port", "config", "sentry", "dsn_file", "bearer_token_file", "アクメ", ""),
    ]
)
SINGLE = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=8) | KEYS
VALUES = st.recursive(
    SINGLE, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)
TREES = st.fixed_dictionaries(
    {},
    optional={
        "brands": st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=3) | VALUES,
        "receivers": st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3) | VALUES,
        "route": st.dictionaries(KEYS, VALUES, max_size=6) | VALUES,
        "escalations": VALUES,
        "kafka": VALUES,
        "store": VALUES,
        "replay": VALUES,
        "x": VALUES,
        "sentry": VALUES,
    },
)
ANY_TIMES = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def told_or_read(load: Callable[[], object]) -> None:
    """Whatever stands in a file: it is read, or each fault is told with file and remedy."""
    faults: list[Fault] | None = None
    try:
        load()
    except ConfigurationFaults as error:
        faults = error.faults
    if faults is not None:
        assert faults
        assert all(fault.file and fault.fault and fault.remedy for fault in faults)
        assert all("\n" not in str(fault) for fault in faults)


def load_each(folder: Path, content: bytes) -> None:
    for name in ("brands.yaml", "routes.yaml", "settings.yaml"):
        (folder / name).write_bytes(content)
    told_or_read(lambda: load_brands(folder / "brands.yaml"))
    told_or_read(lambda: load_routes(folder / "routes.yaml", Settings()))
    told_or_read(lambda: load_settings(config=folder))


@ANY_TIMES
@given(value=TREES | VALUES)
def test_any_values_are_read_or_told(value: Any, tmp_path: Path) -> None:
    load_each(tmp_path, yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))


@ANY_TIMES
@given(text=st.text(st.sampled_from("abあ「」:-#@*&!%|>?{}[]'\"\\ \t\n\r,.0~<="), max_size=60) | st.text(max_size=60))
def test_any_text_is_read_or_told(text: str, tmp_path: Path) -> None:
    load_each(tmp_path, text.encode("utf-8", "replace"))


@ANY_TIMES
@given(content=st.binary(max_size=60))
def test_any_bytes_are_read_or_told(content: bytes, tmp_path: Path) -> None:
    load_each(tmp_path, content)
