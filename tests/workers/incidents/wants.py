"""What a story was told, and what it wants told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.dispatcher.style import Style


@dataclass(frozen=True)
class Told:
    """A notification that reached a receiver: when, by which dispatcher, under which key, what it says."""

    at: float
    receiver: str
    key: str
    owner: str
    style: Style
    body: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.body["reason"])

    @property
    def texts(self) -> list[str]:
        return [post["text"] for post in self.body["posts"]]

    def __str__(self) -> str:
        incident = self.body["incident"]
        return f"{self.at:g}s {self.receiver} {self.reason} {incident['key']} ({incident['post_count']} posts)"


@dataclass
class Want:
    """What is to be told between two moments; `says` are values of its body by dotted name."""

    first: float
    last: float
    receiver: str
    reason: str
    says: Mapping[str, Any]

    def is_met_by(self, told: Told) -> bool:
        return (
            self.first - 0.01 <= told.at <= self.last + 0.01
            and (told.receiver, told.reason) == (self.receiver, self.reason)
            and all(_at(told.body, name) == value for name, value in self.says.items())
        )

    def __str__(self) -> str:
        says = "".join(f", {name} = {value!r}" for name, value in self.says.items())
        return f"between {self.first:g}s and {self.last:g}s: {self.receiver} {self.reason}{says}"


def _at(body: Any, name: str) -> Any:
    for step in name.split("__"):
        body = len(body) if step == "count" else body[int(step)] if step.isdigit() else body[step]
    return body
