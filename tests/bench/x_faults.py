"""X's faults one by one, at 250 posts/s, X's time scaled down: python -m tests.bench.x_faults [SPEED [FAULT…]].

What a table row says is X's time: a second of this clock is SPEED of X's.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from workers.simulator.faults import Fault
from workers.simulator.options import TOKEN, Options
from workers.simulator.server import Simulator, SimulatorThread

SPEED = 30.0
A_SECOND = 250
CALM_SECONDS = 3.0  # before the first fault, and the least between two
PATIENCE_SECONDS = 75.0
WINDOW_SECONDS = 900.0

AGAIN = "connects again at once"
BACKS_OFF = "backs off 5 s, doubling"
REFUSED = "not ready, ops told, again in 15 min (2 s here)"
RULES = "brings its rules into force, backs off"
GOES_ON = "goes on"
# Each fault, how often it strikes, whether it needs a broken stream to strike, and what is expected.
FAULTS: list[tuple[Fault, int, bool, str]] = [
    (Fault.STALL, 1, False, "silence for 23 s: connects again"),
    (Fault.CLOSE, 1, False, AGAIN),
    (Fault.CLOSE_AT_ONCE, 10, True, "0.25 s more each time, within the quota"),
    (Fault.CUT_MID_LINE, 3, False, AGAIN),
    (Fault.SLOW_TRICKLE, 1, False, "no whole line for 23 s: connects again"),
    (Fault.HEARTBEATS_ONLY, 1, False, "no post where many are usual: connects again"),
    (Fault.HALF_VOLUME, 1, False, "looks by search, connects again"),
    (Fault.GHOST, 1, True, "clears its ghost connection"),
    (Fault.HTML_503, 2, True, BACKS_OFF),
    (Fault.RATE_LIMITED, 1, True, "waits for x-rate-limit-reset"),
    (Fault.RATE_LIMITED_NO_RESET, 1, True, "waits 60 s, doubling"),
    (Fault.RATE_LIMITED_PAST_RESET, 1, True, "waits 60 s, doubling"),
    (Fault.TOO_MANY_CONNECTIONS, 1, True, "clears connections, backs off"),
    (Fault.DROP, 3, True, AGAIN),
    (Fault.HANG, 1, True, "no answer for 23 s: connects again"),
    (Fault.CONFLICT, 1, True, RULES),
    (Fault.UNAUTHORIZED, 1, True, REFUSED),
    (Fault.FORBIDDEN, 1, True, "reads by search meanwhile"),
    (Fault.CREDITS_DEPLETED, 1, True, REFUSED),
    (Fault.USAGE_CAP, 1, True, REFUSED),
    (Fault.OPERATIONAL_DISCONNECT, 1, False, AGAIN),
    (Fault.UPSTREAM_DISCONNECT, 1, False, AGAIN),
    (Fault.FORCE_DISCONNECT, 1, False, AGAIN),
    (Fault.SLOW_READER, 1, False, AGAIN),
    (Fault.INTERNAL_ERROR, 1, False, AGAIN),
    (Fault.STATE_DEGRADED, 1, False, AGAIN),
    (Fault.INVALID_RULES, 1, False, RULES),
    (Fault.ISSUE_TOO_MANY_CONNECTIONS, 1, False, "clears connections, backs off"),
    (Fault.ISSUE_PROVISIONING, 1, False, REFUSED),
    (Fault.ISSUE_RULE_CONFIGURATION, 1, False, RULES),
    (Fault.ISSUE_RULES_INVALID, 1, False, RULES),
    (Fault.BAD_JSON, 3, False, "a dead letter; " + GOES_ON),
    (Fault.SPLIT_UTF8, 20, False, GOES_ON),
    (Fault.HUGE_LINE, 2, False, GOES_ON),
    (Fault.NO_TAG, 20, False, GOES_ON),
    (Fault.DATA_WITH_ERRORS, 20, False, GOES_ON),
    (Fault.DUPLICATE, 20, False, "counted once; " + GOES_ON),
    (Fault.OUT_OF_ORDER, 20, False, GOES_ON),
    (Fault.EDITED, 20, False, "a revision each; " + GOES_ON),
    (Fault.DELETED, 20, False, GOES_ON),
    (Fault.UNKNOWN_MESSAGE, 3, False, GOES_ON),
]  # fmt: skip


@dataclass
class Row:
    """What came of a fault, in seconds of X's time."""

    name: str
    expected: str
    began: float
    detected: float | None = None
    deaf: float = 0.0
    recovered: int = 0
    complete: float | None = None
    lost: int = 0
    twice: int = 0


