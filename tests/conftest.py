"""Which tests can run on this machine, the servers they share, and whether a run tested all that it had to."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.environment import NEEDS, required
from tests.support.kafka import KafkaBroker
from tests.support.postgres import Database, PostgresServer
from tests.support.sink import Sink

# How long an example takes says how loaded the machine is: nothing that a test may fail by.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_passed_needs = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Our settings come from the environment: a developer's own must not reach a test."""
    config.stash[_passed_needs] = set()
    for name in [name for name in os.environ if name.startswith("HIKESHI_")]:
        del os.environ[name]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip with the reason what the machine can't run; fail it where the run was told that it must."""
    for need, missing in NEEDS.items():
        if item.get_closest_marker(need) is None:
            continue
        if reason := missing():
            if need in required():
                pytest.fail(f"required here, but {reason}", pytrace=False)
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which needs had a test that passed."""
    report = yield
    if report.when == "call" and report.passed:
        item.config.stash[_passed_needs].update(need for need in NEEDS if item.get_closest_marker(need))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that had to test against a real server and didn't has failed, whatever else passed."""
    if _untested(session.config) and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the run should have tested and did not."""
    for need in _untested(config):
        terminalreporter.write_line(f"FAILED: no test marked `{need}` passed, and TEST_REQUIRE asks for it", red=True)


def _untested(config: pytest.Config) -> list[str]:
    passed = config.stash[_passed_needs]
    return [need for need in required() if need not in passed]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One real PostgreSQL server for the run, with fsync on, stopped at its end."""
    server = PostgresServer.create()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh, empty database for this test. Mark the test `postgres`."""
    postgres_server.start()
    database = postgres_server.create_database()
    try:
        yield database
    finally:
        postgres_server.start()  # a test may have stopped or killed it
        database.drop()


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """One real Kafka broker for the run, stopped at its end."""
    broker = KafkaBroker()
    try:
        yield broker
    finally:
        broker.remove()


@pytest.fixture
def kafka(kafka_broker: KafkaBroker) -> KafkaBroker:
    """The run's broker, up. Mark the test `kafka`; take topics and groups by names of its own."""
    kafka_broker.start()  # a test may have stopped or killed it
    return kafka_broker


@pytest.fixture
def fresh_broker() -> Iterator[KafkaBroker]:
    """A Kafka broker of this test's own, without topics. Mark the test `kafka`."""
    broker = KafkaBroker()
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A webhook receiver without a secret; whatever it did not expect fails the test at its end."""
    with Sink() as receiver:
        yield receiver
    assert not receiver.faults, receiver.faults


@pytest.fixture
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent
