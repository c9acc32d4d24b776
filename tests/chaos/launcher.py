"""Starts the real program in this process and kills it (SIGKILL) inside a chosen window, at its n-th entry into it.

Run as a script, by its path. The product has no hooks for this: the functions at a window's borders are wrapped here,
before the command line imports them. TEST_KILL_WINDOW, TEST_KILL_ENTRY and TEST_KILL_MARK (a file that is written
just before the end) say which, when, and that it was done; without them the program runs on.
"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WINDOWS = (
    "read_before_logged",
    "logged_before_marked",
    "marked_before_stored",
    "stored_before_sent",
    "sent_before_recorded",
)


class Trigger:
    """Counts the entries into the chosen window; the n-th is the last thing that this process does."""

    def __init__(self) -> None:
        self.window = os.environ.pop("TEST_KILL_WINDOW", "")
        self._entries = int(os.environ.pop("TEST_KILL_ENTRY", "1"))
        self._mark = os.environ.pop("TEST_KILL_MARK", "")

    def inside(self, window: str) -> None:
        """This process is in the window now."""
        if window != self.window:
            return
        self._entries -= 1
        if self._entries <= 0:
            Path(self._mark).write_text(window)
            os.kill(os.getpid(), signal.SIGKILL)


def wrap_logs(trigger: Trigger) -> None:
    """Before mentions are written: read, not logged. Before marks are: logged, not marked."""
    from schemas.topics import MARKS, MENTIONS, Topic
    from workers.log.contract import Outgoing
    from workers.log.embedded import EmbeddedLog
    from workers.log.kafka import KafkaLog

    windows = {MENTIONS.name: "read_before_logged", MARKS.name: "logged_before_marked"}

    def wrap(log: Any) -> None:
        produce = log.produce

        async def killing(self: Any, topic: Topic, records: Sequence[Outgoing]) -> None:
            if topic.name in windows and records:
                trigger.inside(windows[topic.name])
            await produce(self, topic, records)

        log.produce = killing

    wrap(EmbeddedLog)
    wrap(KafkaLog)


def wrap_store(trigger: Trigger) -> None:
    """At the end of the batch's transaction, before its commit: marked, not stored."""
    from workers.incidents import ingest as module

    ingest = module.ingest

    async def killing(*arguments: Any, **more: Any) -> Any:
        outcome = await ingest(*arguments, **more)
        if outcome.stored:
            trigger.inside("marked_before_stored")
        return outcome

    module.ingest = killing


def wrap_webhook(trigger: Trigger) -> None:
    """Around the request: before it stored and not sent, after a 2xx sent and not recorded."""
    from workers.dispatcher.channels.webhook import WebhookChannel

    send = WebhookChannel.send

    async def killing(*arguments: Any, **more: Any) -> Any:
        trigger.inside("stored_before_sent")
        result = await send(*arguments, **more)
        if result.kind == "delivered":
            trigger.inside("sent_before_recorded")
        return result

    WebhookChannel.send = killing  # type: ignore[method-assign]  # wrapping it is this file's purpose


def main() -> None:
    """As `hikeshi` with this process's arguments."""
    trigger = Trigger()
    if trigger.window:
        wrap_logs(trigger)
        wrap_store(trigger)
        wrap_webhook(trigger)
    from workers.cli.main import main as hikeshi

    hikeshi()


if __name__ == "__main__":
    main()
