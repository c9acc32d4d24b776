"""The exit statuses of the contract, and which error means which."""

from typing import Final

from schemas.errors import ConfigurationError, HikeshiError, RefusedError

DONE: Final = 0
FAILED: Final = 1
MEND: Final = 2
REFUSED: Final = 3
INTERRUPTED: Final = 130  # the shell's own: ended by Ctrl-C, in a command that has nothing to drain


def status_of(error: HikeshiError) -> int:
    """2 for what the user must mend, 3 for what X refuses, else 1."""
    if isinstance(error, RefusedError):
        return REFUSED
    return MEND if isinstance(error, ConfigurationError) else FAILED
