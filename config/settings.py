"""The program's settings: one tree, from the environment, then `.env`, then `settings.yaml`."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.documents import Place
from config.faults import ConfigurationFaults
from config.fields import Port, ServerList, Text, WebAddress, checked_web_address
from config.layers import PREFIX, Layers, read_layers
from config.refusals import refusal
from config.steward import StewardSettings
from config.validation import Strict
from config.x_settings import XSettings


class ReplaySettings(Strict):
    """A replay of a file."""

    file: Text | None = Field(default=None, examples=["posts.jsonl"])
    """The file with the posts, plain or gzip; `-` follows standard input."""
    speed: Literal["max"] | float = Field(default="max", examples=["max"])
    """`max`: as fast as it goes. A number: the recorded pace times so much."""

    @field_validator("speed", mode="before")
    @classmethod
    def _pace(cls, value: Any) -> Any:
        if value == "max":
            return value
        try:
            speed = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            speed = math.nan
        if not 0 < speed < math.inf:
            raise refusal("is no pace", "write `max`, or how many times the recorded pace, for example `1` or `10`")
        return speed


class KafkaSettings(Strict):
    """The Kafka cluster; it goes with a PostgreSQL store. Unset: the embedded log in the data folder."""

    bootstrap_servers: ServerList | None = Field(default=None, examples=["kafka:9092"])
    """Where to find the cluster: `host:port`, several with commas between."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to connect."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How to log in, with SASL; unset: PLAIN."""
    username: Text | None = None
    """The user, with SASL."""
    password: SecretStr | None = None
    """The user's password, with SASL."""
    ca_file: Path | None = Field(default=None, examples=["/etc/hikeshi/ca.pem"])
    """The authority that signed the brokers' certificates, with SSL; unset: those the system trusts."""
    instance: Text | None = Field(default=None, examples=["node-1"])
    """A name that outlives restarts: group membership is static as `<instance>-<stage>`. Unset: dynamic."""


class StoreSettings(Strict):
    """Where incidents are kept."""

    url: SecretStr | None = Field(default=None, examples=["postgresql://hikeshi@db/hikeshi"])
    """`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`. Unset: `store.db` in the data folder."""

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        scheme, _, rest = url.get_secret_value().partition("://")
        if rest and (scheme == "postgresql" or (scheme == "sqlite" and rest.startswith("/") and rest != "/")):
            return url
        remedy = "write `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; the driver is ours to choose"
        raise refusal("is no address of a store", remedy)


