"""The program's settings: one tree, from the environment, then `.env`, then `settings.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.faults import ConfigurationFaults
from config.fields import checked_web_address
from config.layers import PREFIX, Layers, read_layers
from config.refusals import refusal
from config.validation import Strict


class ReplaySettings(Strict):
    """A replay of a file: which, and how fast (`max`, or the recorded pace times a number)."""

    file: str | None = Field(default=None, examples=["posts.jsonl"])
    speed: Literal["max"] | float = Field(default="max", examples=["max"])

    @field_validator("speed", mode="before")
    @classmethod
    def _pace(cls, value: Any) -> Any:
        remedy = "write `max`, or how many times the recorded pace, for example `1` or `10`"
        if value == "max":
            return value
        if isinstance(value, bool):
            raise refusal("is neither `max` nor a number", remedy)
        try:
            speed = float(value)
        except (TypeError, ValueError):
            raise refusal("is neither `max` nor a number", remedy) from None
        if not 0 < speed < float("inf"):
            raise refusal("is no pace", remedy)
        return speed


class XSettings(Strict):
    """The account at X. Its token decides that posts come from there."""

    not_yet: ClassVar[Mapping[str, str]] = {
        "base_url": "the connection to X",
        "daily_posts": "the connection to X",
    }

    bearer_token: SecretStr | None = None


class KafkaSettings(Strict):
    """The Kafka cluster. `instance` makes the members of groups static, as `<instance>-<stage>`."""

    bootstrap_servers: str | None = Field(default=None, examples=["kafka:9092"])
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = Field(default=None, examples=["/etc/hikeshi/ca.pem"])
    instance: str | None = Field(default=None, examples=["node-1"])


class StoreSettings(Strict):
    """The store's address; unset: SQLite in the data folder. It may hold a password."""

    url: SecretStr | None = Field(default=None, examples=["postgresql://hikeshi@db/hikeshi"])

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        text = url.get_secret_value()
        scheme, separator, rest = text.partition("://")
        if (
            separator
            and rest
            and (scheme == "postgresql" or (scheme == "sqlite" and rest.startswith("/") and rest != "/"))
        ):
            return url
        fault = f"{scheme}:// is no kind of store" if separator else "is no address of a store"
        raise refusal(
            fault, "write `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; the driver is ours to choose"
        )


class SentrySettings(Strict):
    """Where errors are reported; off until set."""

    dsn: SecretStr | None = None


class MetricsSettings(Strict):
    """Where `/metrics`, `/healthz` and `/readyz` are served. Port unset: 8643 for `run`, else any free one."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, examples=[8643])

    @field_validator("port")
    @classmethod
    def _a_port(cls, port: int | None) -> int | None:
        if port is not None and not 0 <= port <= 65535:
            raise refusal(f"{port} is no port", "write 0 (any free one) to 65535")
        return port


class HeartbeatSettings(Strict):
    """The address that is called while all is well; it may hold a token."""

    url: SecretStr | None = Field(default=None, examples=["https://example.com/ping"])

    @field_validator("url")
    @classmethod
    def _address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            checked_web_address(url.get_secret_value())
        return url


class LogSettings(Strict):
    """What is logged to standard error, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"

    @field_validator("level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """All settings. `load_settings` reads them; made directly, it holds what it is given and nothing else."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    config: Path = Path("config")
    data: Path = Path("data")
    source: Literal["x", "sample", "replay"] | None = None
    replay: ReplaySettings = ReplaySettings()
    x: XSettings = XSettings()
    kafka: KafkaSettings = KafkaSettings()
    store: StoreSettings = StoreSettings()
    sentry: SentrySettings = SentrySettings()
    metrics: MetricsSettings = MetricsSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    language: Literal["en", "ja"] = "en"
    log: LogSettings = LogSettings()
    drain_seconds: float = Field(default=20.0, examples=[20])

    @property
    def mode(self) -> Literal["embedded", "kafka"]:
        """Which log and store the settings name: Kafka with PostgreSQL, else the embedded ones."""
        return "kafka" if self.kafka.bootstrap_servers else "embedded"

    @property
    def store_url(self) -> str:
        """The store's address, the default filled in. It may hold a password: never for a log or a message."""
        if self.store.url is not None:
            return self.store.url.get_secret_value()
        return f"sqlite:///{self.data / 'store.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, alone: the layers are read, with the place of each value, in `config.layers`."""
        return (init_settings,)


def load_settings(config: Path | None = None, data: Path | None = None, **overrides: Any) -> Settings:
    """The settings in force; ConfigurationFaults with every fault.

    `config`, `data` and the overrides (`source="replay"`, `replay={"file": …}`) come first, as the options of the
    command line do; None among them says nothing.
    """
    given = {name: value for name, value in {"config": config, "data": data, **overrides}.items() if value is not None}
    layers = read_layers(Settings, given)
    settings = layers.build()
    if settings is not None:
        _refuse_mixes(settings, layers)
    if layers.faults or settings is None:
        raise ConfigurationFaults(layers.faults)
    return settings


def _refuse_mixes(settings: Settings, layers: Layers[Settings]) -> None:
    """Kafka goes with PostgreSQL and the embedded log with SQLite: any other pair would lose what it is made for."""
    kafka = settings.kafka.bootstrap_servers is not None
    postgresql = settings.store_url.startswith("postgresql:")
    remedy = f"{{}} {PREFIX}STORE__URL=postgresql://…, {{}} {PREFIX}KAFKA__BOOTSTRAP_SERVERS"
    if kafka and not postgresql:
        place, fault = ("kafka", "bootstrap_servers"), "Kafka is set without PostgreSQL"
        layers.refuse(place, fault, remedy.format("set", "or remove"))
    elif postgresql and not kafka:
        place, fault = ("store", "url"), "PostgreSQL is set without Kafka"
        layers.refuse(place, fault, remedy.format("remove", "or set"))
