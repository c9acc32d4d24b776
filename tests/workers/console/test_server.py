"""The console's port: what was chosen is had or refused; what nobody chose gives way."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from config.settings import ConsoleSettings
from schemas.errors import ConfigurationError
from tests.workers.console.rig import PUBLIC, ConsoleClock, FixedFiles
from workers.console.inbound import Inbound
from workers.console.incident_view import IncidentView
from workers.console.server import ConsoleServer
from workers.incidents.links import NO_LINKS
from workers.store import Store


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another process listens at."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def server(store: Store, settings: ConsoleSettings) -> ConsoleServer:
    files: Any = FixedFiles(None)  # type: ignore[arg-type]  # nothing is shown here
    clock = ConsoleClock()
    return ConsoleServer(
        settings, IncidentView(store, files, NO_LINKS, clock, "en"), Inbound(store, files, clock), "en"
    )


async def test_a_port_that_was_chosen_and_is_taken_is_refused(store: Store, taken: int) -> None:
    with pytest.raises(
        ConfigurationError, match=f"127.0.0.1:{taken} .the port is in use by another process.*CONSOLE__PORT"
    ):
        await server(store, ConsoleSettings(port=taken)).start()


def unset(port: int, public_url: str | None = None) -> ConsoleSettings:
    """As if that were the usual port, and nobody had said anything of it."""
    return ConsoleSettings.model_construct({"public_url"}, port=port, public_url=public_url)


async def test_the_usual_port_gives_way_where_no_link_leads_to_it(store: Store, taken: int) -> None:
    second = server(store, unset(taken))
    await second.start()
    try:
        assert second.port not in {0, taken}
    finally:
        await second.stop()


async def test_the_usual_port_is_refused_where_links_lead_to_it(store: Store, taken: int) -> None:
    with pytest.raises(ConfigurationError, match="in use"):
        await server(store, unset(taken, PUBLIC)).start()
