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
X_DEAF_SECONDS: Final = Gauge("hikeshi_x_deaf_seconds", "Since the last byte of X's stream, heartbeats included.")
X_POSTS_BILLED: Final = Counter("hikeshi_x_posts_billed", "Posts that X bills: each once a UTC day.")
X_SPENT_TODAY: Final = Gauge("hikeshi_x_spent_today_usd", "What this UTC day's posts cost, in dollars.")
X_POSTS_RECOVERED: Final = Counter("hikeshi_x_posts_recovered", "Posts that a search found after a gap of the stream.")
X_POSTS_GIVEN_UP: Final = Counter(
    "hikeshi_x_posts_given_up", "Posts of a gap that a search's budget didn't reach, as far as can be told."
)

# Classifier
MARKS_PUBLISHED: Final = Counter("hikeshi_marks_published", "Marks that the log acknowledged, by kind.", ["kind"])
CLASSIFY_SECONDS: Final = Histogram(
    "hikeshi_classify_seconds", "Time to classify one batch, in its thread.", buckets=_LATENCY_BUCKETS
)

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
OUTBOX_PENDING: Final = Gauge("hikeshi_outbox_pending", "Notifications that are due and not yet sent.")
