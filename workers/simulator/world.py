"""The simulated X: its posts, rules, connections and counters, and what people and accidents do to them."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from workers.runtime.clock import Clock
from workers.simulator.archive import Archive, Removal
from workers.simulator.connection import Connection
from workers.simulator.faults import Fault
from workers.simulator.limits import Limits, Meter
from workers.simulator.matching import Subject, matches
from workers.simulator.options import Options
from workers.simulator.plan import Plan
from workers.simulator.post import Post, User
from workers.simulator.rules import Rule, Rules

_KEPT_POSTS: Final = 500_000  # ours: half an hour of all that X sends to one account, in a GB of memory
_KEPT_REQUESTS: Final = 100_000  # ours: enough for a test of an hour, and no leak in a simulator left running


class Handled(NamedTuple):
    """A request that was answered. `at`: seconds of the monotonic clock; status 0: no answer was given."""

    at: float
    endpoint: str
    method: str
    status: int


class World:
    """Everything the endpoints share. Not for several threads: call it on the server's loop."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options, self.clock = options, clock
        self.archive = Archive()
        self.rules = Rules()
        self.plan = Plan(clock.monotonic)
        self.limits = Limits(options.limits, options.window_seconds, clock.monotonic, clock.now)
        self.meter = Meter(clock.now, options.monthly_cap)
        self.connections: dict[int, Connection] = {}
        self.ghosts: set[int] = set()
        self.requests: deque[Handled] = deque(maxlen=_KEPT_REQUESTS)
        self.on_handled: Callable[[Handled], None] | None = None
        self.offered: deque[Post] = deque()
        """Every post and every revision, in the order they were written; the oldest are forgotten at last."""
        self.matched: dict[int, tuple[str, ...]] = {}
        """By post id, the rules that matched it when it was written; X owes these to a client that listens."""
        self.sent: Counter[int] = Counter()
        """By post id, how often its whole line went down a stream."""
        self._random = random.Random(options.seed)  # noqa: S311  faults must repeat, not be secret
        self._users: dict[str, User] = {}

    # What people do

    def say(
        self,
        text: str,
        *,
        username: str = "somebody",
        followers: int | None = None,
        lang: str | None = None,
        at: datetime | None = None,
        retweet_of: Post | None = None,
        quote_of: Post | None = None,
        reply_to: Post | None = None,
    ) -> Post:
        """Somebody posts. `at` in the past: only search and look-up know it."""
        now = self.clock.now()
        post = self.archive.write(
            text,
            self.user(username, followers),
            at or now,
            lang or ("en" if text.isascii() else "ja"),
            retweet_of=retweet_of,
            quote_of=quote_of,
            reply_to=reply_to,
        )
        self._publish(post, live=at is None or at >= now - timedelta(seconds=1))
        return post

    def user(self, username: str, followers: int | None = None) -> User:
        """The account of this name, made when it is first asked for."""
        known = self._users.get(username.lower())
        if known is None:
            known = User(str(5_000_000 + len(self._users)), username, username, 100 if followers is None else followers)
            self._users[username.lower()] = known
        return known

    def introduce(self, user: User) -> None:
        """Let this account exist, as it is described."""
        self._users[user.username.lower()] = user

    def edit(self, post: Post, text: str) -> Post:
        """Its author edits a post: the new revision has an id of its own and comes down the stream again."""
        edited = self.archive.edit(post, text, self.clock.now())
        self._publish(edited, live=True)
        return edited

    def remove(self, post_id: int, reason: Removal = "deleted") -> None:
        """A post goes away, for this reason."""
        self.archive.remove(post_id, reason, self.clock.now())

    def withhold(self, post_id: int, *countries: str) -> None:
        """A court or a law withholds a post in these countries (XX: everywhere)."""
        self.archive.withhold(post_id, countries)

    # What X does

    def order(
        self, fault: Fault, *, times: int | None = 1, seconds: float | None = None, on: Iterable[str] = ("stream",)
    ) -> None:
        """Misbehave: see `Plan.order`."""
        self.plan.order(fault, times=times, seconds=seconds, on=on)
        self.wake()

    def clear(self, fault: Fault | None = None) -> None:
        """Behave again."""
        self.plan.clear(fault)
        if fault in (None, Fault.GHOST):
            self.ghosts.clear()
        self.wake()

    def wake(self) -> None:
        """Let every connection look at what has changed."""
        for connection in self.connections.values():
            connection.wake.set()

    def room(self) -> bool:
        """Whether one more connection may open. With `close-first` the oldest makes room."""
        while len(self.connections) + len(self.ghosts) >= self.options.connections:
            if self.options.second == "refuse" or not self.connections:
                return False
            oldest = min(self.connections)
            self.connections.pop(oldest).end("OperationalDisconnect")
        return True

    def disconnect_all(self) -> int:
        """End every connection, ghosts as well; returns how many there were."""
        count = len(self.connections) + len(self.ghosts)
        self.ghosts.clear()
        for connection in self.connections.values():
            connection.end("ForceDisconnect")
        self.connections.clear()
        return count

    def handled(self, endpoint: str, method: str, status: int) -> None:
        """Note a request."""
        handled = Handled(self.clock.monotonic(), endpoint, method, status)
        self.requests.append(handled)
        if self.on_handled is not None:
            self.on_handled(handled)

    def connects(self) -> list[float]:
        """When the stream was asked for, whatever came of it: X's limit counts these."""
        return [request.at for request in self.requests if request.endpoint == "stream"]

    def owed(self) -> list[Post]:
        """What a client that lost nothing has: each post that a rule matched and that is still there."""
        return [post for post in self.offered if self.matched.get(post.id) and self.archive.get(post.id)]

    def matching(self, post: Post) -> list[Rule]:
        """The rules in force that this post matches."""
        now = self.clock.monotonic()
        subject = Subject(post, self.archive.get, stream=True)
        return [rule for rule in self.rules.all() if rule.in_force_at <= now and matches(rule.node, subject)]

    def _publish(self, post: Post, *, live: bool) -> None:
        self.offered.append(post)
        if len(self.offered) > _KEPT_POSTS:
            self._forget(self.offered.popleft().id)
        rules = self.matching(post)
        self.matched[post.id] = tuple(rule.id for rule in rules)
        if not (live and rules):
            return
        if self.options.delivery_seconds:
            delay = self._random.random() * self.options.scaled(self.options.delivery_seconds)
            asyncio.get_running_loop().call_later(delay, self._deliver, post, rules)
        else:
            self._deliver(post, rules)

    def _forget(self, post_id: int) -> None:
        self.archive.forget(post_id)
        self.matched.pop(post_id, None)
        self.sent.pop(post_id, None)

    def _deliver(self, post: Post, rules: list[Rule]) -> None:
        for connection in self.connections.values():
            connection.put(post, rules, self.options.backlog)
