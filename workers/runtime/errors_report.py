"""Error reports to Sentry: off until a DSN is set, and scrubbed of post text, secrets, variables and bodies."""

from typing import Any, Final, cast

import sentry_sdk
from sentry_sdk.transport import Transport
from sentry_sdk.types import Event, Hint

from workers.runtime.http_client import release
from workers.runtime.redact import Redactor

FLUSH_SECONDS: Final = 2.0
# What a stack frame may say. No variables and no source lines' surroundings: a literal there could be a post.
_FRAME_FIELDS: Final = frozenset({"filename", "abs_path", "function", "module", "lineno", "in_app"})
_EVENT_FIELDS: Final = frozenset(
    {
        "event_id",
        "timestamp",
        "level",
        "platform",
        "release",
        "environment",
        "exception",
        "tags",
        "sdk",
        "logger",
        "fingerprint",
        "transaction",
    }
)


def start_error_reports(dsn: str | None, redactor: Redactor, transport: type[Transport] | None = None) -> None:
    """Report errors to this DSN from here on; without one nothing is loaded, hooked or sent."""
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        release=f"hikeshi@{release()}",
        transport=transport,
        before_send=lambda event, _hint: scrub(event, _hint, redactor),
        before_breadcrumb=lambda _crumb, _hint: None,
        max_breadcrumbs=0,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        server_name="",
        traces_sample_rate=0.0,
        # Only what we hand over by `report`: the automatic hooks would send log lines, URLs and arguments.
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
    )


def report(error: BaseException, stage: str) -> None:
    """Send one error, if reports are on; never raises."""
    with sentry_sdk.new_scope() as scope:
        scope.set_tag("stage", stage)
        sentry_sdk.capture_exception(error)


def flush_error_reports() -> None:
    """Give reports under way a moment before the process ends."""
    sentry_sdk.flush(timeout=FLUSH_SECONDS)


def scrub(event: Event, _: Hint, redactor: Redactor) -> Event:
    """The event with what we chose to send and nothing else.

    An exception's type and place go, its words never: a decoder quotes its input, a database its parameters, and
    both may be a post. The words are in the log.
    """
    clean: dict[str, Any] = {name: value for name, value in event.items() if name in _EVENT_FIELDS}
    exceptions = (clean.get("exception") or {}).get("values") or []
    clean["exception"] = {"values": [_clean_exception(dict(one)) for one in exceptions]}
    clean["tags"] = {name: redactor.value(name, value) for name, value in (clean.get("tags") or {}).items()}
    return cast(Event, clean)


def _clean_exception(exception: dict[str, Any]) -> dict[str, Any]:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    return {
        "type": exception.get("type"),
        "module": exception.get("module"),
        "value": "",
        "stacktrace": {"frames": [{k: v for k, v in frame.items() if k in _FRAME_FIELDS} for frame in frames]},
    }
