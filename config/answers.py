"""`answers.yaml`: the team's own answers by situation, in both languages. A person sends them, never the program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from config.brands import Brand
from config.documents import Document, Place
from config.faults import suggestion
from config.fields import ONE_OR_MORE, BrandId, Language, Text
from config.keywords import Keyword
from config.refusals import refusal
from config.validation import Strict, validate
from schemas.mark import Kind, Severity

EXAMPLE: Final = "config/answers.example.yaml"
# X's: a post of an account without a subscription. Characters of most scripts but Latin weigh two.
LONGEST_WEIGHT: Final = 280
_LIGHT: Final = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))


class AnswerTexts(Strict):
    """What to answer, in each language that you have it in."""

    ja: Text | None = Field(default=None, examples=["ご不便をおかけしています。"])
    """In Japanese."""
    en: Text | None = Field(default=None, examples=["We are sorry about that."])
    """In English."""

    @model_validator(mode="after")
    def _one_at_least(self) -> "AnswerTexts":
        if self.ja is None and self.en is None:
            raise refusal("has no text", "write `ja:` or `en:` or both")
        return self


class AnswerConditions(Strict):
    """What a post must be for an answer to fit; what is left out asks for nothing."""

    brand: Annotated[frozenset[BrandId], ONE_OR_MORE] = Field(default=frozenset(), examples=["acme"])
    """Ids of brands."""
    kind: Annotated[frozenset[Kind], ONE_OR_MORE] = Field(default=frozenset(), examples=["complaint"])
    """What the post is."""
    severity: Annotated[frozenset[Severity], ONE_OR_MORE] = Field(default=frozenset(), examples=["[medium, high]"])
    """How bad it is."""
    lang: Annotated[frozenset[Language], ONE_OR_MORE] = Field(default=frozenset(), examples=["ja"])
    """The language of the post."""
    keywords: tuple[Keyword, ...] = Field(default=(), examples=["[熱い, overheat]"])
    """One of these must stand in it; the more of them do, the better the answer fits."""


class AnswerEntry(Strict):
    """A situation, when it is one, and what to answer."""

    situation: Text = Field(examples=["The charger gets hot"])
    """What the reader is told that this answer is for."""
    when: AnswerConditions = Field(examples=["{kind: complaint, keywords: [熱い, overheat]}"])
    """When it fits."""
    answer: AnswerTexts = Field(examples=["{ja: …, en: …}"])
    """The answer itself."""

    @field_validator("when")
    @classmethod
    def _asks_for_something(cls, when: AnswerConditions) -> AnswerConditions:
        if when == AnswerConditions():
            raise refusal("asks for nothing: it would fit every post", "add `keywords: […]`, `kind: …` or `brand: …`")
        return when

    @field_validator("answer")
    @classmethod
    def _fits_a_post(cls, answer: AnswerTexts) -> AnswerTexts:
        for language, text in (("ja", answer.ja), ("en", answer.en)):
            if text is not None and weight(text) > LONGEST_WEIGHT:
                raise refusal(
                    f"the text in {language} weighs {weight(text)}, a post on X {LONGEST_WEIGHT} at most",
                    "shorten it; a Japanese character weighs two",
                )
        return answer


def weight(text: str) -> int:
    """The length of a post as X counts it, but for links, which weigh 23 whatever their length."""
    return sum(1 if any(first <= ord(c) <= last for first, last in _LIGHT) else 2 for c in text)


def answers_of(document: Document, brands: Sequence[Brand]) -> tuple[AnswerEntry, ...]:
    """The entries of a document, which gets the faults; a brand that is none of `brands` is one."""
    root = document.value
    if root is None:
        return ()
    if not isinstance(root, dict) or not isinstance(root.get("answers"), list) or not root["answers"]:
        document.refuse((), "must hold `answers:` and under it a list", f"start from {EXAMPLE}")
        return ()
    for key in root.keys() - {"answers"}:
        document.refuse((key,), "unknown key", suggestion(key, ["answers"]))
    known = {brand.id for brand in brands}
    entries = []
    for index, value in enumerate(root["answers"]):
        place: Place = ("answers", index)
        entry = validate(AnswerEntry, value, document, place)
        if entry is None:
            continue
        for brand in sorted(entry.when.brand - known):
            document.refuse((*place, "when", "brand"), f"there is no brand {brand!r}", suggestion(brand, known))
        entries.append(entry)
    return tuple(entries)


def answers_path(folder: Path) -> Path:
    """Where the answer book of a configuration is."""
    return folder / "answers.yaml"
