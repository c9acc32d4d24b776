"""Which answer of the book fits a post best: pure, with the reason in words. A person sends it, never the program."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from config.answers import AnswerEntry
from config.keywords import Keyword, comparable, is_kana, is_latin

INTENT: Final = "https://x.com/intent/tweet"  # X's web intent: it opens a window with the text, and sends nothing


class Answering(NamedTuple):
    """A post as the answer book sees it."""

    id: str
    brand: str
    kind: str
    severity: str
    lang: str | None
    text: str


class Answer(NamedTuple):
    """The entry that fits best, in the language of the post where the book has it, and why."""

    situation: str
    text: str
    language: str
    reason: str
    url: str


def best_answer(book: Sequence[AnswerEntry], post: Answering, language: str) -> Answer | None:
    """The entry with the most keywords found, then with the most conditions, then the first; None where none fits.

    Its text is in the post's language; where the book has none in it, in the reader's `language`, or in the other.
    """
    text = comparable(post.text)
    best: tuple[tuple[int, int], AnswerEntry, list[str]] | None = None
    for entry in book:
        found = [keyword.text for keyword in entry.when.keywords if stands_in(keyword, text)]
        if not _fits(entry, post) or (entry.when.keywords and not found):
            continue
        when = entry.when
        strength = (len(found), sum(bool(asked) for asked in (when.brand, when.kind, when.severity, when.lang)))
        if best is None or strength > best[0]:
            best = (strength, entry, found)
    if best is None:
        return None
    _, entry, found = best
    spoken = next(code for code in (post.lang, language, "ja", "en") if code and _text(entry, code))
    words = _text(entry, spoken) or ""
    return Answer(entry.situation, words, spoken, _reason(entry, post, found, language), reply_url(post.id, words))


def reply_url(post_id: str, text: str) -> str:
    """The address that opens X's reply window with this text in it."""
    # %20 for a space: an app that catches the link may not read + as one.
    return f"{INTENT}?{urlencode({'in_reply_to': post_id, 'text': text}, quote_via=quote)}"


def stands_in(keyword: Keyword, text: str) -> bool:
    """Whether a keyword stands in a text that is `comparable` already, by the same rule as the brands' keywords."""
    wanted = comparable(keyword.text)
    at = text.find(wanted)
    while wanted and at >= 0:
        before, after = text[at - 1 : at] if at else "", text[at + len(wanted) : at + len(wanted) + 1]
        if keyword.rule == "anywhere" or not (_joins(before, wanted[0]) or _joins(after, wanted[-1])):
            return True
        at = text.find(wanted, at + 1)
    return False


def _joins(neighbour: str, edge: str) -> bool:
    """Whether a character beside a word makes it part of a longer one: of the same script."""
    if not neighbour:
        return False
    if is_latin(edge):
        return is_latin(neighbour)
    return is_kana(edge) and is_kana(neighbour) and _block(edge) == _block(neighbour)


def _block(kana: str) -> bool:
    return "\u3041" <= kana <= "\u309f"  # hiragana


def _fits(entry: AnswerEntry, post: Answering) -> bool:
    when = entry.when
    return (
        (not when.brand or post.brand in when.brand)
        and (not when.kind or post.kind in when.kind)
        and (not when.severity or post.severity in when.severity)
        and (not when.lang or post.lang in when.lang)
    )


def _text(entry: AnswerEntry, language: str) -> str | None:
    return {"ja": entry.answer.ja, "en": entry.answer.en}.get(language)


def _reason(entry: AnswerEntry, post: Answering, found: Sequence[str], language: str) -> str:
    if found:
        words = "、".join(f"「{word}」" for word in found) if language == "ja" else ", ".join(f"“{w}”" for w in found)
        return f"{words}がある" if language == "ja" else f"it says {words}"
    asked = [name for name in ("brand", "kind", "severity", "lang") if getattr(entry.when, name)]
    shown = ", ".join(f"{name} {getattr(post, name)}" for name in asked)
    return f"{shown}に当てはまる" if language == "ja" else f"fits {shown}"
