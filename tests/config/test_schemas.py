"""The schemas for editors: as the models are, true of the examples, and telling what the loader tells."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config.answers import answers_of
from config.brands import load_brands
from config.channels import CHANNEL_MODELS
from config.documents import read_document
from config.export_schemas import FOLDER, rendered
from config.faults import ConfigurationFaults
from config.routes import load_routes
from config.settings import Settings, load_settings

EXAMPLES = sorted(FOLDER.glob("*.example*.yaml"))
SCHEMAS = {path.name.partition(".")[0]: json.loads(text) for path, text in rendered().items()}


# What a secret of each kind may look like, for the examples.
SECRETS = {
    "sentry": "https://secret@errors.example.com/7",
    "slack": "xoxb-1",
    "slack-app": "xapp-1",
    "pagerduty": "0123456789abcdef0123456789abcdef",
    "discord": "https://discord.example.com/api/webhooks/1/secret",
    "teams": "https://workflows.example.com/secret",
    "line": "secret",
    "apprise": "json://localhost/secret",
}


def switched_on(text: str) -> str:
    """The text with every setting on: those that are off stand behind `#`, remarks behind `#` and one space."""
    return re.sub(r"(?m)^#(?=[a-z]|  )", "", text)


def faults_by_schema(kind: str, value: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMAS[kind])
    return [error.message for error in validator.iter_errors(value)]


def test_the_files_are_up_to_date() -> None:
    for path, text in rendered().items():
        assert path.read_text("utf-8") == text, "run `python -m config.export_schemas`"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_is_a_schema(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


def test_there_is_an_example_of_each_in_both_languages() -> None:
    names = {path.name for path in EXAMPLES}
    assert names == {f"{kind}.example{language}.yaml" for kind in SCHEMAS for language in ("", ".ja")}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("whole", [False, True])
def test_the_examples_hold_as_they_are_and_with_all_settings_switched_on(
    path: Path, whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = path.read_text("utf-8")
    kind = path.name.partition(".")[0]
    assert text.startswith(f"# yaml-language-server: $schema=./{kind}.schema.json\n")
    if whole:
        text = switched_on(text).replace("/run/secrets/", f"{tmp_path}/")
        for name in ("webhook", "kafka", "x", "console", "smtp"):
            (tmp_path / name).write_text("secret")
        for name, secret in SECRETS.items():
            (tmp_path / name).write_text(secret)
    assert faults_by_schema(kind, yaml.safe_load(text)) == []
    (tmp_path / f"{kind}.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    if kind == "brands":
        assert [brand.id for brand in load_brands(tmp_path / "brands.yaml")] == ["acme", "hikeshi"]
    elif kind == "routes":
        receivers = load_routes(tmp_path / "routes.yaml", Settings()).receivers
        assert [receiver.kind for receiver in receivers.values()] == (list(CHANNEL_MODELS) if whole else ["console"])
    elif kind == "answers":
        entries = answers_of(read_document(tmp_path / "answers.yaml", example=""), ())
        assert [entry.when.kind for entry in entries][-1] == {"question"}
        assert all(entry.answer.ja and entry.answer.en for entry in entries)
    else:
        settings = load_settings(config=tmp_path)
        assert settings.mode == ("kafka" if whole else "embedded")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_japanese_example_shows_the_same_keys(kind: str) -> None:
    english, japanese = (
        yaml.safe_load(switched_on((FOLDER / f"{kind}.example{language}.yaml").read_text("utf-8")))
        for language in ("", ".ja")
    )
    assert keys(english) == keys(japanese)


def keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set()


# One file each, and whether it holds: the schema must say what the loader says.
BRANDS = {
    "brands: [{name: Acme, keywords: [a]}]": True,
    "brands: [{name: Acme, keywords: [{text: a, match: anywhere}], burst: {authors: 5, within: 5m}}]": True,
    "brands: [{name: Acme, keywords: [a], burst: false}]": True,
    "brands: [{name: Acme, keywords: [a], burst: true}]": False,
    "brands: [{name: Acme, keywords: [a], burst: {authors: 5, within: 5}}]": False,
    "brands: [{name: Acme, keywords: [no]}]": False,
    "brands: [{name: Acme, keywords: a}]": False,
    "brands: [{name: Acme, keyword: [a]}]": False,
    "brands: [{name: Acme, keywords: [a], priority: high}]": True,
    "brands: []": False,
}
ROUTES = {
    "{receivers: [{name: a, console: {}}], route: {receivers: [a]}}": True,
    "{receivers: [{name: a, console: {}}], route: {receivers: [a], routes: [{match: {kind: praise}}]}}": True,
    "{receivers: [{name: a, console: {}}], route: {receivers: [a], group_wait: 0s}}": True,
    "{receivers: [{name: a, console: {}}], route: {receivers: [a], routes: [{match: {kind: [praise]}}]}}": True,
    "{receivers: [{name: a, console: {}}], route: {receivers: [a], routes: [{match: {kind: prays}}]}}": False,
    "{receivers: [{name: a, console: {}}], route: {receivers: [a], routes: [{match: {kind: []}}]}}": False,
    "{receivers: [{name: a, console: {}}], route: {receivers: [a], group_wait: 5}}": False,
    "{receivers: [{name: a, slack: {}}], route: {receivers: [a]}}": False,
    "{receivers: [{name: a, console: {}}]}": False,
    **{
        f"{{receivers: [{{name: a, console: {{}}}}], route: {{receivers: [a]{keys}}}": holds
        for keys, holds in {
            ", escalation: n}, escalations: {n: [{notify: a}, {wait: 5m}, {repeat: 5}]}": True,
            ", escalation: false, quiet_hours: false, digest: false}": True,
            "}, escalations: {n: [{during: business_hours, then: [{notify: a}], else: [{wait: 1s}]}]}": True,
            "}, escalations: {n: [{posts: 5, within: 5m, then: [{notify: [a]}]}]}": True,
            "}, escalations: {n: [{during: {hours: 9-18}, then: [{notify: a}]}]}": False,
            "}, escalations: {n: [{tell: a}]}": False,
            "}, escalations: {n: []}": False,
            ", acknowledge_for: 30}": False,
            ", quiet_hours: {hours: '22:00-08:00'}, digest: {at: '09:00', weekdays: [mon-fri]}}": True,
            ", digest: '9:00'}": False,
            "}, times: {t: [{calendar: JP}, {weekdays: sat}]}": True,
            "}, times: {t: {calender: JP}}": False,
            "}, rotas: {r: {members: [a], every: 7d, start: '2026-11-02 09:00'}}": True,
            "}, rotas: {r: {members: [a], start: '2026-11-02'}}": False,
            "}, campaigns: [{name: c, from: '2026-04-01', to: '2026-04-02', match: {brand: acme}}]": True,
            "}, campaigns: [{name: c, from: '2026-04-01'}]": False,
            "}, inhibit: [{while: {scope: burst}, mute: {kind: complaint}}]": True,
            "}, inhibit: [{while: {scope: bursts}, mute: {}}]": False,
        }.items()
    },
}


@pytest.mark.parametrize("text", BRANDS)
def test_schema_and_loader_agree_on_brands(text: str, tmp_path: Path) -> None:
    (tmp_path / "brands.yaml").write_text(text)
    assert (faults_by_schema("brands", yaml.safe_load(text)) == []) == BRANDS[text]
    assert holds(lambda: load_brands(tmp_path / "brands.yaml")) == BRANDS[text]


@pytest.mark.parametrize("text", ROUTES)
def test_schema_and_loader_agree_on_routes(text: str, tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(text)
    assert (faults_by_schema("routes", yaml.safe_load(text)) == []) == ROUTES[text]
    assert holds(lambda: load_routes(tmp_path / "routes.yaml", Settings())) == ROUTES[text]


def holds(load: Any) -> bool:
    try:
        load()
    except ConfigurationFaults:
        return False
    return True
