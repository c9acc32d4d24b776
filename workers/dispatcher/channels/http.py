"""One call of a provider over HTTP: bounded in time and size, its errors turned into ours."""

import email.utils
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import aiohttp

from workers.dispatcher.outcome import Result, classify
from workers.runtime.clock import Clock

MAX_DIGITS: Final = 9  # of a Retry-After in seconds: thirty years are as good as any more
# Ours: what a provider says fits into this; it must not be able to fill our memory.
MAX_ANSWER_BYTES: Final = 65_536
MAX_DETAIL: Final = 200  # ours, of a provider's own words in a failure


class Reply(NamedTuple):
    """What a provider answered, or the failure to get any answer."""

    status: int = 0
    data: Any = None
    """The JSON of its body; None where there is none."""
    retry_after_seconds: float | None = None
    unanswered: Result | None = None

    @property
    def result(self) -> Result:
        """By the status alone."""
        if self.unanswered is not None:
            return self.unanswered
        return Result(classify(self.status), f"HTTP {self.status}", self.retry_after_seconds)

    def field(self, *path: str) -> Any:
        """A value in the body by its path; None where it is not there."""
        value = self.data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def saying(self, words: Any) -> Result:
        """The result by the status, with the provider's own words."""
        result = self.result
        said = " ".join(str(words).split())[:MAX_DETAIL] if words and self.unanswered is None else ""
        return result._replace(detail=f"{result.detail}: {said}") if said else result


async def call(
    client: aiohttp.ClientSession,
    clock: Clock,
    url: str,
    payload: Any,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
) -> Reply:
    """Send JSON (None: nothing), read the answer. Never raises for what the other side does."""
    body = None if payload is None else json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    sent = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    try:
        async with client.request(method, url, data=body, headers=sent, allow_redirects=False) as answer:
            raw = await _beginning(answer.content)
            waits = retry_after_seconds(answer.headers.get("Retry-After"), clock.now())
            return Reply(answer.status, _decoded(raw), waits)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return Reply(unanswered=failure_of(error))


def failure_of(error: Exception) -> Result:
    """The failure to get an answer. Only its class is told: the text of some of these holds the URL, and so a token."""
    if isinstance(error, TimeoutError):
        return Result("timed_out", "no answer in time")
    if isinstance(error, aiohttp.InvalidURL):
        return Result("client", "the URL is not valid")
    return Result("server", f"could not be reached ({type(error).__name__})")


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    raw = bytearray()
    async for chunk in content.iter_chunked(16_384):
        raw += chunk
        if len(raw) > MAX_ANSWER_BYTES:
            break
    return bytes(raw)


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):  # no JSON, or nested as nobody nests it
        return None


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After asks for: a number, or a date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    seconds = value.strip()
    if seconds.isascii() and seconds.isdigit():
        return float(seconds[:MAX_DIGITS])
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
