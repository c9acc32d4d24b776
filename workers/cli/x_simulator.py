"""`hikeshi x-simulator`: a server that stands for X, for whoever has no account or wants to see what X can do wrong."""

import asyncio
import contextlib
import os
import shlex
import signal
from typing import Final, Literal

import click

from schemas.errors import ConfigurationError
from workers.simulator.options import MOST_A_SECOND, TOKEN, Options
from workers.simulator.server import Simulator
from workers.simulator.world import Handled

DEFAULT_PORT: Final = 8650
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; by default nobody but this machine reaches it.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--pace",
    type=click.FloatRange(0, MOST_A_SECOND),
    default=1.0,
    show_default=True,
    metavar="POSTS_PER_SECOND",
    help="How many posts to invent; 0: only those that you write.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=1.0,
    show_default=True,
    help="Divides X's own waiting times: heartbeats, rate limits, search's lag.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, other posts.")
@click.option(
    "--word",
    "words",
    multiple=True,
    metavar="WORD",
    help="What invented posts are about; may be repeated. [what the stream's rules ask for]",
)
@click.option(
    "--second",
    type=click.Choice(["refuse", "close-first"]),
    default="refuse",
    show_default=True,
    help="What becomes of a second connection to the stream.",
)
@click.option(
    "--spelling",
    type=click.Choice(["tweet", "post", "both"]),
    default="both",
    show_default=True,
    help="The parameter names that search and look-up take: X is renaming them.",
)
@click.option("--no-stream", is_flag=True, help="Play an account whose plan has no stream.")
def command(
    host: str,
    port: int,
    pace: float,
    speed: float,
    seed: int,
    words: tuple[str, ...],
    second: Literal["refuse", "close-first"],
    spelling: Literal["tweet", "post", "both"],
    no_stream: bool,
) -> int:
    """Play X on this machine: filtered stream, rules, search, look-up, counts, usage, compliance.

    Posts are invented, in Japanese and English, about whatever your rules ask for; nobody real wrote them, nothing is
    billed, nothing leaves this machine. All is forgotten when it ends.

    \b
    In one terminal:
      hikeshi x-simulator
    In another, with the two variables that it prints:
      HIKESHI_X__BASE_URL=http://127.0.0.1:8650 HIKESHI_X__BEARER_TOKEN=simulator hikeshi run
    In a third, see what happens when X falls silent, and what else can go wrong:
      curl -X POST http://127.0.0.1:8650/_control/faults -d '{"fault": "stall"}'
      curl http://127.0.0.1:8650/_control

    Ends with Ctrl-C.
    """
    options = Options(
        speed=speed, seed=seed, pace=pace, words=words, second=second, spelling=spelling, streaming=not no_stream
    )
    asyncio.run(_serve(Simulator(options, host=host, port=port), host, port))
    return 0


async def _serve(simulator: Simulator, host: str, port: int) -> None:
    try:
        await simulator.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(
            f"can't listen on {host}:{port} ({reason.lower()}): choose another with --host and --port"
        ) from error
    try:
        if host not in _LOOPBACK:
            click.echo("Others can reach this simulator: whoever knows its token, which is no secret.", err=True)
        _teach(simulator.url)
        simulator.world.on_handled = _tell
        await _asked_to_stop()
    finally:
        await simulator.stop()


def _teach(url: str) -> None:
    click.echo(f"X is simulated at {url}. In another terminal, in the folder of your config/:\n")
    click.echo(f"  export HIKESHI_X__BASE_URL={shlex.quote(url)}")
    click.echo(f"  export HIKESHI_X__BEARER_TOKEN={TOKEN}")
    click.echo("  hikeshi run\n")
    click.echo(f"What can go wrong, and how to let it: curl {url}/_control")
    click.echo("Requests follow as they come; Ctrl-C ends.")


def _tell(request: Handled) -> None:
    click.echo(f"{request.method} {request.endpoint} {request.status or 'no answer'}", err=True)


async def _asked_to_stop() -> None:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on every system
            loop.add_signal_handler(number, asked.set)
    await asked.wait()