@dataclass
class Seen:
    """What the worker has told so far, over all its lives."""

    stored: dict[str, float] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    said: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    use: list[tuple[float, float, float]] = field(default_factory=list)

    def take(self, line: str) -> None:
        try:
            at, kind, value = json.loads(line)
        except ValueError:
            return  # cut by kill -9
        if kind == "stored":
            for post_id in value:
                self.stored.setdefault(post_id, at)
                self.times[post_id] += 1
        elif kind == "said":
            self.said.append((at, value))
        else:
            self.use.append((at, value["rss"], value["cpu"]))

    def after(self, at: float, event: str) -> list[tuple[float, dict[str, Any]]]:
        return [(when, told) for when, told in self.said if when >= at and told.get("event") == event]


class Crowd(threading.Thread):
    """People who post 250 times a second; remembers when each post was said."""

    def __init__(self, thread: SimulatorThread) -> None:
        super().__init__(daemon=True)
        self._thread, self._over, self.said = thread, threading.Event(), {}
        self.said: dict[str, float]
        self.order: list[str] = []

    def run(self) -> None:
        began, number = time.monotonic(), 0
        while not self._over.wait(0.02):
            due = int((time.monotonic() - began) * A_SECOND)
            self._thread.call(self._say, number, due)
            number = due

    def _say(self, first: int, end: int) -> None:
        for number in range(first, end):
            text = f"アクメ の故障 {number}" if number % 2 else f"Acme charger {number} broke"
            post = self._thread.simulator.world.say(text, username=f"person{number % 400}")
            self.said[str(post.original_id)] = time.time()
            self.order.append(str(post.original_id))

    def stop(self) -> None:
        self._over.set()
        self.join()


