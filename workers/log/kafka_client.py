"""How we talk to Kafka: aiokafka's options from the settings, a deadline on every await, its errors made ours."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiokafka import errors
from aiokafka.helpers import create_ssl_context

from config.settings import KafkaSettings
from schemas.errors import ConfigurationError, FencedError, HikeshiError, StopError, UnavailableError

T = TypeVar("T")

# All limits here are ours. A group member that died is replaced after the session time-out; work on the event loop
# for longer than this would lose the partitions of a living one.
SESSION_SECONDS: Final = 6.0
HEARTBEATS_PER_SESSION: Final = 6  # a member hears of a rebalance at its next heartbeat: within a second
REVOKE_SECONDS: Final = 5.0  # for `on_revoked`: finish or drop what is in flight
REBALANCE_SECONDS: Final = 10.0  # how long the group waits for a member's `on_revoked` before it goes on without it
JOIN_SECONDS: Final = 30.0  # a join waits for the session of a dead member and for others' `on_revoked`
# Kafka restarted after kill -9 acknowledges again after 14 s by default (broker.session.timeout.ms 9 s). Given up
# earlier, the same records would be written again beside those that the client still holds and delivers.
PRODUCE_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 15.0  # one request to a broker; above REBALANCE_SECONDS, since a join is one request
COMMIT_SECONDS: Final = 10.0
QUERY_SECONDS: Final = 10.0  # offsets, lag, topics
CLOSE_SECONDS: Final = 8.0  # within HIKESHI_DRAIN_SECONDS (20) for a consumer and the producer after it
RETRY_SECONDS: Final = 0.1

_CONFIGURATION_ERRORS = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.PolicyViolationError,
    errors.InvalidConfigurationError,
    errors.InvalidReplicationFactorError,
    errors.InvalidTopicError,
    errors.IncompatibleBrokerVersion,
    errors.InvalidSessionTimeoutError,
)
_FENCED_ERRORS = (
    errors.CommitFailedError,
    errors.IllegalStateError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
    errors.RebalanceInProgressError,
)
_TOO_LARGE_ERRORS = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


def options(settings: KafkaSettings) -> dict[str, Any]:
    """What every client of aiokafka is made with."""
    secure = settings.security_protocol in ("SSL", "SASL_SSL")
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": f"hikeshi-{settings.instance}" if settings.instance else "hikeshi",
        "security_protocol": settings.security_protocol,
        "ssl_context": _ssl_context(settings) if secure else None,
        "sasl_mechanism": settings.sasl_mechanism or "PLAIN",
        "sasl_plain_username": settings.username,
        "sasl_plain_password": settings.password.get_secret_value() if settings.password else None,
        "request_timeout_ms": int(REQUEST_SECONDS * 1000),
        "retry_backoff_ms": int(RETRY_SECONDS * 1000),
    }


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"kafka.ca_file: {settings.ca_file} can't be read ({error}); name a PEM file of certificates"
        ) from error
    return context


def translate(error: BaseException, doing: str) -> HikeshiError:
    """The one place where aiokafka's errors become ours."""
    if isinstance(error, HikeshiError):
        return error
    if isinstance(error, _FENCED_ERRORS):
        return FencedError(f"{doing}: the group has given these partitions to another member")
    if isinstance(error, _TOO_LARGE_ERRORS):
        return StopError(
            f"{doing}: the broker refuses a size that the topic's settings should allow; "
            "`hikeshi topics create` sets max.message.bytes anew"
        )
    if isinstance(error, _CONFIGURATION_ERRORS):
        return ConfigurationError(f"{doing}: Kafka refuses it ({error})")
    if isinstance(error, errors.UnknownTopicOrPartitionError):
        return UnavailableError(f"{doing}: the topic does not exist yet; `hikeshi init` creates it")
    if isinstance(error, TimeoutError):
        return UnavailableError(f"{doing}: Kafka did not answer in time")
    # Whatever else a broker or the client may say: nothing may be skipped for it, so it is waited out, visibly.
    return UnavailableError(f"{doing}: {type(error).__name__}: {error}".rstrip(": "))


# What aiokafka raises when it can't do as asked. ConsumerStoppedError and IllegalOperation are no KafkaError.
CLIENT_ERRORS = (errors.KafkaError, errors.ConsumerStoppedError, errors.IllegalOperation, OSError)


async def bounded(awaitable: Awaitable[T], seconds: float, doing: str) -> T:
    """Await it for so long at most; `doing` says in an error's text what was wanted."""
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except CLIENT_ERRORS as error:  # TimeoutError is an OSError
        raise translate(error, doing) from error


async def retried(ask: Callable[[], Awaitable[T]], seconds: float, doing: str) -> T:
    """Ask until it works: a broker that has just started or lost a leader refuses for a moment what it soon answers."""

    async def until_answered() -> T:
        while True:
            try:
                return await ask()
            except errors.KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    return await bounded(until_answered(), seconds, doing)


async def stop_client(stop: Awaitable[None], client: Any) -> None:
    """Stop a producer or consumer; if that hangs or fails, cut its connections. Bounded, never raises."""
    with contextlib.suppress(Exception):  # whatever it is: it is given up, and its connections are closed below
        await bounded(stop, CLOSE_SECONDS, "leave Kafka")
        return
    with contextlib.suppress(Exception):
        await bounded(client.close(), 1.0, "disconnect from Kafka")
