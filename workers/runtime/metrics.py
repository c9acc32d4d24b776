"""Every metric of the program, each with a sentence. Labels hold names of ours, never text, ids or secrets."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

# From a millisecond (one process) to an hour (a broker that was away): the contract's aims lie at 50 and 250 ms.
_LATENCY_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)

# Runtime
STAGE_READY: Final = Gauge("hikeshi_stage_ready", "1 while the stage does its work, else 0.", ["stage"])
STAGE_LAG: Final = Gauge("hikeshi_stage_lag_records", "Records that wait for the stage.", ["stage"])
STAGE_MOVED: Final = Counter("hikeshi_stage_moved_records", "Records that the stage has finished.", ["stage"])
LOOP_LAG: Final = Histogram(
    "hikeshi_loop_lag_seconds",
    "How late the event loop ran a timer: work on it that should be elsewhere.",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
)
LOG_LINES_SUPPRESSED: Final = Counter(
    "hikeshi_log_lines_suppressed", "Lines of third-party loggers that were left out for being too many.", ["logger"]
)
DEAD_LETTERS: Final = Counter("hikeshi_dead_letters", "Records put aside as dead letters.", ["stage"])
HEARTBEATS: Final = Counter(
    "hikeshi_heartbeats", "Calls of the heartbeat URL, by outcome (sent, failed, withheld).", ["outcome"]
)
CONFIGURATION_REFUSED: Final = Gauge(
    "hikeshi_configuration_refused", "1 while a changed file is refused and the one before it is in force."
)

# Stream
POSTS_READ: Final = Counter(
    "hikeshi_posts_read", "Posts and lines read at the source, by what they were counted as.", ["outcome"]
)
MENTIONS_PUBLISHED: Final = Counter("hikeshi_mentions_published", "Mentions that the log acknowledged.")
X_CONNECTS: Final = Counter("hikeshi_x_connects", "Connections asked of X's stream; its quota is 50 in 15 minutes.")
X_DISCONNECTS: Final = Counter("hikeshi_x_disconnects", "Connections that failed or ended, by cause.", ["cause"])
X_POLLS: Final = Counter("hikeshi_x_polls", "Times that X was read by recent search, where the plan has no stream.")
X_DEAF_SECONDS: Final = Gauge("hikeshi_x_deaf_seconds", "Since the last byte of X's stream, heartbeats included.")
X_POSTS_BILLED: Final = Counter("hikeshi_x_posts_billed", "Posts that X bills: each once a UTC day.")
X_AUTHORS_BILLED: Final = Counter("hikeshi_x_authors_billed", "Authors that X may bill: each once a UTC day.")
X_SPENT_TODAY: Final = Gauge("hikeshi_x_spent_today_usd", "What this UTC day's posts and authors cost, in dollars.")
X_SPENT_MONTH: Final = Gauge("hikeshi_x_spent_month_usd", "What this UTC month's posts and authors cost, in dollars.")
X_BUDGET_USED: Final = Gauge(
    "hikeshi_x_budget_used_ratio",
    "How much of a limit on reading X is used, by its setting; 1: nothing is left.",
    ["limit"],
)
X_BRANDS_PAUSED: Final = Gauge("hikeshi_x_brands_paused", "Brands not listened for, since the money for X runs out.")
X_USAGE_DIFFERENCE: Final = Gauge(
    "hikeshi_x_usage_difference_posts", "What X counts as read more (less: below 0) than our meter does, this month."
)
X_POSTS_MISSING: Final = Counter(
    "hikeshi_x_posts_missing", "Posts that the stream left out while it was open; a search found them."
)
X_POSTS_RECOVERED: Final = Counter("hikeshi_x_posts_recovered", "Posts that a search found after a gap of the stream.")
X_POSTS_GIVEN_UP: Final = Counter(
    "hikeshi_x_posts_given_up", "Posts of a gap that a search's budget didn't reach, as far as can be told."
)

# Classifier
MARKS_PUBLISHED: Final = Counter("hikeshi_marks_published", "Marks that the log acknowledged, by kind.", ["kind"])
CLASSIFY_SECONDS: Final = Histogram(
    "hikeshi_classify_seconds", "Time to classify one batch, in its thread.", buckets=_LATENCY_BUCKETS
)

PROMOTIONS: Final = Counter(
    "hikeshi_promotions", "Posts kept out of alerts as promotion, by what told it (words, form, wave).", ["by"]
)
WAVE_POSTS: Final = Counter(
    "hikeshi_wave_posts",
    "Posts that near-identical ones came before within a day, by what became of them (kept_out, shown).",
    ["outcome"],
)
LESSONS: Final = Gauge("hikeshi_lessons", "Lessons of users that the classifier goes by.")
LESSONS_AGE: Final = Gauge("hikeshi_lessons_age_seconds", "Since the lessons were last looked for in the store.")

# Dispatcher
MARKS_STORED: Final = Counter("hikeshi_marks_stored", "Marks whose transaction was committed.")
STORE_SECONDS: Final = Histogram(
    "hikeshi_store_transaction_seconds", "Time of one batch's transaction.", buckets=_LATENCY_BUCKETS
)
FENCED: Final = Counter("hikeshi_fenced_batches", "Batches dropped because another owner had gone on.", ["stage"])
INCIDENTS_OPENED: Final = Counter("hikeshi_incidents_opened", "Incidents opened, by scope.", ["scope"])
NOTIFICATIONS: Final = Counter(
    "hikeshi_notifications",
    "Attempts to notify, by receiver and outcome (sent, retry, failed, cancelled).",
    ["receiver", "outcome"],
)
NOTIFICATION_SECONDS: Final = Histogram(
    "hikeshi_notification_seconds",
    "From the moment a notification was due until it was delivered.",
    buckets=_LATENCY_BUCKETS,
)
MESSAGE_EDITS: Final = Counter(
    "hikeshi_message_edits",
    "Attempts to change a message that was sent, by receiver and outcome (edited, retry, dropped).",
    ["receiver", "outcome"],
)
RECEIVER_FAILURES: Final = Gauge(
    "hikeshi_receiver_failures", "Attempts in a row that a receiver did not take; 0: it takes them.", ["receiver"]
)
RECEIVER_RESTING: Final = Gauge(
    "hikeshi_receiver_resting",
    "1 while nothing is sent to a receiver: it asked for a pause, fails, is throttled or switched off.",
    ["receiver"],
)
OUTBOX_PENDING: Final = Gauge("hikeshi_outbox_pending", "Notifications that are due and not yet sent.")
OUTBOX_AGE: Final = Gauge("hikeshi_outbox_age_seconds", "How long the oldest of these has been due.")
TROUBLES: Final = Gauge("hikeshi_troubles", "What the self-audit finds overdue; 0 while all is well.")

# Steward
POSTS_LOOKED_UP: Final = Counter("hikeshi_posts_looked_up", "Posts that X was asked for by their ids.")
POSTS_REMOVED: Final = Counter(
    "hikeshi_posts_removed", "Posts removed because X no longer shows them, by why.", ["reason"]
)
REMOVALS_HELD: Final = Gauge(
    "hikeshi_removals_held", "Posts that X no longer shows, too many at once to be removed without a person's word."
)
EDITS_FOUND: Final = Counter("hikeshi_edits_found", "Edits that a look-up found and the stream had not brought.")
COMPLIANCE_JOBS: Final = Counter("hikeshi_compliance_jobs", "Compliance jobs, by how they ended.", ["outcome"])
ROWS_EXPIRED: Final = Counter("hikeshi_rows_expired", "Rows forgotten because they were old enough.", ["table"])
