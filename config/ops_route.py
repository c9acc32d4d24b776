"""`ops:` in routes.yaml: who is told of trouble with Hikeshi itself."""

from pydantic import Field, StrictStr, field_validator

from config.documents import Document, Place
from config.faults import suggestion
from config.refusals import refusal
from config.validation import Strict, validate


class OpsEntry(Strict):
    """Who is told when Hikeshi itself is in trouble: deaf, behind, out of money, unable to deliver."""

    receivers: tuple[StrictStr, ...] = Field(examples=["[pager]"])
    """Each of these is told. Name one that doesn't depend on what the routes' receivers depend on."""

    @field_validator("receivers")
    @classmethod
    def _somebody(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if names == ():
            raise refusal("is empty: nobody would be told", "name a receiver, or leave `ops` out: the log says it")
        return names


def read_ops(document: Document) -> tuple[str, ...]:
    """The receivers of ops, none without the key; the document gets every fault."""
    root = document.value
    if not isinstance(root, dict) or "ops" not in root:
        return ()
    place: Place = ("ops",)
    entry = validate(OpsEntry, root["ops"], document, place)
    if entry is None:
        return ()
    entries = root.get("receivers")
    names = (
        {e["name"] for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)}
        if isinstance(entries, list)
        else set()
    )
    for index, name in enumerate(entry.receivers):
        if name not in names:
            document.refuse((*place, "receivers", index), f"there is no receiver {name!r}", suggestion(name, names))
    return tuple(dict.fromkeys(entry.receivers))
