"""How aiokafka's errors become ours, and what its clients are made with."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import errors
from pydantic import SecretStr

from config.settings import KafkaSettings
from schemas.errors import ConfigurationError, FencedError, HikeshiError, StopError, UnavailableError
from schemas.topics import MENTIONS
from tests.support.ports import free_port
from workers.log.contract import Outgoing
from workers.log.kafka import KafkaLog
from workers.log.kafka_client import bounded, options, translate


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (errors.KafkaConnectionError("gone"), UnavailableError),
        (errors.NodeNotReadyError(), UnavailableError),
        (errors.KafkaTimeoutError(), UnavailableError),
        (errors.RequestTimedOutError(), UnavailableError),
        (errors.NotLeaderForPartitionError(), UnavailableError),
        (errors.NotEnoughReplicasError(), UnavailableError),
        (errors.KafkaStorageError(), UnavailableError),
        (errors.UnknownTopicOrPartitionError(), UnavailableError),
        (errors.OutOfOrderSequenceNumber(), UnavailableError),
        (errors.ProducerClosed(), UnavailableError),
        (errors.ConsumerStoppedError(), UnavailableError),
        (TimeoutError(), UnavailableError),
        (ConnectionResetError(), UnavailableError),
        (errors.CommitFailedError(), FencedError),
        (errors.IllegalStateError("not assigned"), FencedError),
        (errors.UnknownMemberIdError(), FencedError),
        (errors.MessageSizeTooLargeError(), StopError),
        (errors.TopicAuthorizationFailedError("t"), ConfigurationError),
        (errors.AuthenticationFailedError("no"), ConfigurationError),
        (errors.InvalidReplicationFactorError(), ConfigurationError),
    ],
)
def test_each_error_says_what_the_caller_must_do(error: Exception, ours: type[HikeshiError]) -> None:
    translated = translate(error, "write to t")
    assert type(translated) is ours
    assert str(translated).startswith("write to t")


async def test_nothing_is_awaited_for_ever() -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="did not answer in time"):
        await bounded(asyncio.Event().wait(), 0.05, "wait")
    assert time.monotonic() - began < 1


def test_options_carry_the_credentials_and_nothing_is_guessed(tmp_path: Path) -> None:
    plain = options(KafkaSettings(bootstrap_servers="a:1,b:2"))
    assert plain["bootstrap_servers"] == "a:1,b:2"
    assert (plain["security_protocol"], plain["ssl_context"]) == ("PLAINTEXT", None)
    secure = options(
        KafkaSettings(
            bootstrap_servers="a:1",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            username="u",
            password=SecretStr("p"),
        )
    )
    assert (secure["sasl_mechanism"], secure["sasl_plain_username"], secure["sasl_plain_password"]) == (
        "SCRAM-SHA-512",
        "u",
        "p",
    )
    assert secure["ssl_context"].check_hostname
    with pytest.raises(ConfigurationError, match="ca_file"):
        options(KafkaSettings(bootstrap_servers="a:1", security_protocol="SSL", ca_file=tmp_path / "missing.pem"))


async def test_without_a_broker_everything_says_so_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("kafka", "kafka_topics", "kafka_producer", "kafka_consumer"):
        monkeypatch.setattr(f"workers.log.{module}.QUERY_SECONDS", 0.5)
    monkeypatch.setattr("workers.log.kafka_topics.CREATE_SECONDS", 0.5)
    log = KafkaLog(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    for attempt in (
        log.create_topics([MENTIONS]),
        log.partitions(MENTIONS),
        log.produce(MENTIONS, [Outgoing(0, b"k", b"v")]),
        log.consumer(MENTIONS, "g"),
        log.offsets(MENTIONS),
        log.committed(MENTIONS, "g"),
    ):
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await attempt
        assert time.monotonic() - began < 2
    await log.close()
