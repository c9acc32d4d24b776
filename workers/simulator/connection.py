"""One open stream: what waits to be sent on it, and why it is to end."""

import asyncio
from collections import deque

from workers.simulator.post import Post
from workers.simulator.rules import Rule


class Connection:
    """The server's side of a stream. `ending`: the disconnect type that it is to end with."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.queue: deque[tuple[Post, list[Rule]]] = deque()
        self.wake = asyncio.Event()
        self.ending: str | None = None

    def put(self, post: Post, rules: list[Rule], most: int) -> None:
        """Let a post be sent; a client that does not read fast enough is a slow reader."""
        if len(self.queue) >= most:
            self.end("SlowReader")
        else:
            self.queue.append((post, rules))
            self.wake.set()

    def end(self, disconnect_type: str) -> None:
        """Let it end, saying why."""
        self.ending = self.ending or disconnect_type
        self.wake.set()

    async def wait(self, seconds: float) -> None:
        """Until something changes, or so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            return
        self.wake.clear()
