"""A webhook: the contract's JSON, with its idempotency key and, where there is a secret, a signature."""

import hashlib
import hmac

import aiohttp

from config.routes import Webhook
from workers.dispatcher.channels.http import failure_of, retry_after_seconds
from workers.dispatcher.outcome import Result, classify
from workers.dispatcher.style import Style
from workers.runtime.clock import Clock


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
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return failure_of(error)


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """`t=<unix>,v1=<hex hmac-sha256 of "t.body">`, so that a receiver can tell who sent it, and when."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
