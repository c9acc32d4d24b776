"""`run --until-idle`: when everything that was read is stored and told."""

from collections.abc import Mapping
from typing import Final

from schemas.errors import UnavailableError
from schemas.topics import MARKS, MENTIONS, Topic
from workers.cli.exit_status import DONE, FAILED
from workers.cli.house import House
from workers.cli.outbox_state import pending_notifications
from workers.cli.pipeline import Pipeline
from workers.runtime.logging import get_logger
from workers.store.offsets import read_offsets

_log = get_logger(__name__)

_LOOK_SECONDS: Final = 0.1


async def until_idle(pipeline: Pipeline, timeout_seconds: float) -> int:
    """Wait until the source has ended, both groups are at the end offsets taken then, and nothing is pending.

    Returns 1 when nothing has moved for the time-out: a receiver that keeps failing, for example. While the source
    still gives posts, however slowly, there is no time-out.
    """
    if pipeline.stream is None or pipeline.house is None:
        raise RuntimeError("the pipeline was not built")
    await pipeline.stream.source_ended.wait()
    house = pipeline.house
    patience = _Patience(pipeline, timeout_seconds)
    goal: Mapping[int, int] | None = None
    while True:
        try:
            if goal is None and await _classified(house):
                goal = await _ends(house, MARKS)
            if goal is not None and _reached(goal, await _stored(house)):
                pending = await pending_notifications(house.store)
                if pending == 0:
                    _log.info("idle_reached")
                    return DONE
                patience.saw(pending)
        except UnavailableError as error:
            _log.info("idle_unknown", error=str(error))
        if patience.is_over():
            _log.error("idle_timed_out", seconds=timeout_seconds)
            return FAILED
        await pipeline.clock.sleep(_LOOK_SECONDS)


class _Patience:
    """Notices whether anything moves."""

    def __init__(self, pipeline: Pipeline, timeout_seconds: float) -> None:
        self._pipeline, self._timeout = pipeline, timeout_seconds
        self._pending = 0
        self._last: object = None
        self._since = pipeline.clock.monotonic()

    def saw(self, pending: int) -> None:
        """How many notifications are still to go."""
        self._pending = pending

    def is_over(self) -> bool:
        """Whether nothing has changed for the time-out."""
        now = (self._pending, [health.moved_total for health in self._pipeline.healths])
        if now != self._last:
            self._last, self._since = now, self._pipeline.clock.monotonic()
        return self._pipeline.clock.monotonic() - self._since >= self._timeout


async def _classified(house: House) -> bool:
    """Whether the classifier has committed all that is on the mentions' topic."""
    return _reached(await _ends(house, MENTIONS), await house.log.committed(MENTIONS, "classifier"))


async def _stored(house: House) -> Mapping[int, int]:
    async with house.store.read() as connection:
        return await read_offsets(connection, MARKS.name)


async def _ends(house: House, topic: Topic) -> dict[int, int]:
    """The end offset of each partition that holds anything."""
    return {p: end for p, (start, end) in (await house.log.offsets(topic)).items() if end > start}


def _reached(goal: Mapping[int, int], stand: Mapping[int, int]) -> bool:
    return all(stand.get(partition, 0) >= end for partition, end in goal.items())
