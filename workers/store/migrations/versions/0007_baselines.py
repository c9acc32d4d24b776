"""what is usual for a brand at an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("minutes", sa.Column("texts", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "baselines",
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("until_hour", sa.BigInteger(), nullable=False),
        sa.Column("learned", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("brand"),
    )
