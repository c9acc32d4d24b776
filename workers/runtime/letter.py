"""A dead letter: a record or source line that could not be processed, as it lies on a dead-letter topic."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.topics import DEAD_LETTER_PAYLOAD_BYTES
from workers.runtime.stop_rule import Standing


class Letter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One dead letter. Its key on the topic is `id`; a null value there says that it was retried or dropped.

    `payload` is the record as text, or `payload_base64` where it is not valid UTF-8, cut at 256 KiB (`cut`).
    `where` says where it came from: `{"file", "line"}` for a line of a replay (exempt from the stop rule),
    `{"topic", "partition", "offset"}` for a record. `stops` says why the stage stopped at this letter, if it did.
    """

    schema_version: int = 1
    id: str
    stage: str
    topic: str
    at: str
    fault: str
    where: dict[str, Any] = {}
    key: str | None = None
    payload: str | None = None
    payload_base64: str | None = None
    payload_bytes: int = 0
    cut: bool = False
    headers: dict[str, str] = {}
    standing: Standing | None = None
    stops: str | None = None

    @property
    def content(self) -> bytes | None:
        """The payload's bytes, as far as they were kept; None where the record had none."""
        if self.payload_base64 is not None:
            return base64.b64decode(self.payload_base64)
        return None if self.payload is None else self.payload.encode()

    @property
    def is_record(self) -> bool:
        """Whether it was a record of a topic; else a source's line."""
        return "offset" in self.where


def letter_id(stage: str, key: bytes, payload: bytes | None, where: Mapping[str, Any]) -> str:
    """The same for the same record at the same place, or for the same line with the same number, whatever its file.

    A retried record lies at another place: should it fail again, its letter is a new one, and the retry's null value
    on the old one's key can't wipe it out.
    """
    place = (
        f"{where['topic']}/{where['partition']}/{where['offset']}" if "offset" in where else str(where.get("line", ""))
    )
    digest = hashlib.sha256()
    for part in (stage.encode(), key, b"" if payload is None else payload, place.encode()):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:24]


def payload_fields(payload: bytes | None) -> dict[str, Any]:
    """The letter's fields about its payload."""
    if payload is None:
        return {}
    kept = payload[:DEAD_LETTER_PAYLOAD_BYTES]
    fields: dict[str, Any] = {"payload_bytes": len(payload), "cut": len(kept) < len(payload)}
    try:
        text = kept.decode()
    except UnicodeDecodeError as error:
        # A cut may go through the middle of a character of valid text: leave that one character out.
        if fields["cut"] and error.reason == "unexpected end of data":
            text = kept[: error.start].decode()
        else:
            return fields | {"payload_base64": base64.b64encode(kept).decode()}
    return fields | {"payload": text}


def decode_letter(value: bytes) -> Letter | None:
    """The letter in a record's value; None for what somebody else wrote there."""
    try:
        return msgspec.json.decode(value, type=Letter)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
