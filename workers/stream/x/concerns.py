"""What ops should know of the connection to X, until it is over. Told from the loop that writes the state."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

Concern = Literal[
    "x_refused", "x_deaf", "x_rules_refused", "x_budget_nearly_spent", "x_budget_spent", "x_brands_paused",
    "x_usage_differs", "x_posts_missing", "x_gap_given_up", "x_stream_refused",
]  # fmt: skip
Texts = Mapping[str, str]
Tell = Callable[[Concern, Texts | None], Awaitable[None]]
"""Raises an alert to ops, or with None says that it is over. Raises UnavailableError while the store is away."""


class Concerns:
    """Each kind once, until it is over. Nothing waits for the store here: `tell` is called by `hand_on`."""

    def __init__(self) -> None:
        self._now: dict[Concern, Texts | None] = {}
        self._untold: dict[Concern, Texts | None] = {}

    def worry(self, kind: Concern, en: str, ja: str) -> None:
        """This is so. Said again, it is no news."""
        if self._now.get(kind) is None:
            self._now[kind] = self._untold[kind] = {"en": en, "ja": ja}

    def over(self, kind: Concern) -> None:
        """This is not so: also where an earlier process said that it was."""
        if kind not in self._now or self._now[kind] is not None:
            self._now[kind] = self._untold[kind] = None

    async def hand_on(self, tell: Tell) -> None:
        """Tell what is new. What could not be told stays for the next time."""
        for kind in list(self._untold):
            texts = self._untold[kind]
            await tell(kind, texts)
            if self._untold[kind] is texts:
                del self._untold[kind]
