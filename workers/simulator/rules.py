"""The stream's rules, as X keeps them: added with limits and errors of their own, deleted by id or value."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workers.simulator.problems import Problem, problem, rule_error
from workers.simulator.query import Node, QueryError, parse

MOST: Final = 1000  # X's, on pay-per-use
LONGEST: Final = 1024  # X's, on pay-per-use
_FIRST_ID: Final = 1_900_000_000_000_000_001


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A tag cannot be changed. `in_force_at`: monotonic; X needs a while to take a rule in."""

    id: str
    value: str
    tag: str | None
    node: Node
    in_force_at: float

    def shown(self) -> dict[str, str]:
        """As the API gives it."""
        return {"id": self.id, "value": self.value} | ({"tag": self.tag} if self.tag is not None else {})


class Rules:
    """All rules of the app."""

    def __init__(self, most: int = MOST, longest: int = LONGEST) -> None:
        self.most, self.longest = most, longest
        self._rules: dict[str, Rule] = {}
        self._numbers = itertools.count(_FIRST_ID)

    def __len__(self) -> int:
        return len(self._rules)

    def all(self) -> Sequence[Rule]:
        """The rules there are, in the order they came."""
        return list(self._rules.values())

    def add(
        self, wanted: Sequence[tuple[str, str | None]], *, dry_run: bool, in_force_at: float
    ) -> tuple[list[Rule], list[dict[str, Any]]] | Problem:
        """Add what can be added; the errors tell of the others. Too many together: none is."""
        if len(self._rules) + len(wanted) > self.most:
            return problem(
                400, "rule-cap", "RulesCapExceeded", f"Rules must not exceed {self.most}; delete some first."
            )
        added: list[Rule] = []
        errors: list[dict[str, Any]] = []
        known = {rule.value: rule.id for rule in self._rules.values()}
        for value, tag in wanted:
            if value in known:
                errors.append(rule_error("duplicate-rules", "DuplicateRule", value, id=known[value]))
                continue
            try:
                node = parse(value, stream=True, limit=self.longest)
            except QueryError as error:
                errors.append(rule_error("invalid-rules", "UnprocessableEntity", value, details=[str(error)]))
                continue
            rule = Rule(str(next(self._numbers)), value, tag, node, in_force_at)
            known[value] = rule.id
            added.append(rule)
        if not dry_run:
            self._rules.update((rule.id, rule) for rule in added)
        return added, errors

    def delete(self, ids: Iterable[str], values: Iterable[str], *, dry_run: bool) -> tuple[int, list[str]]:
        """Delete; returns how many went and which names named none."""
        by_value = {rule.value: rule.id for rule in self._rules.values()}
        gone: set[str] = set()
        missing: list[str] = []
        for name, rule_id in [*((id_, id_) for id_ in ids), *((value, by_value.get(value)) for value in values)]:
            if rule_id is None or rule_id not in self._rules:
                missing.append(name)
            else:
                gone.add(rule_id)
        if not dry_run:
            for rule_id in gone:
                del self._rules[rule_id]
        return len(gone), missing
