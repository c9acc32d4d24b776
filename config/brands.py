"""The brands that are listened for: `brands.yaml`."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, StrictInt, Tag, ValidationInfo, field_validator

from config.documents import Document, read_document
from config.durations import PositiveDuration
from config.faults import ConfigurationFaults, suggestion
from config.fields import BrandId, Handle, Language, TimeZone
from config.keywords import Keyword
from config.refusals import refusal
from config.validation import Strict, validate

EXAMPLE = "config/brands.example.yaml"
MINUTE = timedelta(minutes=1)


class Burst(Strict):
    """The rule of a burst: complaints by so many authors within so long."""

    authors: StrictInt = Field(ge=1, examples=[20])
    within: PositiveDuration = Field(examples=["10m"])

    @field_validator("within")
    @classmethod
    def _whole_minutes(cls, value: timedelta) -> timedelta:
        if value % MINUTE:
            raise refusal("is not whole minutes, by which authors are counted", "write for example `10m`")
        return value


# Until a brand has a baseline of its own (the contract's).
AUTO_BURST = Burst(authors=20, within=timedelta(minutes=10))


def _shape(value: Any) -> str:
    return "<rule>" if isinstance(value, dict | Burst) else "<word>"


BurstSetting = Annotated[
    Annotated[Literal["auto", False], Tag("<word>")] | Annotated[Burst, Tag("<rule>")], Discriminator(_shape)
]


class Brand(Strict):
    """A brand: what names it, what doesn't, who speaks for it, and how a burst about it is told."""

    name: str = Field(examples=["アクメ"])
    id: BrandId = Field(default="", validate_default=True, examples=["acme"])
    keywords: tuple[Keyword, ...] = Field(examples=["[Acme, アクメ]"])
    exclude: tuple[Keyword, ...] = ()
    exclude_posts: tuple[Keyword, ...] = ()
    context: tuple[Keyword, ...] = ()
    require_context: StrictBool = False
    handles: tuple[Handle, ...] = ()
    own: tuple[Handle, ...] = ()
    languages: tuple[Language, ...] = ()
    timezone: TimeZone = "UTC"
    priority: Literal["low", "normal", "high"] = "normal"
    burst: BurstSetting = "auto"

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not name.strip():
            raise refusal("is empty", "write the brand as people read it")
        return name

    @field_validator("keywords")
    @classmethod
    def _at_least_one(cls, keywords: tuple[Keyword, ...]) -> tuple[Keyword, ...]:
        if not keywords:
            raise refusal("is empty", "write at least one keyword, for example `[Acme, アクメ]`")
        return keywords

    @field_validator("id", mode="before")
    @classmethod
    def _from_name(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.data.get("name")
        if value not in ("", None):
            return value
        if name is None:
            return "unnamed"  # without a usable name the brand is refused anyway
        found = slug(name)
        if not found:
            raise refusal(f"the name {name!r} gives no id: it holds no ASCII letter", "add one, for example `id: acme`")
        return found

    @field_validator("require_context")
    @classmethod
    def _has_context(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("context") == ():
            raise refusal("needs a `context`, without which no post would be this brand's", "add `context: [充電器]`")
        return value

    @property
    def burst_rule(self) -> Burst | None:
        """The rule in force: the brand's own, the one of `auto`, or none."""
        if isinstance(self.burst, Burst):
            return self.burst
        return AUTO_BURST if self.burst == "auto" else None


def slug(name: str) -> str:
    """The id that a name gives: its ASCII letters and digits, lower-case; empty where it has no ASCII letter."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return "-".join(words)[:64].rstrip("-") if re.search("[a-z]", plain) else ""


def load_brands(path: Path, extra: Sequence[Brand] = ()) -> tuple[Brand, ...]:
    """The brands of a file; ConfigurationFaults with all its faults."""
    document = read_document(path, example=EXAMPLE)
    brands = brands_of(document, extra)
    if document.faults:
        raise ConfigurationFaults(document.faults)
    return brands


def brands_of(document: Document, extra: Sequence[Brand] = ()) -> tuple[Brand, ...]:
    """The brands of a document, which gets the faults; `extra` are the program's own, whose ids are taken."""
    root = document.value
    if document.value is None:
        return ()
    if not isinstance(root, dict):
        document.refuse((), "must be a block with the key `brands`", f"start from {EXAMPLE}")
        return ()
    for key in root:
        if key != "brands":
            document.refuse((key,), "unknown key", suggestion(key, ["brands"]))
    entries = root.get("brands")
    if not isinstance(entries, list) or not entries:
        fault = "is not a list" if entries else "holds no brand"
        document.refuse(("brands",), fault, "write `brands:` and under it `- name: …` for each")
        return ()
    _refuse_same_ids(document, entries, extra)
    found = (validate(Brand, entry, document, ("brands", index)) for index, entry in enumerate(entries))
    return tuple(brand for brand in found if brand)


def _refuse_same_ids(document: Document, entries: Sequence[Any], extra: Sequence[Brand]) -> None:
    taken = {brand.id.casefold(): "by the sample" for brand in extra}
    for index, entry in enumerate(entries):
        place: tuple[str | int, ...] = ("brands", index)
        if not isinstance(entry, dict):
            continue
        name, brand_id = entry.get("name"), entry.get("id")
        if not brand_id and isinstance(name, str):
            brand_id = slug(name)
        if not isinstance(brand_id, str) or not brand_id:
            continue
        key = brand_id.casefold()
        if key in taken:
            field = (*place, "id" if "id" in entry else "name")
            document.refuse(field, f"the id {brand_id!r} is taken {taken[key]}", "give each brand an `id` of its own")
        taken.setdefault(key, f"by the brand in line {document.line(place)}")
