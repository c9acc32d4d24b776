"""The stages of this release, by name."""

from typing import Final

STAGES: Final = ("stream", "classifier", "dispatcher", "steward", "console")
OPTIONAL: Final = ("steward", "console")  # posts become alerts without these: missed only where it once ran