class SentrySettings(Strict):
    """Where errors are reported."""

    dsn: SecretStr | None = None
    """The address that Sentry gives a project. Unset: nothing is reported."""

    @field_validator("dsn")
    @classmethod
    def _address(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is not None and not re.fullmatch(r"https?://[^@/\s]+@[^/\s]+/(?:\S+/)?\d+", dsn.get_secret_value()):
            raise refusal("is no address of a Sentry project", "copy it from there: `https://KEY@HOST/NUMBER`")
        return dsn


class MetricsSettings(Strict):
    """Where `/metrics`, `/healthz` and `/readyz` are served."""

    host: Text = "127.0.0.1"
    """The address to listen at."""
    port: Port | None = Field(default=None, examples=[8643])
    """The port; 0: any free one, which is logged. Unset: 8643 for `run` and in the image, else 0."""


class ConsoleSettings(Strict):
    """The web server with the incidents' pages."""

    host: Text = "127.0.0.1"
    """The address to listen at. Pages show posts and take acts by signed links alone; put TLS before any other host."""
    port: Port = Field(default=8642, examples=[8642])
    """The port; 0: any free one, which is logged. Unset: 8642, or any free one where that is taken and no link leads
    to it."""
    public_url: WebAddress | None = Field(default=None, examples=["https://hikeshi.example.com"])
    """How people reach it from outside, for the links in notifications. Unset: these hold no links."""
    secret: SecretStr | None = None
    """Signs the links: a long random text. Unset: the store makes one and keeps it."""

    @field_validator("public_url")
    @classmethod
    def _no_more_than_a_place(cls, url: str | None) -> str | None:
        if url is not None and ("?" in url or "#" in url):
            raise refusal("holds more than a place", "leave out what comes after `?` or `#`")
        return url

    @field_validator("secret")
    @classmethod
    def _not_empty(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            raise refusal("is empty", "write a long random text, or leave it out: the store makes one")
        return secret


class HeartbeatSettings(Strict):
    """A watchman outside."""

    url: SecretStr | None = Field(default=None, examples=["https://example.com/ping"])
    """Called while all is well, so that somebody notices when it no longer is."""

    @field_validator("url")
    @classmethod
    def _address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            checked_web_address(url.get_secret_value())
        return url


class LogSettings(Strict):
    """What is logged to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged. The text of posts appears at debug alone."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines."""

    @field_validator("level", "format", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """All settings. `load_settings` reads them; made directly, it holds what it is given and nothing else."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    config: Path = Path("config")
    """The folder of `brands.yaml` and `routes.yaml`."""
    data: Path = Path("data")
    """The folder where the embedded log and store live."""
    source: Literal["x", "sample", "replay"] | None = None
    """Where posts come from."""
    replay: ReplaySettings = ReplaySettings()
    x: XSettings = XSettings()
    kafka: KafkaSettings = KafkaSettings()
    store: StoreSettings = StoreSettings()
    sentry: SentrySettings = SentrySettings()
    metrics: MetricsSettings = MetricsSettings()
    console: ConsoleSettings = ConsoleSettings()
    steward: StewardSettings = StewardSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    language: Literal["en", "ja"] = "en"
    """The language of messages where a route names none."""
    log: LogSettings = LogSettings()
    drain_seconds: float = Field(default=20.0, examples=[20])
    """How long a stop may take to finish what is in flight."""

    @field_validator("drain_seconds")
    @classmethod
    def _some_time(cls, seconds: float) -> float:
        if not 0 <= seconds <= 3600:
            raise refusal("is out of range", "write seconds, from 0 to 3600")
        return seconds

    @property
    def mode(self) -> Literal["embedded", "kafka"]:
        """Which log and store the settings name: Kafka with PostgreSQL, or the embedded ones."""
        return "kafka" if self.kafka.bootstrap_servers else "embedded"

    @property
    def store_url(self) -> str:
        """The store's address, the default filled in. It may hold a password: never for a log or a message."""
        if self.store.url is not None:
            return self.store.url.get_secret_value()
        return f"sqlite:///{self.data / 'store.db'}"

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, alone: the layers are read, with the place of each value, in `config.layers`."""
        return (sources["init_settings"],)


def load_settings(config: Path | None = None, data: Path | None = None, **overrides: Any) -> Settings:
    """The settings in force; ConfigurationFaults with every fault.

    `config`, `data` and the overrides (`source="replay"`, `replay={"file": …}`) come first, as the options of the
    command line do; None among them says nothing.
    """
    settings, layers = read_settings({"config": config, "data": data, **overrides})
    if settings is None:
        raise ConfigurationFaults(layers.faults)
    return settings


def read_settings(options: Mapping[str, Any]) -> tuple[Settings | None, Layers[Settings]]:
    """The settings, None where they have faults, and the layers, which hold these."""
    layers = read_layers(Settings, options)
    settings = layers.build()
    if settings is not None:
        _refuse_mixes(settings, layers)
        _refuse_half_secured(settings.kafka, layers)
    return (None if layers.faults else settings), layers


def _refuse_mixes(settings: Settings, layers: Layers[Settings]) -> None:
    """Kafka goes with PostgreSQL and the embedded log with SQLite: any other pair would lose what it is made for."""
    kafka = settings.mode == "kafka"
    postgresql = settings.store_url.startswith("postgresql:")
    store, servers = f"{PREFIX}STORE__URL", f"{PREFIX}KAFKA__BOOTSTRAP_SERVERS"
    if kafka and not postgresql:
        remedy = f"set {store}=postgresql://…, or remove {servers}"
        layers.refuse(("kafka", "bootstrap_servers"), "Kafka is set without PostgreSQL", remedy)
    elif postgresql and not kafka:
        remedy = f"set {servers}=host:port, or remove {store}"
        layers.refuse(("store", "url"), "PostgreSQL is set without Kafka", remedy)


def _refuse_half_secured(kafka: KafkaSettings, layers: Layers[Settings]) -> None:
    """What is set for a log-in or a certificate that the protocol does not use would be ignored: refused."""
    protocol: Place = ("kafka", "security_protocol")
    login = {"username": kafka.username, "password": kafka.password}
    if kafka.security_protocol.startswith("SASL"):
        for key, value in login.items():
            if value is None:
                layers.refuse(protocol, f"{kafka.security_protocol} needs a {key}", f"set {PREFIX}KAFKA__{key.upper()}")
    else:
        for key, value in {**login, "sasl_mechanism": kafka.sasl_mechanism}.items():
            if value is not None:
                fault = f"is not used with security protocol {kafka.security_protocol}"
                layers.refuse(("kafka", key), fault, f"set {PREFIX}KAFKA__SECURITY_PROTOCOL=SASL_SSL, or remove it")
    if kafka.ca_file is None:
        return
    if not kafka.security_protocol.endswith("SSL"):
        fault = f"is not used with security protocol {kafka.security_protocol}"
        layers.refuse(("kafka", "ca_file"), fault, f"set {PREFIX}KAFKA__SECURITY_PROTOCOL=SSL, or remove it")
    elif not kafka.ca_file.is_file():
        layers.refuse(("kafka", "ca_file"), "there is no such file", "name the file of the authority, in PEM")
