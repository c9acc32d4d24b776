"""The stages of this release, by name."""

from typing import Final

STAGES: Final = ("stream", "classifier", "dispatcher", "console")
OPTIONAL: Final = ("console",)  # posts become alerts without it: missed only where it once ran
LATER: Final = ("steward",)  # of the contract, in a later release
