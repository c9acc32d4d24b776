"""The channels: thin edges that hand a frozen notification to its receiver and say how that went."""

import asyncio
import email.utils
import hashlib
import hmac
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

import aiohttp

from config.routes import Receiver, Webhook
from workers.dispatcher.outbox import Style
from workers.dispatcher.outcome import Result, classify
from workers.dispatcher.terminal import render
from workers.runtime.clock import Clock

MAX_DIGITS: Final = 9  # of a Retry-After in seconds: thirty years are as good as any more
PRINT_SECONDS: Final = 10.0  # ours, the webhook's time-out: a terminal that takes nothing holds nobody up


class Channel(Protocol):
    """A way to reach a receiver."""

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:
        """One attempt, bounded in time; never raises for what the other side does."""


class WebhookChannel:
    """POSTs the body, with its idempotency key and, where there is a secret, a signature."""

    def __init__(self, webhook: Webhook, client: aiohttp.ClientSession, clock: Clock) -> None:
        self._webhook, self._client, self._clock = webhook, client, clock

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  a program reads it
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if trace is not None:
            headers["traceparent"] = trace
        if self._webhook.secret is not None:
            secret = self._webhook.secret.get_secret_value()
            headers["Hikeshi-Signature"] = sign(body, secret, int(self._clock.now().timestamp()))
        try:
            # The answer's body is not read: a receiver must not be able to fill our memory.
            async with self._client.post(
                self._webhook.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                waits = retry_after_seconds(answer.headers.get("Retry-After"), self._clock.now())
                return Result(classify(answer.status), f"HTTP {answer.status}", waits)
        except TimeoutError:
            return Result("timed_out", "no answer in time")
        except aiohttp.InvalidURL:
            return Result("client", "the URL is not valid")
        except (aiohttp.ClientError, OSError) as error:
            # Only the class: the text of some of these holds the URL, which may hold a token.
            return Result("server", f"could not be reached ({type(error).__name__})")


class ConsoleChannel:
    """Prints for a person; standard output is free for it, the log goes to standard error."""

    def __init__(self, out: Callable[[], TextIO] = lambda: sys.stdout) -> None:
        self._out = out
        self._printing: asyncio.Future[None] | None = None

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  of no use to a terminal
        text = render(body, style.language, style.timezone)
        try:
            if self._printing is not None and not self._printing.done():
                return Result("timed_out", "the terminal has not taken the last one yet")
            self._printing = asyncio.get_running_loop().run_in_executor(None, self._print, text)
            await asyncio.wait_for(asyncio.shield(self._printing), PRINT_SECONDS)
        except TimeoutError:
            return Result("timed_out", "the terminal takes nothing")
        except (OSError, ValueError) as error:  # a closed pipe
            return Result("server", f"the terminal took nothing ({type(error).__name__})")
        return Result("delivered")

    def _print(self, text: str) -> None:
        out = self._out()
        out.write(text)
        out.flush()


def open_channel(receiver: Receiver, client: aiohttp.ClientSession, clock: Clock) -> Channel:
    """The channel of a receiver of the policy."""
    if receiver.webhook is not None:
        return WebhookChannel(receiver.webhook, client, clock)
    return ConsoleChannel()


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """`t=<unix>,v1=<hex hmac-sha256 of "t.body">`, so that a receiver can tell who sent it, and when."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


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
