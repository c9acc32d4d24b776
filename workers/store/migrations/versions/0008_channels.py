"""what a channel keeps of its messages."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Filled by its part."""
