"""Logging: structlog for us and for the libraries, to standard error, as JSON or for a console."""

import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from workers.runtime.metrics import LOG_LINES_SUPPRESSED
from workers.runtime.redact import Redactor

# Ours: aiokafka logs an error every 100 ms while a broker is away; the first few of a minute say it all.
LINES_PER_MINUTE: Final = 3
_WINDOW_SECONDS: Final = 60.0
_OUR_PACKAGES: Final = frozenset({"schemas", "config", "workers", "hikeshi"})
# asyncio's debug chatter is about its selector; alembic tells at each start that there was nothing to do.
# tweepy's shows whole requests, the bearer token among them; apprise's and urllib3's the addresses, which hold tokens.
_QUIET: Final = {
    "asyncio": logging.INFO, "alembic": logging.WARNING, "tweepy": logging.INFO, "apprise": logging.INFO,
    "urllib3": logging.INFO,
}  # fmt: skip
_POST_TEXT_FIELDS: Final = frozenset({"text", "post", "posts", "body", "payload", "record"})


class ThirdPartyLimit(logging.Filter):
    """Lets so many lines a minute through from each place in a library; the next one tells how many were cut."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._places: dict[tuple[str, int], _Place] = {}  # bounded by the log statements that the libraries have

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line goes out."""
        package = record.name.partition(".")[0]
        if package in _OUR_PACKAGES:
            return True
        place = self._places.setdefault((record.name, record.lineno), _Place())
        now = self._now()
        if now - place.window_start >= _WINDOW_SECONDS:
            place.window_start, place.lines = now, 0
        place.lines += 1
        if place.lines > LINES_PER_MINUTE:
            place.suppressed += 1
            LOG_LINES_SUPPRESSED.labels(package).inc()
            return False
        if place.suppressed:
            record.suppressed = place.suppressed
            place.suppressed = 0
        return True


class _Place:
    __slots__ = ("lines", "suppressed", "window_start")

    def __init__(self) -> None:
        self.window_start, self.lines, self.suppressed = float("-inf"), 0, 0


def configure_logging(
    level: str = "info",
    form: Literal["console", "json"] = "console",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up logging of the whole process: ours and the libraries', one handler, one format. May be called again."""
    output = stream or sys.stderr
    redactor = Redactor(secrets)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        _without_post_text,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.addFilter(ThirdPartyLimit())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder(["suppressed"])],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redacting(redactor),
                _renderer(form, output),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.getLevelNamesMapping()[level.upper()])
    for name, lowest in _QUIET.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
    logging.captureWarnings(True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `_log = get_logger(__name__)`. Events are verbs in the past: `mention_published`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _without_post_text(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A post's text is for debugging alone: whatever level a careless line has, the text goes only at debug."""
    if method != "debug":
        for field in _POST_TEXT_FIELDS & event.keys():
            del event[field]
    return event


def _redacting(redactor: Redactor) -> Processor:
    def process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {name: redactor.value(name, value) for name, value in event.items()}

    return process


def _renderer(form: str, output: TextIO) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=_plain)
    return structlog.dev.ConsoleRenderer(
        colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )


def _plain(value: Any) -> str:
    """What JSON has no form for: a file path, a time, an exception."""
    return str(value)
