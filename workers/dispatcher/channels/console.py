"""The terminal, for a person; standard output is free for it, the log goes to standard error."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final, TextIO

from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.dispatcher.terminal import render

PRINT_SECONDS: Final = 10.0  # ours, the webhook's time-out: a terminal that takes nothing holds nobody up


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
