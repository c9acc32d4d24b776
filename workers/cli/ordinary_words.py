"""Which ordinary words a keyword is, or is found in: such a keyword hears what nobody said about the brand. Pure."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from config.brands import Brand
from workers.stream.match import Matcher
from workers.stream.post import Context, Post

_FOLDER: Final = Path(__file__).parent / "dictionary"  # NOTICE says where the words are from
_SHOWN: Final = 6  # ours: words in a line


class Ambiguous(NamedTuple):
    """A keyword of a brand, and the ordinary words in which it is found, itself among them if it is one."""

    brand: str
    keyword: str
    words: list[str]

    @property
    def itself(self) -> bool:
        """Whether the keyword is an ordinary word."""
        return any(word.casefold() == self.keyword.casefold() for word in self.words)

    def __str__(self) -> str:
        others = [word for word in self.words if word.casefold() != self.keyword.casefold()]
        said = ["is an ordinary word itself"] if self.itself else []
        if others:
            shown = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
            said.append(f"is found in {len(others)} ordinary words ({shown})")
        remedy = (
            "add `context` and `require_context: true`, or a longer keyword"
            if self.itself
            else f"write {{text: {self.keyword}, match: word}}, or put them into `exclude`"
        )
        return f"brand {self.brand}: keyword {self.keyword} {' and '.join(said)}; {remedy}"


@cache
def ordinary_words() -> tuple[str, ...]:
    """Japanese and English, some 57,000."""
    lines = [line for name in ("ja", "en") for line in msgspec.json.decode((_FOLDER / f"{name}.json").read_bytes())]
    return tuple(word for line in lines for word in line.split())


def ambiguous(brands: Sequence[Brand]) -> list[Ambiguous]:
    """By the very matching that judges posts, so that `match: word` and `exclude` count; a required context helps."""
    open_to_all = [brand for brand in brands if not brand.require_context]
    matcher = Matcher([brand.model_copy(update={"languages": ()}) for brand in open_to_all])
    context = Context({})
    found: dict[tuple[str, str], list[str]] = {}
    for word in ordinary_words():
        for match in matcher.match(Post("1", word, {}, context)):
            for keyword in match.keywords:
                found.setdefault((match.brand.id, keyword), []).append(word)
    # The more ordinary words come shorter: サンダル before サンジカリスト.
    return [Ambiguous(*key, sorted(words, key=lambda word: (len(word), word))) for key, words in found.items()]
