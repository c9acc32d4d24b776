"""what users have taught the classifier."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Filled by its part."""
