"""Does a post match a rule? Words as tokens, phrases of Japanese as substrings; pure."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from workers.simulator.post import CASHTAG, HASHTAG, LINK, MENTION, Post
from workers.simulator.query import And, Node, Not, Or, Term

# How X cuts unspaced Japanese into tokens is written nowhere. Here it is as bad as it can be: a whole run of such
# characters is one token, so that a bare keyword finds next to nothing and a client that relies on it is found out.
_CJK: Final = "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uff66-\uff9f"
_HAS_CJK: Final = re.compile(f"[{_CJK}]")
_TOKEN: Final = re.compile(rf"[#＃@＠$]\w+|[{_CJK}]+|[^\W{_CJK}]+")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


class Subject:
    """What of a post rules look at. The stream also reads the quoted post and minds accents; search does neither."""

    __slots__ = ("_stream", "_tokens", "post", "text", "whole")

    def __init__(self, post: Post, found: Callable[[int], Post | None], *, stream: bool) -> None:
        self.post, self._stream = post, stream
        self.text = post.text
        if (original_id := post.reference("retweeted")) and (original := found(original_id)):
            self.text = original.text  # what a retweet shows is cut; X matches the whole
        texts = [self.text]
        if stream and (quoted_id := post.reference("quoted")) and (quoted := found(quoted_id)):
            texts.append(quoted.text)
        self.whole = self.fold("\n".join(texts))
        self._tokens: list[str] | None = None

    def fold(self, text: str) -> str:
        """As it is compared."""
        if not self._stream:
            text = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))
        return text.casefold()

    @property
    def tokens(self) -> list[str]:
        """The words of the text; a hashtag or mention is one of its own."""
        if self._tokens is None:
            self._tokens = _TOKEN.findall(self.whole)
        return self._tokens

    def says(self, phrase: str, *, quoted: bool) -> bool:
        """Whether the words stand in it."""
        phrase = self.fold(phrase)
        wanted = _TOKEN.findall(phrase)
        if not wanted or (quoted and _HAS_CJK.search(phrase)):
            return phrase in self.whole
        tokens, length = self.tokens, len(wanted)
        if length == 1:
            return wanted[0] in tokens
        return any(tokens[place : place + length] == wanted for place in range(len(tokens) - length + 1))


def matches(node: Node, subject: Subject) -> bool:
    """Whether the tree holds for the post."""
    if isinstance(node, And):
        return all(matches(child, subject) for child in node.nodes)
    if isinstance(node, Or):
        return any(matches(child, subject) for child in node.nodes)
    if isinstance(node, Not):
        return not matches(node.node, subject)
    return _TERMS[node.operator](node, subject)


def _from(term: Term, subject: Subject) -> bool:
    author = subject.post.author
    return term.value.removeprefix("@").lower() in {author.username.lower(), author.id}


def _to(term: Term, subject: Subject) -> bool:
    answered = subject.post.in_reply_to
    return answered is not None and term.value.removeprefix("@").lower() in {answered.username.lower(), answered.id}


def _retweets_of(term: Term, subject: Subject) -> bool:
    found = MENTION.match(subject.post.text.removeprefix("RT ")) if subject.post.reference("retweeted") else None
    return found is not None and found[1].lower() == term.value.removeprefix("@").lower()


def _is(term: Term, subject: Subject) -> bool:
    post = subject.post
    return {
        "retweet": post.reference("retweeted") is not None,
        "reply": post.in_reply_to is not None,
        "quote": post.reference("quoted") is not None,
        "verified": post.author.verified,
        "nullcast": False,  # no post of ours is an advertisement
    }[term.value]


def _has(term: Term, subject: Subject) -> bool:
    pattern = {"hashtags": HASHTAG, "mentions": MENTION, "cashtags": CASHTAG, "links": LINK}.get(term.value)
    return pattern is not None and pattern.search(subject.text) is not None  # no post of ours has media


def _listed(pattern: re.Pattern[str]) -> Callable[[Term, Subject], bool]:
    def listed(term: Term, subject: Subject) -> bool:
        return subject.fold(term.value) in map(subject.fold, pattern.findall(subject.whole))

    return listed


def _followers(term: Term, subject: Subject) -> bool:
    least, _, most = term.value.partition("..")
    return int(least) <= subject.post.author.followers <= (int(most) if most else subject.post.author.followers)


_TERMS: Final[Mapping[str, Callable[[Term, Subject], bool]]] = {
    "keyword": lambda term, subject: subject.says(term.value, quoted=False),
    "phrase": lambda term, subject: subject.says(term.value, quoted=True),
    "hashtag": _listed(HASHTAG),
    "mention": _listed(MENTION),
    "cashtag": _listed(CASHTAG),
    "from": _from,
    "to": _to,
    "retweets_of": _retweets_of,
    "conversation_id": lambda term, subject: term.value == str(subject.post.conversation_id),
    "url": lambda term, subject: any(subject.fold(term.value) in link for link in LINK.findall(subject.whole)),
    "lang": lambda term, subject: term.value == subject.post.lang,
    "is": _is,
    "has": _has,
    "followers_count": _followers,
    "min_followers": _followers,
}
