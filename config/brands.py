"""The brands that are listened for: `brands.yaml`."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, StrictBool, StrictInt, Tag, ValidationInfo, field_validator

from config.documents import Document, read_document
from config.durations import PositiveDuration, format_duration
from config.faults import ConfigurationFaults, suggestion
from config.fields import BrandId, Handle, Language, TimeZone
from config.keywords import Keyword
from config.refusals import refusal
from config.validation import Strict, validate

EXAMPLE: Final = "config/brands.example.yaml"
MINUTE: Final = timedelta(minutes=1)
LONGEST_DESCRIPTION: Final = 500  # ours, in characters: a sentence or two; what is longer says less of each word
LONGEST_BURST: Final = timedelta(days=1)  # ours: longer is no burst, and minute counters would be read by the thousand


class Burst(Strict):
    """The rule of a burst: complaints by so many authors within so long."""

    authors: StrictInt = Field(examples=[20])
    """How many different authors."""
    within: PositiveDuration = Field(examples=["10m"])
    """Within how long, in whole minutes."""

    @field_validator("authors")
    @classmethod
    def _at_least_one(cls, authors: int) -> int:
        if authors < 1:
            raise refusal(f"is {authors}: that would always hold", "write at least 1, for example `20`")
        return authors

    @field_validator("within")
    @classmethod
    def _whole_minutes(cls, value: timedelta) -> timedelta:
        if value % MINUTE:
            raise refusal("is not whole minutes, by which authors are counted", "write for example `10m`")
        if value > LONGEST_BURST:
            raise refusal(f"is longer than {format_duration(LONGEST_BURST)}", "write for example `10m`")
        return value


# Until a brand has a baseline of its own (the contract's).
AUTO_BURST: Final = Burst(authors=20, within=timedelta(minutes=10))


def _shape(value: Any) -> str:
    return "<rule>" if isinstance(value, dict | Burst) else "<word>"


def _auto_or_none(value: Any) -> Any:
    if value != "auto" and value is not False:
        remedy = "write `auto`, `false` or a rule, for example `{authors: 20, within: 10m}`"
        raise refusal("is neither `auto` nor `false` nor a rule", remedy)
    return value


BurstSetting = Annotated[
    Annotated[Literal["auto", False], BeforeValidator(_auto_or_none), Tag("<word>")] | Annotated[Burst, Tag("<rule>")],
    Discriminator(_shape),
]


class Brand(Strict):
    """A brand: what names it, what doesn't, who speaks for it, and how a burst about it is told.

    Handles are lower-case and without `@`, languages lower-case, whatever the file says.
    """

    name: str = Field(examples=["アクメ"])
    """The brand as people read it."""
    id: BrandId = Field(default="", validate_default=True, examples=["acme"])
    """ASCII; names the brand in every list and message. Needed where the name gives none."""
    keywords: tuple[Keyword, ...] = Field(examples=["[Acme, アクメ]"])
    """What names the brand: words, or `{text: サン, match: word}` to say how they must stand."""
    exclude: tuple[Keyword, ...] = Field(default=(), examples=["[acme klein]"])
    """Words that hold a keyword and mean something else: masked before matching."""
    exclude_posts: tuple[Keyword, ...] = Field(default=(), examples=["[求人]"])
    """A post with one of these is not about the brand."""
    context: tuple[Keyword, ...] = Field(default=(), examples=["[充電器, delivery]"])
    """Words that come with the brand where it is meant."""
    description: str = Field(default="", examples=["chargers and batteries for phones / スマホの充電器"])
    """What the brand is and sells, in a sentence, in the languages it is spoken of: tells it from what has its name."""
    require_context: StrictBool = Field(default=False, examples=["true"])
    """Whether a post needs one of the context's words: for names that are everyday words."""
    handles: tuple[Handle, ...] = Field(default=(), examples=["[acme_jp]"])
    """Accounts: posts that name them or reply to them count."""
    own: tuple[Handle, ...] = Field(default=(), examples=["[acme_jp]"])
    """Our own accounts: what they post is never a complaint."""
    watchlist: tuple[Handle, ...] = Field(default=(), examples=["[a_journalist]"])
    """Accounts whose every word about the brand matters, however few follow them."""
    languages: tuple[Language, ...] = Field(default=(), examples=["[ja, en]"])
    """The languages listened for, as X codes them; empty: all. Posts without a language always pass."""
    timezone: TimeZone = Field(default="UTC", examples=["Asia/Tokyo"])
    """Where the brand's day is."""
    priority: Literal["low", "normal", "high"] = Field(default="normal", examples=["high"])
    """Which brand waits first when the money for X runs out: low."""
    burst: BurstSetting = Field(default="auto", examples=["{authors: 20, within: 10m}"])
    """When many complaints are one fire: `auto`, `false` (never), or so many authors within so long."""

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

    @field_validator("description")
    @classmethod
    def _short(cls, description: str) -> str:
        if len(description) > LONGEST_DESCRIPTION:
            raise refusal(f"is longer than {LONGEST_DESCRIPTION} characters", "say in a sentence what the brand sells")
        return description.strip()

    @field_validator("watchlist")
    @classmethod
    def _of_others(cls, watchlist: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = sorted(set(watchlist) & set(info.data.get("own", ())))
        if both:
            raise refusal(f"holds our own account {both[0]!r}, which is no news to us", "take it out of one of the two")
        return watchlist

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
