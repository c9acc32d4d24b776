"""Every table of the store, the same in SQLite and PostgreSQL. Times are milliseconds since 1970 (UTC)."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text, text

metadata = MetaData()

# What is true of the store as a whole: the oldest release that may use it, when the sample's clock began.
meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Where the dispatcher goes on in each partition: the truth, compared and swapped within the transaction of a batch.
next_offsets = Table(
    "next_offsets",
    metadata,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    PrimaryKeyConstraint("topic", "partition"),
)

# One row a brand: locked by whoever stores posts of it, so that `arrival` numbers its posts in the order of commits.
brands = Table(
    "brands",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("arrival", BigInteger, nullable=False),
)

# Every mark, once for each brand and post, whatever its kind. `body` holds what a person is shown (JSON).
posts = Table(
    "posts",
    metadata,
    Column("brand", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("influence", Integer, nullable=False),
    Column("lang", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("incident", Text),
    Column("reason", Text, nullable=False),
    Column("trace", Text),  # W3C traceparent of its record
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("brand", "id"),
    Index("posts_by_incident", "incident", "arrival", postgresql_where=text("incident IS NOT NULL")),
    Index("posts_by_complaint", "brand", "created_at", postgresql_where=text("kind = 'complaint'"),
          sqlite_where=text("kind = 'complaint'")),
)  # fmt: skip

# Ids alone of posts that were removed at the source or purged: they never come back.
removed = Table(
    "removed",
    metadata,
    Column("brand", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("removed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("brand", "id"),
)

# Plain retweets and quotes of a root: how far it has spread. They open nothing and are in no post count.
spread = Table(
    "spread",
    metadata,
    Column("brand", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("retweets", Integer, nullable=False),
    Column("quotes", Integer, nullable=False),
    PrimaryKeyConstraint("brand", "root"),
)

# A brand's posts by minute of `created_at`. `authors`: at most 256 distinct author hashes of complaints, 8 hex digits
# each, since distinct counts of minutes do not add up; `texts`: 4 digits for what each wrote, the same for copies.
# `severity`: the highest among the complaints.
minutes = Table(
    "minutes",
    metadata,
    Column("brand", Text, nullable=False),
    Column("minute", BigInteger, nullable=False),
    Column("complaint", Integer, nullable=False),
    Column("question", Integer, nullable=False),
    Column("praise", Integer, nullable=False),
    Column("promotion", Integer, nullable=False),
    Column("neutral", Integer, nullable=False),
    Column("irrelevant", Integer, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("authors", Text, nullable=False),
    Column("texts", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("brand", "minute"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("latest", Boolean, nullable=False),  # of all incidents with this key
    Column("scope", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("desk", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("influence", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("last_post_at", BigInteger, nullable=False),
    Column("event_at", BigInteger, nullable=False),  # `created_at` of its first post
    Column("resolved_at", BigInteger),
    Column("acknowledged_until", BigInteger),
    Column("acknowledged_by", Text),
    Column("assignee", Text),
    Column("post_count", Integer, nullable=False),
    Column("author_count", Integer, nullable=False),
    Column("langs", Text, nullable=False),  # JSON list
    Column("reasons", Text, nullable=False),  # JSON list
    Column("merged_into", Text),
    Column("spans", Text, nullable=False),  # of a burst: JSON list of [first ms, last ms] of `created_at`
    Column("sample", Boolean, nullable=False),
    Column("due_at", BigInteger),  # when to look at it again though nothing arrives
    Column("escalation", Text),  # JSON: the steps as they were when it first got them, and how far they have gone
    Column("muted_by", Text),  # who or what keeps its notifications back, for people
    Column("muted_until", BigInteger),  # null with a mute: until what mutes it is over
    Column("mute", Text),  # what mutes it: silence:ID, incident:ID, campaign:NAME
    Index("incidents_taken", "brand", postgresql_where=text("status = 'acknowledged'"),
          sqlite_where=text("status = 'acknowledged'")),
    Index("incidents_muted", "mute", postgresql_where=text("mute IS NOT NULL"),
          sqlite_where=text("mute IS NOT NULL")),
    Index("incidents_latest", "key", unique=True, postgresql_where=text("latest"), sqlite_where=text("latest")),
    Index("incidents_due", "due_at", postgresql_where=text("due_at IS NOT NULL"),
          sqlite_where=text("due_at IS NOT NULL")),
    Index("incidents_open", "brand", "event_at", postgresql_where=text("status = 'firing'"),
          sqlite_where=text("status = 'firing'")),
)  # fmt: skip

# Who wrote in an incident: their count is the incident's `author_count`.
incident_authors = Table(
    "incident_authors",
    metadata,
    Column("incident", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("username", Text),
    PrimaryKeyConstraint("incident", "author"),
)

# What happened to an incident, when, by whom and why: its timeline.
events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("incident", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("events_by_incident", "incident", "id"),
)

# One notification of an incident to a receiver. `id` is its Idempotency-Key. States: scheduled (due_at, no body yet),
# frozen (its bytes are fixed; due_at: next attempt), bundled (goes with `carrier`), sent, failed, cancelled.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("why", Text, nullable=False),  # the decision in words
    Column("state", Text, nullable=False),
    Column("weight", Integer, nullable=False),  # severity when scheduled: what is bundled last
    Column("created_at", BigInteger, nullable=False),
    Column("first_due_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("frozen_at", BigInteger),
    Column("refused_since", BigInteger),  # since when every attempt was answered 401, 403 or 404
    Column("finished_at", BigInteger),
    Column("body", Text),
    Column("language", Text),  # of its route when it was frozen
    Column("timezone", Text),
    Column("told", Text),  # JSON: what the receiver will have been told once this is sent
    Column("carrier", Text),
    Column("trace", Text),  # W3C traceparent of the post that led to it: one id from post to notification
    Column("fallback_at", BigInteger),  # when its fallback was told
    Column("detail", Text),  # the last failure, or why it was cancelled
    Column("held", Text),  # why it waits though it could go: mute, quiet, digest
    Index("outbox_due", "due_at", postgresql_where=text("state IN ('scheduled', 'frozen')"),
          sqlite_where=text("state IN ('scheduled', 'frozen')")),
    Index("outbox_scheduled", "incident", "receiver", unique=True, postgresql_where=text("state = 'scheduled'"),
          sqlite_where=text("state = 'scheduled'")),
    Index("outbox_unfinished", "incident", postgresql_where=text("state IN ('scheduled', 'frozen', 'bundled')"),
          sqlite_where=text("state IN ('scheduled', 'frozen', 'bundled')")),
    Index("outbox_next", "receiver", "due_at", postgresql_where=text("state IN ('scheduled', 'frozen')"),
          sqlite_where=text("state IN ('scheduled', 'frozen')")),
    Index("outbox_bundled", "carrier", postgresql_where=text("state = 'bundled'"),
          sqlite_where=text("state = 'bundled'")),
    Index("outbox_failed", "finished_at", postgresql_where=text("state = 'failed'"),
          sqlite_where=text("state = 'failed'")),
)  # fmt: skip

# What a receiver was told of an incident: recorded only after the send succeeded. `arrival`: posts up to this one.
told = Table(
    "told",
    metadata,
    Column("incident", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("severity", Integer, nullable=False),
    PrimaryKeyConstraint("incident", "receiver"),
)

# A receiver's lease (one dispatcher delivers to it at a time) and its pace, which outlive a restart.
receivers = Table(
    "receivers",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),  # Retry-After, or a back-off after failures
    Column("failures", Integer, nullable=False),  # in a row
    Column("off", Text),  # why it is switched off until `check --send`
    Column("sends", Text, nullable=False),  # JSON list: times of the last sends, for the throttle
)

# What each worker last said of itself, for `hikeshi status`.
worker_reports = Table(
    "worker_reports",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # JSON
)

# The stream of one credential at X: which replica holds it, and (JSON) watermark, connects and the bill by day.
stream_state = Table(
    "stream_state",
    metadata,
    Column("credential", Text, primary_key=True),  # a name that gives nothing of it away
    Column("owner", Text, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

# Ids of the posts that X billed today (UTC): each counts once a day.
billed_posts = Table(
    "billed_posts",
    metadata,
    Column("credential", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("id", Text, nullable=False),
    PrimaryKeyConstraint("credential", "day", "id"),
)
