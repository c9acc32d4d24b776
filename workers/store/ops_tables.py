"""Tables of the self-audit: alerts to ops, and who looks at present."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

from workers.store.tables import metadata

# Trouble with Hikeshi itself that ops was told of: one row from when it began until it was over. `id` stands in the
# outbox where an incident's id stands otherwise. `texts`: JSON, what is wrong in each language.
ops_alerts = Table(
    "ops_alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("texts", Text, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("cleared_at", BigInteger),
    Index("ops_alerts_open", "kind", unique=True, postgresql_where=text("cleared_at IS NULL"),
          sqlite_where=text("cleared_at IS NULL")),
)  # fmt: skip

# Which process looks whether all is well: one at a time, and another soon after it has ended. `state` (JSON) is what
# it remembers from one look to the next.
audits = Table(
    "audits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)
