"""Alembic's entry: runs the migrations on the connection it is handed."""

from alembic import context

from workers.store import baseline_tables, ops_tables, silence_tables, steward_tables, teaching_tables, x_tables  # noqa: F401  adds its tables to the same metadata
from workers.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
