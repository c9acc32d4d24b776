"""The faults that were ordered and are not used up: what the next request, connection or line is to suffer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from workers.simulator.faults import Fault, Scope


@dataclass
class Order:
    """A fault to come. `left`: uses left, None for any number; `until`: when it lapses by itself."""

    fault: Fault
    left: int | None
    until: float | None
    on: frozenset[str]
    touched: set[int] = field(default_factory=set)
    """The connections that it was used on: on these it goes on."""

    def lapsed(self, now: float) -> bool:
        """Whether its time is over."""
        return self.until is not None and now >= self.until

    def use(self) -> bool:
        """Take one use; False when none is left."""
        if self.left is None:
            return True
        if self.left <= 0:
            return False
        self.left -= 1
        return True


class Plan:
    """Orders, first come first used. A request or a line suffers one of them, a connection maybe several."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._orders: list[Order] = []

    def order(
        self, fault: Fault, *, times: int | None = 1, seconds: float | None = None, on: Iterable[str] = ("stream",)
    ) -> None:
        """Do this `times` times (None: until cleared), for `seconds` at most; `on`: the endpoints, for answers."""
        until = None if seconds is None else self._now() + seconds
        self._orders.append(Order(fault, times, until, frozenset(on)))

    def clear(self, fault: Fault | None = None) -> None:
        """Order no more of this fault, or of any."""
        self._orders = [order for order in self._orders if fault is not None and order.fault is not fault]

    def take(self, scope: Scope, endpoint: str = "stream") -> Fault | None:
        """The next fault for one request, line or message; it counts as used."""
        self._forget()
        for order in self._orders:
            if order.fault.scope is scope and endpoint in order.on and order.use():
                return order.fault
        return None

    def holds(self, fault: Fault, connection: int) -> bool:
        """Whether this connection suffers the fault; the first question about a connection uses one up."""
        self._forget()
        for order in self._orders:
            if order.fault is fault and (connection in order.touched or order.use()):
                order.touched.add(connection)
                return True
        return False

    def ended(self, connection: int) -> None:
        """The connection is no more."""
        for order in self._orders:
            order.touched.discard(connection)

    def pending(self) -> list[dict[str, object]]:
        """What was ordered and may still happen, for `/_control/faults`."""
        self._forget()
        return [{"fault": order.fault.label, "left": order.left, "on": sorted(order.on)} for order in self._orders]

    def _forget(self) -> None:
        now = self._now()
        self._orders = [order for order in self._orders if not order.lapsed(now) and (order.left != 0 or order.touched)]
