"""A fault in what the user wrote: where it stands, what is wrong, and the remedy. All faults are told at once."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from schemas.errors import ConfigurationError


class Fault(NamedTuple):
    """One fault, printed as `file:line: field: fault; remedy`. `line` is None where a fault has none."""

    file: str
    line: int | None
    field: str
    fault: str
    remedy: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        field = f" {self.field}:" if self.field else ""
        return f"{place}:{field} {self.fault}; {self.remedy}"


class ConfigurationFaults(ConfigurationError):  # noqa: N818  # it holds many, and says so
    """Every fault found in every file, one a line: file after file, in the order of lines."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        files = list(dict.fromkeys(fault.file for fault in faults))
        self.faults = sorted(faults, key=lambda fault: (files.index(fault.file), fault.line or 0))
        super().__init__("\n".join(map(str, self.faults)))


def suggestion(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that isn't known: the nearest known one, else all of them."""
    names = list(known)
    by_fold = {known_name.casefold(): known_name for known_name in names}
    near = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{by_fold[near[0]]}`?"
    if not names:
        return "remove it"
    return "known here: " + ", ".join(names)
