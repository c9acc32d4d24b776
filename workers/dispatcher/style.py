"""How a person is to read a notification: in which language, on which clock."""

from typing import NamedTuple


class Style(NamedTuple):
    """Language and time zone of a route."""

    language: str = "en"
    timezone: str = "UTC"
