"""Settings: where they come from, in which order, and every fault with the place where it was made."""

from pathlib import Path

import pytest

from config.faults import ConfigurationFaults
from config.settings import Settings, load_settings

PREFIX = "HIKESHI_"
READABLE = "name a readable file that holds the secret alone"
SASL = {
    "KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "STORE__URL": "postgresql://db/x",
    "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA__USERNAME": "hikeshi",
    "KAFKA__PASSWORD": "hunter2",
}

DSN = "https://hunter2@errors.example.com/7"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()


def environment(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(PREFIX + name, value)


def faults() -> list[str]:
    with pytest.raises(ConfigurationFaults) as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)
    return [str(fault) for fault in raised.value.faults]


def test_the_defaults() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert (settings.config, settings.data, settings.mode) == (Path("config"), Path("data"), "embedded")
    assert settings.store_url == "sqlite:///data/store.db"
    assert (settings.source, settings.replay.file, settings.replay.speed) == (None, None, "max")
    assert (settings.metrics.host, settings.metrics.port, settings.drain_seconds) == ("127.0.0.1", None, 20)
    assert (settings.language, settings.log.level, settings.log.format) == ("en", "info", "console")
    assert (settings.console.host, settings.console.port, settings.console.public_url) == ("127.0.0.1", 8642, None)


def test_options_then_environment_then_dotenv_then_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config/settings.yaml").write_text(
        "language: ja\nmetrics: {host: 0.0.0.0, port: 1}\nreplay: {speed: 2}\ndrain_seconds: 1\nlog: {level: error}\n"
    )
    Path(".env").write_text("# 設定\nexport HIKESHI_METRICS__PORT='2'\nHIKESHI_DRAIN_SECONDS=2\nPOSTGRES_PASSWORD=x\n")
    environment(monkeypatch, {"DRAIN_SECONDS": "3", "REPLAY__SPEED": "10", "LOG__LEVEL": "DEBUG"})
    settings = load_settings(data=Path("d"), source="replay", replay={"file": "投稿.jsonl", "speed": None})
    assert (settings.language, settings.metrics.host, settings.metrics.port) == ("ja", "0.0.0.0", 2)  # noqa: S104
    assert (settings.drain_seconds, settings.replay.speed, settings.replay.file) == (3, 10, "投稿.jsonl")
    assert (settings.data, settings.source, settings.log.level) == (Path("d"), "replay", "debug")


@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_the_folder_of_the_file_comes_from_the_environment_too(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("設定").mkdir()
    Path("設定/settings.yaml").write_text("language: ja\n")
    if where == "environment":
        environment(monkeypatch, {"CONFIG": "設定"})
    else:
        Path(".env").write_text("HIKESHI_CONFIG=設定\n")
    assert (load_settings().config, load_settings().language) == (Path("設定"), "ja")


def test_empty_variables_are_unset_as_compose_passes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"SENTRY__DSN": "", "KAFKA__BOOTSTRAP_SERVERS": "", "METRICS__PORT": "", "SOURCE": ""})
    assert load_settings() == Settings()


def test_kafka_with_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, SASL | {"KAFKA__BOOTSTRAP_SERVERS": "a:9092, [::1]:9093"})
    settings = load_settings()
    assert settings.mode == "kafka"
    assert settings.kafka.bootstrap_servers == "a:9092,[::1]:9093"
    assert settings.store_url == "postgresql://db/x"


def test_secrets_in_files_of_their_own_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dsn", "url", "token", "password"):
        written = {"url": "postgresql://a:hunter2@db/x", "dsn": DSN}.get(name, f"hunter2-{name}")
        Path(f"config/{name}").write_text(written + "\n")
    environment(monkeypatch, SASL | {"KAFKA__PASSWORD": "", "KAFKA__PASSWORD_FILE": "config/password"})
    environment(monkeypatch, {"STORE__URL": "", "STORE__URL_FILE": "config/url"})
    Path(".env").write_text("HIKESHI_X__BEARER_TOKEN_FILE=config/token\n")
    Path("config/settings.yaml").write_text("sentry: {dsn_file: dsn}\nkafka: {password: overridden}\n")
    settings = load_settings()
    found = [settings.sentry.dsn, settings.x.bearer_token, settings.kafka.password]
    assert [secret and secret.get_secret_value() for secret in found] == [
        DSN,
        "hunter2-token",
        "hunter2-password",
    ]
    assert settings.store_url == "postgresql://a:hunter2@db/x"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)


