"""What users have taught the classifier."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "lessons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("kind_before", sa.Text(), nullable=False),
        sa.Column("severity_before", sa.Integer(), nullable=False),
        sa.Column("incident_before", sa.Text()),
        sa.Column("features", sa.Text(), nullable=False),
        sa.Column("features_version", sa.Integer(), nullable=False),
        sa.Column("exact", sa.Text(), nullable=False),
        sa.Column("taught_by", sa.Text(), nullable=False),
        sa.Column("taught_at", sa.BigInteger(), nullable=False),
        sa.Column("undone_by", sa.Text()),
        sa.Column("undone_at", sa.BigInteger()),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("lessons_by_post", "lessons", ["brand", "post", "taught_at"])
    op.create_index("lessons_by_change", "lessons", ["changed_at"])
