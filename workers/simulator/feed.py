"""What goes down one stream: posts, heartbeats, X's own messages, and the faults that befall them."""

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from workers.simulator.connection import Connection
from workers.simulator.faults import Fault, Scope
from workers.simulator.post import Post
from workers.simulator.problems import connection_issue, disconnect, not_found
from workers.simulator.render import Renderer
from workers.simulator.rules import Rule
from workers.simulator.view import View
from workers.simulator.world import World

HUGE_LINE_BYTES: Final = 700 * 1024
_HEARTBEAT: Final = b"\r\n"
_PIECE_BYTES: Final = 16  # of a trickle
_TRICKLE_SECONDS: Final = 1.0  # between two pieces; scaled
_BETWEEN_PIECES_SECONDS: Final = 0.01  # real: enough that the pieces of a line are read one by one
_LOOK_SECONDS: Final = 0.02  # real: how often a silent connection looks whether it may speak again
_DISCONNECTS: Final = frozenset(
    {
        Fault.OPERATIONAL_DISCONNECT,
        Fault.UPSTREAM_DISCONNECT,
        Fault.FORCE_DISCONNECT,
        Fault.SLOW_READER,
        Fault.INTERNAL_ERROR,
        Fault.STATE_DEGRADED,
        Fault.INVALID_RULES,
    }
)
_ISSUE: Final = "issue-"


class Feed:
    """Runs one connection until somebody ends it."""

    def __init__(self, world: World, connection: Connection, shown: View, response: web.StreamResponse) -> None:
        self._world, self._connection, self._response = world, connection, response
        self._renderer = Renderer(world.archive, shown)
        self._written = world.clock.monotonic()
        self._held: tuple[Post, bytes] | None = None
        self._left_out = 0

    async def run(self) -> bool:
        """Send until the end. False: the client must find the transport closed, without a word."""
        connection, plan = self._connection, self._world.plan
        while True:
            if connection.ending is not None:
                await self._message({"errors": [disconnect(connection.ending)]})
                return True
            if plan.holds(Fault.STALL, connection.number):
                await connection.wait(_LOOK_SECONDS)
            elif (fault := plan.take(Scope.MESSAGE)) is not None:
                if await self._suffer(fault):
                    return True
            elif self._world.meter.exhausted:
                connection.end("OperationalDisconnect")
            elif connection.queue:
                if not await self._post(*connection.queue.popleft()):
                    return False
            else:
                await self._idle()

    async def _idle(self) -> None:
        left = self._written + self._world.options.heartbeat_seconds - self._world.clock.monotonic()
        if left > 0:
            await self._connection.wait(left)
            return
        await self._release()
        await self._write(_HEARTBEAT)

    async def _suffer(self, fault: Fault) -> bool:
        """Send what the fault says; True when the stream ends with it."""
        if fault is Fault.CLOSE:
            return True
        if fault is Fault.BAD_JSON:
            await self._write(b'{"data":{"id":"1","text":\r\n')
        elif fault is Fault.UNKNOWN_MESSAGE:
            await self._message({"warning": {"code": "FALLING_BEHIND", "percent_full": 60}})
        elif fault in _DISCONNECTS:
            await self._message({"errors": [disconnect(fault.label)]})
            return True
        else:
            issue = fault.label.removeprefix(_ISSUE)
            await self._message({"errors": [connection_issue(0, issue, f"The stream ends: {issue}.").body]})
            return True
        await asyncio.sleep(_LOOK_SECONDS)  # a fault without end is not a flood
        return False

    async def _post(self, post: Post, rules: list[Rule]) -> bool:
        """Send a post; False when the connection broke over it."""
        plan, number = self._world.plan, self._connection.number
        if plan.holds(Fault.HEARTBEATS_ONLY, number):
            return True
        if plan.holds(Fault.HALF_VOLUME, number):
            self._left_out += 1
            if self._left_out % 2:
                return True
        fault = plan.take(Scope.LINE)
        line = self._line(post, rules, fault)
        if fault is Fault.OUT_OF_ORDER and self._held is None:
            self._held = (post, line)
            return True
        if fault is Fault.CUT_MID_LINE:
            await self._write(line[: len(line) // 2])
            return False
        if fault is Fault.SPLIT_UTF8:
            await self._write_split(line)
        elif plan.holds(Fault.SLOW_TRICKLE, number):
            await self._trickle(line)
        else:
            await self._write(line)
        self._count(post)
        if fault is Fault.DUPLICATE:
            await self._write(line)
            self._count(post)
        await self._release()
        if fault is Fault.EDITED:
            self._world.edit(post, post.text + (" (edited)" if post.text.isascii() else "（追記）"))
        elif fault is Fault.DELETED:
            self._world.remove(post.id)
        return True

    def _line(self, post: Post, rules: list[Rule], fault: Fault | None) -> bytes:
        answer = self._renderer.answer([post])
        message: dict[str, Any] = {"data": answer.pop("data")[0], **answer}
        tagged = fault is not Fault.NO_TAG
        message["matching_rules"] = [
            {"id": rule.id} | ({"tag": rule.tag} if rule.tag is not None and tagged else {}) for rule in rules
        ]
        if fault is Fault.DATA_WITH_ERRORS:
            message.setdefault("errors", []).append(not_found("referenced_tweets.id", "1"))
        if fault is Fault.HUGE_LINE:
            filler = "x" * (HUGE_LINE_BYTES - len(msgspec.json.encode(message)))
            message["data"]["context_annotations"] = [{"entity": {"id": "1", "name": filler}}]
        return msgspec.json.encode(message) + b"\r\n"

    async def _release(self) -> None:
        """Send the post that was held back, now that another has overtaken it."""
        if self._held is not None:
            (post, line), self._held = self._held, None
            await self._write(line)
            self._count(post)

    def _count(self, post: Post) -> None:
        self._world.sent[post.id] += 1
        self._world.meter.read(post.id)

    async def _message(self, message: dict[str, Any]) -> None:
        await self._write(msgspec.json.encode(message) + b"\r\n")

    async def _write(self, piece: bytes) -> None:
        await self._response.write(piece)
        self._written = self._world.clock.monotonic()

    async def _write_split(self, line: bytes) -> None:
        """In pieces, each of which ends after the first byte of a character, where the line has any of several."""
        places = [place + 1 for place, byte in enumerate(line) if byte >= 0xC0][:4] or [len(line) // 2]
        for start, end in zip([0, *places], [*places, len(line)], strict=True):
            await self._write(line[start:end])
            await asyncio.sleep(_BETWEEN_PIECES_SECONDS)

    async def _trickle(self, line: bytes) -> None:
        pause = max(self._world.options.scaled(_TRICKLE_SECONDS), _BETWEEN_PIECES_SECONDS)
        for start in range(0, len(line), _PIECE_BYTES):
            await self._write(line[start : start + _PIECE_BYTES])
            await asyncio.sleep(pause)
