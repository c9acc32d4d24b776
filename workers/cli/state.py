"""What the entry shares with the command that it runs."""

from dataclasses import dataclass


@dataclass
class State:
    """`debug`: show stacks of errors."""

    debug: bool = False
