"""What is usual for a brand: one row a brand, learned from its minutes."""

from sqlalchemy import BigInteger, Column, Table, Text

from workers.store.tables import metadata

# `learned`: JSON, by hour of the week in `timezone`. `until_hour`: hours since 1970; the minutes before it are in it.
baselines = Table(
    "baselines",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("timezone", Text, nullable=False),
    Column("until_hour", BigInteger, nullable=False),
    Column("learned", Text, nullable=False),
)
