"""The options that every command takes, and the settings that come of them."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from config.settings import Settings, load_settings
from workers.cli.state import State
from workers.runtime.logging import configure_logging
from workers.runtime.redact import Redactor, secrets_of

LEVELS = ("debug", "info", "warning", "error")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Options:
    """Where the files are and how much is logged."""

    config: Path | None
    data: Path | None
    log_level: str | None
    state: State

    def settings(self, *, quiet: bool = True, **overrides: Any) -> Settings:
        """The settings in force; logging is set up by them. `quiet`: warnings only, where nobody asked for more."""
        settings = load_settings(self.config, self.data, **overrides)
        level = self.log_level or ("warning" if quiet and settings.log.level == "info" else settings.log.level)
        self.state.debug = self.state.debug or level == "debug"
        configure_logging(level, settings.log.format, secrets=secrets_of(settings))
        return settings

    def redactor(self, settings: Settings) -> Redactor:
        """Takes this run's secrets out of text."""
        return Redactor(secrets_of(settings))


def common_options(function: Function) -> Function:
    """Adds `--config`, `--data` and `--log-level`; the command gets them as one `options`."""

    @click.option("--config", type=click.Path(path_type=Path), help="Folder of brands.yaml and routes.yaml. [./config]")
    @click.option("--data", type=click.Path(path_type=Path), help="Folder of the embedded log and store. [./data]")
    @click.option("--log-level", type=click.Choice(LEVELS), help="How much to log, to standard error.")
    @functools.wraps(function)
    def with_options(*, config: Path | None, data: Path | None, log_level: str | None, **others: Any) -> Any:
        state = click.get_current_context().ensure_object(State)
        state.debug = log_level == "debug" or os.environ.get("HIKESHI_LOG__LEVEL", "").lower() == "debug"
        return function(options=Options(config, data, log_level, state), **others)

    return cast(Function, with_options)
