"""Alembic's entry: runs the migrations on the connection it is handed."""

from alembic import context

from workers.store import (  # noqa: F401  each adds its tables to the same metadata
    baseline_tables,
    message_tables,
    ops_tables,
    silence_tables,
    steward_tables,
    teaching_tables,
    x_tables,
)
from workers.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
