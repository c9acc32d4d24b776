"""How posts were counted: the contract's "Replays and how posts are counted"."""

from dataclasses import dataclass, fields

OUTCOMES = ("matched", "unmatched", "duplicates", "revisions", "other", "bad")


@dataclass(slots=True)
class Counts:
    """`read` is the sum of the six outcomes; `mentions` are records that the log acknowledged."""

    matched: int = 0
    unmatched: int = 0
    duplicates: int = 0
    revisions: int = 0
    other: int = 0
    bad: int = 0
    mentions: int = 0

    @property
    def read(self) -> int:
        """Posts, bad lines and lines of other kinds."""
        return sum(getattr(self, outcome) for outcome in OUTCOMES)

    def add(self, more: "Counts") -> None:
        """Add another's counts."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(more, field.name))
