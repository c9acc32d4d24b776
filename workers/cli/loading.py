"""Settings and files together, and what the service needs of them: for commands that act on what posts say."""

from typing import Any

from config.files import Files, load_all
from config.settings import Settings
from workers.cli.options import Options
from workers.cli.source_choice import extra_brands
from workers.runtime.errors_report import start_error_reports
from workers.runtime.redact import Redactor, secrets_of
from workers.runtime.service import ServiceOptions


def load(options: Options, *, quiet: bool = True, stage: str | None = None, **given: Any) -> tuple[Settings, Files]:
    """Settings and files in force, all faults at once. `stage`: of a worker; None for `run` and what is like it.

    `given` are the options of a source, which come before the environment. `quiet`: log warnings only, where nobody
    asked for more.
    """
    replay = {name: value for name, value in given.pop("replay", {}).items() if value is not None}
    chosen = {"config": options.config, "data": options.data, "replay": replay, **given}
    settings, files = load_all(
        {name: value for name, value in chosen.items() if value},
        lambda settings, policy: extra_brands(settings, policy, stage),
    )
    options.set_up_logging(settings, quiet=quiet)
    return settings, files


def service_options(settings: Settings, *, port: int, stay: bool) -> ServiceOptions:
    """How the service runs; error reports are on from here, where a DSN is set."""
    dsn = settings.sentry.dsn
    start_error_reports(dsn.get_secret_value() if dsn else None, Redactor(secrets_of(settings)))
    return ServiceOptions(
        host=settings.metrics.host,
        port=port if settings.metrics.port is None else settings.metrics.port,
        drain_seconds=settings.drain_seconds,
        stay_when_stopped=stay,
    )
