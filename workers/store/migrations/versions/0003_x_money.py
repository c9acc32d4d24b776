"""what a month has cost."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Filled by its part."""
