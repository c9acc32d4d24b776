"""Tables of the steward: who does its work, where it stands, and how far posts have spread by its look-ups."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from workers.store.tables import metadata

# Which replica does a stage's work that must not be done twice.
stage_leases = Table(
    "stage_leases",
    metadata,
    Column("stage", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
)

# Where each of the steward's tasks stands (JSON): sweeps, compliance jobs, what it has spent.
steward_state = Table(
    "steward_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
)

# X's public counts of a post at the times when they were looked up: how far and how fast it spreads.
spread_looks = Table(
    "spread_looks",
    metadata,
    Column("post", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("retweets", BigInteger, nullable=False),
    Column("quotes", BigInteger, nullable=False),
    Column("replies", BigInteger, nullable=False),
    Column("likes", BigInteger, nullable=False),
    PrimaryKeyConstraint("post", "at"),
    Index("spread_looks_by_time", "at"),
)

# How far the count of a brand's posts stood at a time: by it the posts that came before can be told from later ones.
arrivals = Table(
    "arrivals",
    metadata,
    Column("brand", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    PrimaryKeyConstraint("brand", "at"),
)
