"""What a channel works with: the one HTTP client, the clock, the templates, and what it has sent before."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

import aiohttp
from pydantic import SecretStr

from config.templates import Templates
from schemas.errors import ConfigurationError
from workers.dispatcher.outcome import Result
from workers.runtime.clock import Clock
from workers.runtime.errors_report import report
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

Ref = Mapping[str, Any]
"""What a provider calls a message of ours, as the channel needs it to find the message again."""


class Book(Protocol):
    """What a receiver has been sent of an incident before."""

    async def main(self, incident: str) -> Ref | None:
        """The incident's own message, on which the others hang."""


class NoBook:
    """Where nothing is remembered: a test message of `check --send`."""

    async def main(self, incident: str) -> Ref | None:  # noqa: ARG002  the protocol's
        """None."""
        return None


class Tools(NamedTuple):
    """`templates` is asked each time: the user's files may change."""

    client: aiohttp.ClientSession
    clock: Clock
    templates: Callable[[], Templates]
    book: Book


def needed(secret: SecretStr | None, name: str) -> str:
    """A secret without which there is no channel. The file is refused without it: who fails here has not read it."""
    if secret is None:
        raise ConfigurationError(f"{name} is missing")
    return secret.get_secret_value()


async def answer_of(receiver: str, call: Callable[[], Awaitable[Result]]) -> Result:
    """What came of a channel's call: its own defect counts as its failure, or it would block all of its receiver."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001  as said
        _log.error("channel_failed", receiver=receiver, exc_info=error)
        report(error, "channel")
        return Result("server", f"a defect of ours ({type(error).__name__})")
