"""Waiting for something, unless the stage is to stop first."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_T = TypeVar("_T")


async def unless(stopping: asyncio.Event, work: Awaitable[_T]) -> _T | None:
    """The work's result; None if `stopping` was set first, which calls the work off."""
    task, stop = asyncio.ensure_future(work), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