class Bench:
    """The simulator, the crowd and the worker."""

    def __init__(self, thread: SimulatorThread, folder: Path, speed: float) -> None:
        self.thread, self.folder, self.speed = thread, folder, speed
        self.seen, self.crowd = Seen(), Crowd(thread)
        self.worker: subprocess.Popen[str] | None = None
        self._done = 0  # of the posts in their order: so many are stored

    def start(self) -> None:
        """Start the worker, and wait until it streams."""
        at = time.time()
        arguments = [self.thread.simulator.url, TOKEN, str(self.folder), str(self.speed)]
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.x_worker", *arguments], stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._listen, args=(self.worker,), daemon=True).start()
        self.until(lambda: bool(self.seen.after(at, "stream_connected")))

    def _listen(self, worker: "subprocess.Popen[str]") -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            self.seen.take(line)

    def order(self, fault: Fault, times: int, breaks: bool) -> None:
        world = self.thread.simulator.world
        self.thread.call(lambda: world.order(fault, times=times))
        if breaks:
            self.thread.call(lambda: world.order(Fault.CLOSE))

    def until(self, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            if self.worker is not None and self.worker.poll() is not None:
                raise RuntimeError(f"the worker ended with {self.worker.returncode}: its error is above")
            time.sleep(0.05)
        return True

    def complete(self, before: float) -> bool:
        """Whether all that was said by then is stored."""
        order, said = self.crowd.order, self.crowd.said
        while self._done < len(order) and order[self._done] in self.seen.stored:
            self._done += 1
        return self._done == len(order) or said[order[self._done]] > before

    def strike(self, name: str, expected: str, strike: Callable[[], None]) -> Row:
        """One fault, until all is well again."""
        row = Row(name, expected, time.time())
        strike()
        time.sleep(CALM_SECONDS)
        if expected != GOES_ON and "; " + GOES_ON not in expected:
            self.until(lambda: bool(self.seen.after(row.began, "stream_connected")))
        connects = self.seen.after(row.began, "stream_connected")
        well = connects[-1][0] if connects else row.began + CALM_SECONDS
        if not self.until(lambda: self.complete(well)):
            self._done = sum(at <= well for at in self.crowd.said.copy().values())  # what is lost is told at the end
        if connects:
            self.until(lambda: bool(self._recoveries(well)), CALM_SECONDS)  # else its count stands in the next row
        self._judge(row, well, broke=bool(connects))
        return row

    def _judge(self, row: Row, well: float, *, broke: bool) -> None:
        ends = self.seen.after(row.began, "stream_disconnected") + self.seen.after(row.began, "stream_not_in_plan")
        if ends:
            row.detected = (min(ends)[0] - row.began) * self.speed
        row.deaf = sum(told.get("gap_seconds", 0.0) for _, told in self.seen.after(row.began, "stream_connected"))
        row.deaf *= self.speed
        found = [re.search(r"(\d+) posts recovered", str(told["gap"])) for _, told in self._recoveries(row.began)]
        row.recovered = sum(int(match[1]) for match in found if match)
        ours = [post_id for post_id, at in self.crowd.said.copy().items() if row.began <= at <= well]
        arrived = [self.seen.stored[post_id] for post_id in ours if post_id in self.seen.stored]
        row.complete = (max(arrived, default=well) - row.began) * self.speed if broke else None

    def _recoveries(self, at: float) -> list[tuple[float, dict[str, Any]]]:
        return self.seen.after(at, "gap_recovered") + self.seen.after(at, "gap_recovery_failed")

    def kill(self) -> None:
        """kill -9, a while of nothing, a new start."""
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()
        time.sleep(1.0)
        self.start()

    def settle(self, rows: list[Row]) -> None:
        """At the end: what was lost, and what came twice, of each fault's time."""
        self.crowd.stop()
        self.until(lambda: self.complete(time.time()))
        ends = [*[row.began for row in rows[1:]], time.time()]
        owed = {str(post.original_id) for post in self.thread.call(self.thread.simulator.world.owed)}
        for row, end in zip(rows, ends, strict=True):
            ours = [post_id for post_id, at in self.crowd.said.items() if row.began <= at < end]
            row.lost = sum(post_id in owed and post_id not in self.seen.stored for post_id in ours)
            # A revision is a record of its own; so is, for the topic, what a kill cut off from its acknowledgement.
            row.twice = sum(self.seen.times[post_id] > 1 for post_id in ours) if row.name != Fault.EDITED.label else 0
        assert self.worker is not None
        self.worker.terminate()
        self.worker.wait(30)


def busiest(connects: list[float], window: float) -> int:
    """The most connects of any window."""
    return max(sum(at <= other < at + window for other in connects) for at in connects)


def run(speed: float, only: list[str]) -> tuple[list[Row], Bench]:
    with tempfile.TemporaryDirectory() as folder, SimulatorThread(Simulator(Options(speed=speed))) as thread:
        bench = Bench(thread, Path(folder), speed)
        bench.start()
        bench.crowd.start()
        time.sleep(2 * CALM_SECONDS)
        rows = []
        for fault, times, breaks, expected in FAULTS:
            if only and fault.label not in only:
                continue
            print(f"… {fault.label}", file=sys.stderr, flush=True)
            strike = lambda fault=fault, times=times, breaks=breaks: bench.order(fault, times, breaks)  # noqa: E731
            rows.append(bench.strike(fault.label, expected, strike))
        rows.append(bench.strike("kill -9 of the worker", "a new start goes on from the watermark", bench.kill))
        bench.settle(rows)
        connects = thread.call(thread.simulator.world.connects)
        print(f"connects: {len(connects)}, at most {busiest(connects, WINDOW_SECONDS / speed)} in 15 min of X's time")
        return rows, bench


def show(rows: list[Row], bench: Bench) -> None:
    print(f"{len(bench.crowd.said):,} posts at {A_SECOND}/s; X's time {bench.speed:g} times as fast; seconds are X's")
    print("| fault | expected | detected after | deaf for | recovered | complete after | lost | twice |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        detected, complete = ("–" if at is None else f"{at:.0f} s" for at in (row.detected, row.complete))
        print(
            f"| {row.name} | {row.expected} | {detected} | {row.deaf:.0f} s | {row.recovered} "
            f"| {complete} | {row.lost} | {row.twice} |"
        )
    use = bench.seen.use
    # Of the last life but one: the kill at the end begins another.
    life = [one for earlier, one in pairwise(use) if one[2] >= earlier[2]]
    for part, (first, last) in {"first": (0.1, 0.4), "last": (0.7, 1.0)}.items():
        some = life[int(len(life) * first) : max(int(len(life) * last), 1)]
        spans = [(b[0] - a[0], b[2] - a[2]) for a, b in pairwise(some) if b[2] >= a[2]]
        seconds, cpu = (sum(values) for values in zip(*spans, strict=True))
        print(f"{part} third: {max(one[1] for one in some) / 2**20:.0f} MB at most, {cpu / seconds:.0%} of a core")


def main(arguments: list[str]) -> None:
    rows, bench = run(float(arguments[0]) if arguments else SPEED, arguments[1:])
    show(rows, bench)


if __name__ == "__main__":
    main(sys.argv[1:])
