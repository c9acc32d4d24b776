"""The stages of this release, by name."""

from typing import Final

STAGES: Final = ("stream", "classifier", "dispatcher")
LATER: Final = ("steward", "console")  # of the contract, in a later release
