"""A keyword as a user writes it, and how it matches where the user doesn't say."""

import re
import unicodedata
from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from config.refusals import refusal
from config.validation import Strict

MatchRule = Literal["word", "anywhere"]

LONGEST_KEYWORD = 200  # ours, in characters: beyond it a text is pasted by mistake
SHORT_KANA = 3  # the contract's: so short a kana keyword hides inside other words
PROLONGED = "ー"

# Signs that NFKC would turn into letters right beside the name that they mark.
MARK_SIGNS = re.compile("[™℠]")
# What people and phones put inside words unseen: soft hyphens, zero-width spaces and joiners, directions, the selectors
# of emoji, byte order marks.
INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe0e\ufe0f\ufeff]+")


def comparable(text: str) -> str:
    """A text as matching sees it: NFKC, case-folded, nothing invisible around or within it."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return INVISIBLE.sub("", folded).strip()


def default_rule(text: str) -> MatchRule:
    """`word` for a Latin keyword and for short kana, else `anywhere`; a `#` or `@` in front doesn't count."""
    letters = [
        character for character in comparable(text).lstrip("#@") if character.isalnum() or character == PROLONGED
    ]
    if not letters:
        return "anywhere"
    if all(is_latin(character) for character in letters):
        return "word"
    return "word" if len(letters) <= SHORT_KANA and all(map(is_kana, letters)) else "anywhere"


def is_latin(character: str) -> bool:
    """A Latin letter, with or without an accent, or a digit."""
    return character.isdecimal() or unicodedata.name(character, "").startswith("LATIN ")


def is_kana(character: str) -> bool:
    """A character of hiragana or katakana, the prolonged sound mark among them."""
    return unicodedata.name(character, "").startswith(("HIRAGANA ", "KATAKANA"))


class Keyword(Strict):
    """Words to look for, and whether they must stand alone (`word`) or may be part of others (`anywhere`)."""

    text: str = Field(examples=["アクメ"])
    match: MatchRule | None = None

    @property
    def rule(self) -> MatchRule:
        """The rule in force: the user's, else the default of the script."""
        return self.match or default_rule(self.text)

    @model_validator(mode="before")
    @classmethod
    def _text_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict | list | Keyword) else {"text": value}

    @field_validator("text")
    @classmethod
    def _matches_something(cls, text: str) -> str:
        remedy = "write the words to look for, or remove the entry"
        if not comparable(MARK_SIGNS.sub(" ", text)).lstrip("#@").rstrip(PROLONGED).strip():
            raise refusal(f"{text!r} matches nothing: spaces and signs don't count" if text else "is empty", remedy)
        if len(text) > LONGEST_KEYWORD:
            raise refusal(f"is longer than {LONGEST_KEYWORD} characters", "write fewer words")
        return text

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(core)]}
