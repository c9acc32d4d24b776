"""Takes secrets out of what leaves the process: log lines and error reports."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

MASK: Final = "[redacted]"

_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|authorization|api_?key|routing_?key|signature|cookie|credential|dsn", re.IGNORECASE
)
_SECRET_VALUE: Final = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/%=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(://[^/\s:@]*:)[^@/\s]+@"), rf"\1{MASK}@"),
)
_MIN_SECRET_CHARACTERS: Final = 4  # ours: shorter ones would blank ordinary words all over the log


class Redactor:
    """Knows the configured secrets by value, and others by the name of their field or by their shape."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= _MIN_SECRET_CHARACTERS}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _SECRET_VALUE:
            text = pattern.sub(replacement, text)
        return text

    def value(self, name: str, value: Any) -> Any:
        """A field's value without secrets, containers included."""
        if _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool | int | float):
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value("", item) for item in value]
        return value


def secrets_of(settings: BaseModel) -> list[str]:
    """The values of all secrets in a tree of settings; of an address, the password in it."""
    found: list[str] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            found.extend(secrets_of(value))
        elif isinstance(value, SecretStr):
            secret = value.get_secret_value()
            try:
                password = urlsplit(secret).password if "://" in secret else None
            except ValueError:
                password = None
            found.extend([secret, password] if password else [secret])
    return found
