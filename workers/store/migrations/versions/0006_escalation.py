"""Escalations frozen on their incidents, silences, drills."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("escalation", sa.Text(), nullable=True))
    op.add_column("incidents", sa.Column("muted_by", sa.Text(), nullable=True))
    op.add_column("incidents", sa.Column("muted_until", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("mute", sa.Text(), nullable=True))
    op.create_index(
        "incidents_muted",
        "incidents",
        ["mute"],
        unique=False,
        postgresql_where=sa.text("mute IS NOT NULL"),
        sqlite_where=sa.text("mute IS NOT NULL"),
    )
    op.create_index(
        "incidents_taken",
        "incidents",
        ["brand"],
        unique=False,
        postgresql_where=sa.text("status = 'acknowledged'"),
        sqlite_where=sa.text("status = 'acknowledged'"),
    )
    op.add_column("outbox", sa.Column("held", sa.Text(), nullable=True))
    op.create_table(
        "silences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("phrase", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "silences_active",
        "silences",
        ["ends_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "drills",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
