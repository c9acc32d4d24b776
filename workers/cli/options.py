"""The options that every command takes, and the settings that come of them."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from config.durations import parse_duration
from config.settings import Settings, load_settings
from workers.cli.state import State
from workers.runtime.logging import configure_logging
from workers.runtime.redact import secrets_of

LEVELS = ("debug", "info", "warning", "error")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Options:
    """Where the files are and how much is logged."""

    config: Path | None
    data: Path | None
    log_level: str | None
    state: State

    def settings(self) -> Settings:
        """The settings in force; logging is set up by them."""
        settings = load_settings(self.config, self.data)
        self.set_up_logging(settings, quiet=True)
        return settings

    def set_up_logging(self, settings: Settings, *, quiet: bool) -> None:
        """Log by these settings. `quiet`: warnings only, where nobody asked for more."""
        level = self.log_level or ("warning" if quiet and settings.log.level == "info" else settings.log.level)
        self.state.debug = self.state.debug or level == "debug"
        configure_logging(level, settings.log.format, secrets=secrets_of(settings))


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


def source_options(function: Function) -> Function:
    """Adds `--source`, `--file` and `--speed`."""
    for decorate in (
        click.option(
            "--speed", metavar="N|max", help="For a replay: the recorded pace times N, or flat out (max, the default)."
        ),
        click.option("--file", metavar="F|-", help="For a replay: the file, or - for standard input."),
        click.option(
            "--source", type=click.Choice(["x", "sample", "replay"]), help="Where posts come from; see below for which."
        ),
    ):
        function = decorate(function)
    return function


def duration(_: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A click callback: `10m` -> 600.0; None where it may be left out and is."""
    if value is None:
        return None
    try:
        return parse_duration(value).total_seconds()
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error
