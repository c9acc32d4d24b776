"""The exit statuses of the contract, and which error means which."""

from typing import Final

from schemas.errors import ConfigurationError, HikeshiError

DONE: Final = 0
FAILED: Final = 1
MEND: Final = 2
INTERRUPTED: Final = 130  # the shell's own: ended by Ctrl-C, in a command that has nothing to drain


def status_of(error: HikeshiError) -> int:
    """2 for what the user must mend, else 1."""
    return MEND if isinstance(error, ConfigurationError) else FAILED
