"""Many rows in one statement: an SQL source of rows for each database, filled from tuples (no row-by-row inserts)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

_json = msgspec.json.Encoder()


class Rows(NamedTuple):
    """The columns of a batch of rows: their names with PostgreSQL's types, in order.

    `source(dialect)` is a FROM item called `r` with those columns; `bind(dialect, rows)` its parameters.
    """

    columns: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, **columns: str) -> "Rows":
        return cls(tuple(columns.items()))

    @property
    def names(self) -> str:
        return ", ".join(name for name, _ in self.columns)

    def source(self, dialect: str) -> str:
        return _source(self, dialect)

    def bind(self, dialect: str, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        if dialect == "postgresql":
            columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(self.columns)
            return {name: list(values) for (name, _), values in zip(self.columns, columns, strict=True)}
        return {"rows": _json.encode(rows).decode()}


@lru_cache(maxsize=512)  # ours: more than there are; each statement of a batch and of a delivery asks for one
def _source(rows: Rows, dialect: str) -> str:
    if dialect == "postgresql":
        arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in rows.columns)
        return f"unnest({arrays}) AS r({rows.names})"
    picked = ", ".join(f"value ->> {i} AS {name}" for i, (name, _) in enumerate(rows.columns))
    return f"(SELECT {picked} FROM json_each(:rows)) AS r"
