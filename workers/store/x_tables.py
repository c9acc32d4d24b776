"""Tables of what X has billed, and of the ids by which a post counts once a day."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from workers.store.tables import metadata

# What each reader of a credential (stream, steward) read on a UTC day.
x_spent = Table(
    "x_spent",
    metadata,
    Column("credential", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("posts", BigInteger, nullable=False),
    Column("authors", BigInteger, nullable=False),
    PrimaryKeyConstraint("credential", "reader", "day"),
)

# Ids billed today, 512 in a row as 64-bit numbers: three million posts are 24 MB. `kind`: posts, authors.
billed_ids = Table(
    "billed_ids",
    metadata,
    Column("credential", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("ids", LargeBinary, nullable=False),
    PrimaryKeyConstraint("credential", "reader", "day", "kind", "segment"),
)
