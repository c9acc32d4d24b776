"""what is usual for a brand at an hour."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Filled by its part."""
