"""The first shape of the store."""

from alembic import op

from workers.store.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
