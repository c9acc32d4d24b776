"""`hikeshi run` on the simulated X, killed with −9 in the middle: every post that X offered is stored once."""

import threading
import time
from collections import Counter
from pathlib import Path

from tests.support.process import Process
from workers.simulator.options import Options
from workers.simulator.server import Simulator, SimulatorThread

BRANDS = "brands:\n  - {name: アクメ, id: acme, keywords: [Acme, アクメ]}\n"
SECRET = "AAAA-secret-of-nobody"
A_SECOND = 25
# X's search, as the client waits for it: 12 s after a connect, and what a start takes.
RECOVERED_SECONDS = 60.0


class Crowd(threading.Thread):
    """People who go on posting until they are told to stop."""

    def __init__(self, thread: SimulatorThread) -> None:
        super().__init__(daemon=True)
        self._thread, self._over, self.said = thread, threading.Event(), 0

    def run(self) -> None:
        while not self._over.wait(1 / A_SECOND):
            self.said += 1
            text = f"アクメの充電器 {self.said} 台目も壊れた" if self.said % 2 else f"Acme charger {self.said} broke"
            self._thread.call(self._thread.simulator.world.say, text, username=f"person{self.said % 40}")

    def stop(self) -> None:
        self._over.set()
        self.join()


class X:
    """The settings of a program on this simulator."""

    def __init__(self, folder: Path, thread: SimulatorThread) -> None:
        self.folder, self.thread = folder, thread
        (folder / "config").mkdir()
        (folder / "config" / "brands.yaml").write_text(BRANDS, "utf-8")
        self.settings = {
            "HIKESHI_X__BASE_URL": thread.simulator.url,
            "HIKESHI_X__BEARER_TOKEN": SECRET,
            "HIKESHI_METRICS__PORT": "0",
            "HIKESHI_CONSOLE__PORT": "0",
        }

    def start(self, *arguments: str, name: str = "hikeshi") -> Process:
        return Process(arguments, folder=self.folder, settings=self.settings, name=name)

    def stored(self) -> Counter[str]:
        with self.start("posts", "list", "--json", name="list") as process:
            assert process.wait() == 0, process.stderr
            return Counter(row["id"] for row in process.rows)

    def owed(self) -> set[str]:
        return {str(post.original_id) for post in self.thread.call(self.thread.simulator.world.owed)}

    def connects(self) -> int:
        return len(self.thread.call(self.thread.simulator.world.connects))


def test_killed_with_9_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    with SimulatorThread(Simulator(Options(speed=10, token=SECRET))) as thread:
        x = X(tmp_path, thread)
        crowd = Crowd(thread)
        with x.start("run", "--json") as process:
            process.wait_for_log("stream_connected", 60)
            crowd.start()
            time.sleep(6)
            process.kill()
        time.sleep(3)
        with x.start("run", "--json") as process:
            process.wait_for_log("gap_recovered", RECOVERED_SECONDS)
            crowd.stop()
            deadline = time.monotonic() + RECOVERED_SECONDS
            while set(stored := x.stored()) != x.owed() and time.monotonic() < deadline:
                time.sleep(1)
            assert process.terminate() == 0, process.stderr[-3000:]
            assert SECRET not in process.stderr
        assert set(stored) == x.owed()
        assert max(stored.values()) == 1
        assert len(stored) == crowd.said
        assert x.connects() <= 3
        assert process.summary["read"] >= 3 * A_SECOND
        with x.start("usage", name="usage") as usage:
            assert usage.wait() == 0, usage.stderr
            assert f" {crowd.said} " in usage.stdout


def test_a_wrong_token_ends_run_with_3_and_check_too(tmp_path: Path) -> None:
    with SimulatorThread(Simulator(Options(token="another"))) as thread:
        x = X(tmp_path, thread)
        for command in (["run"], ["check"]):
            with x.start(*command) as process:
                assert process.wait() == 3, process.stderr
                assert "401" in process.stderr
        with x.start("run", "--until-idle") as process:
            assert process.wait() == 2


def test_check_shows_the_rules_and_what_they_cost(tmp_path: Path) -> None:
    with SimulatorThread(Simulator(Options(token=SECRET))) as thread:
        x = X(tmp_path, thread)
        with x.start("check") as process:
            assert process.wait() == 0, process.stderr
            assert '(Acme OR #Acme OR @Acme OR "アクメ" OR #アクメ) -is:retweet' in process.stdout
            assert "posts a day, $" in process.stdout
        assert x.connects() == 0
        assert not thread.call(thread.simulator.world.rules.all)
