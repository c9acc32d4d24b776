"""The language of a post: what the source said, or a guess from its script where it said nothing."""

import re
from typing import Final

# X's own codes for "no language": undetermined, and media, hashtags, mentions, cards or very short text alone.
UNKNOWN: Final = frozenset({"", "und", "zxx", "qam", "qct", "qht", "qme", "qst"})

_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_HAN = re.compile("[\u4e00-\u9fff]")
_KANA_OR_HAN = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d\u4e00-\u9fff]")
_OTHER_SCRIPT = re.compile("[\u0370-\u1fff\u2c00-\u2dff\ua000-\ua4cf\uac00-\ud7a3\ufb1d-\ufdff]")
_LATIN_WORD = re.compile(r"[a-z']+")
_ACCENTED = re.compile("[\u00e0-\u024f]")
# Words that are frequent in English and in none of its neighbours; one in five words of English text is among them.
_ENGLISH: Final = frozenset({
    "the", "and", "you", "that", "was", "for", "are", "with", "this", "have", "not", "but", "what", "your", "from",
    "they", "just", "can", "will", "out", "about", "get", "when", "there", "how", "been", "would", "who", "more",
    "has", "their", "my", "i", "is", "it", "of", "to", "were", "his", "she", "him", "than", "then", "them", "these",
    "some", "i'm", "it's", "don't", "can't", "didn't", "why", "where", "we", "our", "did", "does", "had", "still",
    "never", "because", "too", "any", "after", "now", "only", "thanks", "please", "help",
})  # fmt: skip


def language(text: str, said: str | None) -> str:
    """`said` without its region where it names a language, else ja, en or und from the text (masked, any case)."""
    if said:
        base = said.replace("_", "-").split("-", 1)[0].strip().lower()
        if base not in UNKNOWN:
            return base
    return _guess(text)


def japanese_script(text: str) -> bool:
    """Whether it holds kana or Han characters, whatever language it is in."""
    return not text.isascii() and _KANA_OR_HAN.search(text) is not None


def _guess(text: str) -> str:
    if _KANA.search(text):
        return "ja"
    if _HAN.search(text):
        return "ja" if _japanese_only(text) else "und"
    if _OTHER_SCRIPT.search(text):
        return "und"
    folded = text.replace("@user", " ").lower()
    words = [word for word in _LATIN_WORD.findall(folded) if word != "http"]
    if not words:
        return "und"
    frequent = sum(word in _ENGLISH for word in words)
    if frequent * 8 >= len(words) and not _ACCENTED.search(folded):
        return "en"
    # Two or three words without an accent ("battery died again") are more often English than not on these streams.
    return "en" if len(words) <= 4 and folded.isascii() else "und"


def _japanese_only(text: str) -> bool:
    """Whether Han characters without kana can be Japanese: simplified Chinese has letters that its old codes lack."""
    try:
        "".join(_HAN.findall(text)).encode("shift_jis")
    except UnicodeEncodeError:
        return False
    return True
