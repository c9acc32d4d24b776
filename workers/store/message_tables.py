"""Tables of what stands at providers: messages that can be found again, to thread on them or to change them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from workers.store.tables import metadata

# A message of an incident at a receiver. `slot`: `main` (the one that others hang on), else its notification's id.
# `ref` (JSON): what the provider calls it. `posts` (JSON): ids of the posts shown in it. `due_at`: when it is to be
# changed; `marks` counts how often that was asked, so that one change never hides another.
messages = Table(
    "messages",
    metadata,
    Column("receiver", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("slot", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("posts", Text, nullable=False),
    Column("editable", Boolean, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("due_at", BigInteger),
    Column("marks", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row
    PrimaryKeyConstraint("receiver", "incident", "slot"),
    Index("messages_by_incident", "incident"),
    Index("messages_due", "receiver", "due_at", postgresql_where=text("due_at IS NOT NULL"),
          sqlite_where=text("due_at IS NOT NULL")),
)  # fmt: skip

# Posts whose text stands in a message, those that a shown one answers among them: where it must go when a post is
# removed.
message_posts = Table(
    "message_posts",
    metadata,
    Column("post", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("incident", Text, nullable=False),
    PrimaryKeyConstraint("post", "receiver", "incident"),
    Index("message_posts_by_incident", "incident"),
)