# Variables without their prefix, and all faults.
VARIABLES = {
    "unknown": ({"LANGAUGE": "ja"}, ["LANGAUGE: unknown setting; did you mean `HIKESHI_LANGUAGE`?"]),
    "one underscore": (
        {"KAFKA_BOOTSTRAP_SERVERS": "hunter2"},
        ["KAFKA_BOOTSTRAP_SERVERS: unknown setting; did you mean `HIKESHI_KAFKA__BOOTSTRAP_SERVERS`?"],
    ),
    "a part without a key": (
        {"STORE": "hunter2", "LOG": "debug"},
        [
            "STORE: unknown setting; known here: HIKESHI_STORE__URL",
            "LOG: unknown setting; known here: HIKESHI_LOG__LEVEL, HIKESHI_LOG__FORMAT",
        ],
    ),
    "file of what is no secret": (
        {"LANGUAGE_FILE": "x"},
        ["LANGUAGE_FILE: unknown setting; did you mean `HIKESHI_LANGUAGE`?"],
    ),
    "console": (
        {"CONSOLE__PORT": "70000", "CONSOLE__PUBLIC_URL": "https://a.example/?b", "CONSOLE__SECRET": " "},
        [
            "CONSOLE__PORT: 70000 is no port; write 0 (any free one) to 65535",
            "CONSOLE__PUBLIC_URL: holds more than a place; leave out what comes after `?` or `#`",
            "CONSOLE__SECRET: is empty; write a long random text, or leave it out: the store makes one",
        ],
    ),
    "secret file missing": (
        {"SENTRY__DSN_FILE": "/no-such"},
        [f"SENTRY__DSN_FILE: the secret file /no-such can't be read: No such file or directory; {READABLE}"],
    ),
    "secret twice": (
        {"SENTRY__DSN": DSN, "SENTRY__DSN_FILE": "/no-such"},
        ["SENTRY__DSN_FILE: stands beside HIKESHI_SENTRY__DSN; keep one of the two"],
    ),
    "no Sentry address": (
        {"SENTRY__DSN": "hunter2"},
        ["SENTRY__DSN: is no address of a Sentry project; copy it from there: `https://KEY@HOST/NUMBER`"],
    ),
    "Kafka without PostgreSQL": (
        {"KAFKA__BOOTSTRAP_SERVERS": "kafka:9092"},
        [
            "KAFKA__BOOTSTRAP_SERVERS: Kafka is set without PostgreSQL; "
            "set HIKESHI_STORE__URL=postgresql://…, or remove HIKESHI_KAFKA__BOOTSTRAP_SERVERS"
        ],
    ),
    "Kafka with SQLite": (
        {"KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", "STORE__URL": "sqlite:////tmp/x.db"},
        [
            "KAFKA__BOOTSTRAP_SERVERS: Kafka is set without PostgreSQL; "
            "set HIKESHI_STORE__URL=postgresql://…, or remove HIKESHI_KAFKA__BOOTSTRAP_SERVERS"
        ],
    ),
    "PostgreSQL without Kafka": (
        {"STORE__URL": "postgresql://a:hunter2@db/x"},
        [
            "STORE__URL: PostgreSQL is set without Kafka; "
            "set HIKESHI_KAFKA__BOOTSTRAP_SERVERS=host:port, or remove HIKESHI_STORE__URL"
        ],
    ),
    **{
        f"store {address}": (
            {"STORE__URL": address},
            [
                "STORE__URL: is no address of a store; "
                "write `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; the driver is ours to choose"
            ],
        )
        for address in (
            "mysql://hunter2",
            "postgresql+asyncpg://hunter2",
            "sqlite://",
            "sqlite:///",
            "hunter2",
            "postgresql://",
        )
    },
    "wrong types": (
        {"METRICS__PORT": "http", "DRAIN_SECONDS": "soon", "SOURCE": "twitter", "REPLAY__SPEED": "fast"},
        [
            "METRICS__PORT: must be a whole number, not text (http); write it, for example `port: 8643`",
            "DRAIN_SECONDS: must be a number, not text (soon); write it, for example `drain_seconds: 20`",
            "SOURCE: 'twitter' is not known here; known here: x, sample, replay",
            "REPLAY__SPEED: is no pace; write `max`, or how many times the recorded pace, for example `1` or `10`",
        ],
    ),
    "out of range": (
        {"METRICS__PORT": "65536", "DRAIN_SECONDS": "-1", "REPLAY__SPEED": "0"},
        [
            "METRICS__PORT: 65536 is no port; write 0 (any free one) to 65535",
            "DRAIN_SECONDS: is out of range; write seconds, from 0 to 3600",
            "REPLAY__SPEED: is no pace; write `max`, or how many times the recorded pace, for example `1` or `10`",
        ],
    ),
    "numbers that are none": (
        {"DRAIN_SECONDS": "nan", "REPLAY__SPEED": "inf"},
        [
            "DRAIN_SECONDS: is out of range; write seconds, from 0 to 3600",
            "REPLAY__SPEED: is no pace; write `max`, or how many times the recorded pace, for example `1` or `10`",
        ],
    ),
    "log": (
        {"LOG__LEVEL": "verbose", "LOG__FORMAT": "jsn"},
        [
            "LOG__LEVEL: 'verbose' is not known here; known here: debug, info, warning, error",
            "LOG__FORMAT: 'jsn' is not known here; did you mean `json`?",
        ],
    ),
    "servers without a port": (
        {"KAFKA__BOOTSTRAP_SERVERS": "a:9092,kafka"},
        ["KAFKA__BOOTSTRAP_SERVERS: 'kafka' is not `host:port`; write for example `kafka:9092`, with commas between"],
    ),
    "heartbeat": (
        {"HEARTBEAT__URL": "hunter2"},
        [
            "HEARTBEAT__URL: is not an http or https address; write it whole, for example `https://example.com/hook`",
        ],
    ),
    "log-in that is not used": (
        SASL | {"KAFKA__SECURITY_PROTOCOL": "SSL"},
        [
            f"{name}: is not used with security protocol SSL; "
            "set HIKESHI_KAFKA__SECURITY_PROTOCOL=SASL_SSL, or remove it"
            for name in ("KAFKA__USERNAME", "KAFKA__PASSWORD")
        ],
    ),
    "log-in that is missing": (
        SASL | {"KAFKA__PASSWORD": "", "KAFKA__CA_FILE": "/no-such"},
        [
            "KAFKA__SECURITY_PROTOCOL: SASL_SSL needs a password; set HIKESHI_KAFKA__PASSWORD",
            "KAFKA__CA_FILE: there is no such file; name the file of the authority, in PEM",
        ],
    ),
    "authority that is not used": (
        {"KAFKA__CA_FILE": "/no-such"},
        [
            "KAFKA__CA_FILE: is not used with security protocol PLAINTEXT; "
            "set HIKESHI_KAFKA__SECURITY_PROTOCOL=SSL, or remove it"
        ],
    ),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_each_fault_of_a_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, expected = VARIABLES[name]
    environment(monkeypatch, variables)
    assert sorted(faults()) == sorted(f"environment: {PREFIX}{fault}" for fault in expected)


@pytest.mark.parametrize("name", [name for name in VARIABLES if "twice" not in name])
def test_each_fault_of_a_line_of_dotenv_names_the_line(name: str) -> None:
    variables, expected = VARIABLES[name]
    Path(".env").write_text("# 設定\n\n" + "".join(f"{PREFIX}{name}='{value}'\n" for name, value in variables.items()))
    names = list(variables)
    assert sorted(faults()) == sorted(
        f".env:{3 + names.index(fault.partition(':')[0])}: {PREFIX}{fault}" for fault in expected
    )


# `settings.yaml`, and all faults from the line on.
FILES = {
    "unknown keys": (
        "langage: ja\nkafka:\n  bootstrap: a\n色: 赤\n",
        [
            "1: langage: unknown key; did you mean `language`?",
            "3: kafka.bootstrap: unknown key; did you mean `bootstrap_servers`?",
            "4: 色: unknown key; known here: config, data, source, replay, x, kafka, store, sentry, metrics, "
            "console, steward, heartbeat, language, log, drain_seconds",
        ],
    ),
    "its own folder": (
        "config: elsewhere\n",
        ["1: config: can't be set in a file of that folder; set HIKESHI_CONFIG or use --config"],
    ),
    "wrong types": (
        "language: no\nmetrics:\n  port: true\nlog: debug\nkafka:\nstore: {url: 5}\n",
        [
            "1: language: 'no' is not known here; known here: en, ja",
            "3: metrics.port: must be a number, not true or false; write a number",
            "4: log: must be a block of keys, not text; write it",
            "5: kafka: must be a block of keys, not nothing; write it",
            "6: store.url: must be text, not a number; write text, in quotes where it could be read otherwise",
        ],
    ),
    "mix": (
        "store:\n  url: postgresql://a:hunter2@db/x\n",
        [
            "2: store.url: PostgreSQL is set without Kafka; "
            "set HIKESHI_KAFKA__BOOTSTRAP_SERVERS=host:port, or remove HIKESHI_STORE__URL"
        ],
    ),
    "secret files": (
        "sentry: {dsn_file: 秘密}\nx:\n  bearer_token: hunter2\n  bearer_token_file: x\nheartbeat: {url_file: [a]}\n",
        [
            f"1: sentry.dsn_file: the secret file config/秘密 can't be read: No such file or directory; {READABLE}",
            "4: x.bearer_token_file: stands beside `bearer_token`; keep one of the two",
            "5: heartbeat.url_file: is not the name of a file; write the file's name, in quotes",
        ],
    ),
    "a list": ("- a\n", ["1: must be a block of keys; start from config/settings.example.yaml"]),
    "empty": ("", ["1: the file is empty; put back what stood there, or start from config/settings.example.yaml"]),
    "syntax": (
        "language: 日本語: x\n",
        [
            "1: YAML syntax: mapping values are not allowed in this context; mend the brackets, quotes or indentation; "
            "text with `: `, `#`, `@`, `*` or `%` in it needs quotes"
        ],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_each_fault_of_the_file(name: str) -> None:
    text, expected = FILES[name]
    Path("config/settings.yaml").write_text(text)
    assert sorted(faults()) == sorted(f"config/settings.yaml:{fault}" for fault in expected)


def test_a_file_of_remarks_alone_sets_nothing() -> None:
    Path("config/settings.yaml").write_text("# 設定\n#language: ja\n")
    assert load_settings() == Settings()


def test_a_folder_that_is_named_must_be_there() -> None:
    with pytest.raises(ConfigurationFaults) as raised:
        load_settings(config=Path("設定"))
    assert str(raised.value) == "options: --config: there is no folder 設定; name the one with brands.yaml"


def test_a_fault_of_an_option() -> None:
    with pytest.raises(ConfigurationFaults) as raised:
        load_settings(replay={"speed": "fast"})
    assert str(raised.value).startswith("options: --speed: is no pace; ")


def test_dotenv_that_cannot_be_read() -> None:
    Path(".env").write_bytes(b"HIKESHI_LANGUAGE=ja\n\xff")
    assert faults() == [".env: can't be read: it is not UTF-8; mend the file, or remove it"]
    Path(".env").write_text("HIKESHI_LANGUAGE=ja\n火事 だ！\n")
    assert faults() == [".env:2: can't be understood; write NAME=value, or `#` and a remark"]


@pytest.mark.parametrize(
    "text",
    [
        "sentry: hunter2",
        "sentry: {dsn: [hunter2]}",
        "sentry: {dns: hunter2}",
        "kafka: {password: {a: hunter2}}",
        "kafka: {password: hunter2}",
        "kafka: {password: hunter2, password_file: x}",
        "store: hunter2",
        "store: {url: hunter2}",
        "store: {url: 'mysql://a:hunter2@b/c'}",
        "x: hunter2",
        "heartbeat: {url: 'hunter2://a'}",
        "heartbeat: hunter2",
    ],
)
def test_no_fault_shows_a_secret(text: str) -> None:
    Path("config/settings.yaml").write_text(text)
    assert faults()


STEWARD = {
    "no durations": ({"SPREAD": "soon"}, ["SPREAD: 'soon' is not a duration; write times with commas between"]),
    "faster than X counts": ({"SPREAD": "10s, 5m"}, ["SPREAD: holds a time below a minute"]),
    "shrinking": ({"SPREAD": "5m, 1m"}, ["SPREAD: holds a time shorter than the one before it"]),
    "no request": ({"REQUESTS": "0"}, ["REQUESTS: is 0; write a whole number from 1"]),
    "debt": ({"USD_A_DAY": "-1"}, ["USD_A_DAY: is no amount of money"]),
    "more than all": ({"REMOVAL_SHARE": "1.5"}, ["REMOVAL_SHARE: is no share"]),
    "an hour": ({"KEEP_POSTS": "1h"}, ["KEEP_POSTS: is shorter than a day; write for example `90d`, or `0s`"]),
    "incidents shorter than posts": (
        {"KEEP_POSTS": "500d"},
        ["keep_incidents: is shorter than posts are kept, and they name their incident; keep them for `500d` at least"],
    ),
    "posts for ever": ({"KEEP_POSTS": "0s"}, ["keep_incidents: is shorter than posts are kept"]),
}


@pytest.mark.parametrize("name", STEWARD)
def test_what_the_steward_may_not_be_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, expected = STEWARD[name]
    environment(monkeypatch, {f"STEWARD__{key}": value for key, value in variables.items()})
    assert [one in fault for one, fault in zip(expected, faults(), strict=True)] == [True] * len(expected)


def test_what_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"STEWARD__KEEP_POSTS": "0s", "STEWARD__KEEP_INCIDENTS": "0s", "STEWARD__SPREAD": "off"})
    assert not load_settings().steward.keep_posts
