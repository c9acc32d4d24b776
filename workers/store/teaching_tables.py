"""The table of what users have taught the classifier."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from workers.store.tables import metadata

# A person's word on a post: what it is, and what it was taken for. Nothing of the post but its id and numbers that its
# text can't be read back from (`features`, by `features_version`; see workers/incidents/likeness.py): X forbids keeping
# posts to train with. Of a post's lessons the last that was not undone is in force. A purge takes them all.
lessons = Table(
    "lessons",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("post", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # of the post, when it was taught
    Column("kind", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("kind_before", Text, nullable=False),
    Column("severity_before", Integer, nullable=False),
    Column("incident_before", Text),  # the incident that the post was in
    Column("features", Text, nullable=False),
    Column("features_version", Integer, nullable=False),
    Column("exact", Text, nullable=False),
    Column("taught_by", Text, nullable=False),
    Column("taught_at", BigInteger, nullable=False),
    Column("undone_by", Text),
    Column("undone_at", BigInteger),
    Column("changed_at", BigInteger, nullable=False),  # taught or undone, whichever was last: what a reader asks for
    Index("lessons_by_post", "brand", "post", "taught_at"),
    Index("lessons_by_change", "changed_at"),
)
