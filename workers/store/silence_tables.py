"""Tables of what keeps notifications back: silences that people add, drills that are due."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

from workers.store.tables import metadata

# A silence: what it covers (each part that is given must hold), by whom, why, until when. `phrase` is folded for
# comparison; `ended_at`: it is over and what it muted has been released.
silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text),
    Column("incident", Text),
    Column("author", Text),
    Column("phrase", Text),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("silences_active", "ends_at", postgresql_where=text("ended_at IS NULL"),
          sqlite_where=text("ended_at IS NULL")),
)  # fmt: skip

# When each drill of `routes.yaml` is due next: whoever moves it on opens the test page.
drills = Table(
    "drills",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", BigInteger, nullable=False),
)
