"""X's rule language: a rule's text becomes a tree, or an error that says what X would not take."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

# Operators that may stand alone, those that need one of them beside, and those that only the stream knows.
STANDALONE: Final = frozenset(
    {"keyword", "phrase", "hashtag", "mention", "cashtag", "from", "to", "retweets_of", "conversation_id", "url"}
)
CONJUNCTION: Final = frozenset({"lang", "is", "has"})
STREAM_ONLY: Final = frozenset({"followers_count", "min_followers"})
_IS: Final = frozenset({"retweet", "reply", "quote", "verified", "nullcast"})
_HAS: Final = frozenset({"hashtags", "cashtags", "links", "mentions", "media", "images", "video_link", "geo"})
_BARE: Final = frozenset({"keyword", "phrase", "hashtag", "mention", "cashtag"})  # written without their names
_SIGNS: Final = {"#": "hashtag", "＃": "hashtag", "@": "mention", "＠": "mention", "$": "cashtag"}
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,15}")
_TAG: Final = re.compile(r"\w*[^\W\d]\w*")
_TICKER: Final = re.compile(r"[A-Za-z]{1,6}([._][A-Za-z]{1,2})?")
_LANGUAGE: Final = re.compile(  # those that X documents; neither und nor qst is among them
    "am|ar|bg|bn|ca|cs|da|de|el|en|es|et|eu|fa|fi|fr|gu|hi|hr|hu|hy|in|it|iw|ja|ka|kn|ko|lt|lv|ml|mr|nl|no|pl|pt|ro|ru"
    "|sk|sl|sr|sv|ta|te|th|tr|uk|ur|vi|zh-CN|zh-TW"
)
_DEEPEST: Final = 50  # groups in groups: ours, so that no rule can exhaust the stack

_TOKENS: Final = re.compile(
    r'\s*(?:(?P<sign>-)?(?:(?P<open>\()|(?:(?P<op>[a-z_]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+)))|(?P<close>\)))'
)


class QueryError(ValueError):
    """The rule is not one that X takes."""


@dataclass(frozen=True, slots=True)
class Term:
    """One operator with its value; `keyword` and `phrase` for plain words."""

    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """All must hold."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One must hold. Binds less than `And`."""

    nodes: tuple["Node", ...]


Node = Term | Not | And | Or


class _Token(NamedTuple):
    kind: str  # open, close, or, term
    negated: bool = False
    term: Term | None = None


def parse(text: str, *, stream: bool, limit: int) -> Node:
    """The tree of a rule (`stream`) or of a search query. Raises QueryError."""
    if not text.strip():
        raise QueryError("a rule can't be empty")
    if len(text) > limit:
        raise QueryError(f"a rule must be at most {limit} characters long; this one has {len(text)}")
    reader = _Reader(list(_tokens(text, stream=stream)))
    node = reader.either(0)
    if reader.peek() is not None:
        raise QueryError("a `)` closes nothing")
    if not _stands(node):
        raise QueryError("there must be a standalone operator (a word, a phrase, #, @, from: …) in every alternative")
    return node


def literals(node: Node) -> Iterator[str]:
    """The words, phrases, hashtags and mentions that the tree asks for, as a post would write them."""
    if isinstance(node, Term):
        if node.operator in {"keyword", "phrase"}:
            yield node.value
        elif node.operator in {"hashtag", "mention"}:
            yield ("#" if node.operator == "hashtag" else "@") + node.value
    elif not isinstance(node, Not):
        for child in node.nodes:
            yield from literals(child)


def names_words(node: Node) -> bool:
    """Whether words are looked for at all, and not only accounts and the like."""
    return any(True for _ in literals(node))


def _tokens(text: str, *, stream: bool) -> Iterator[_Token]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        found = _TOKENS.match(text, place)
        if found is None:
            raise QueryError(f"can't be read from character {place + 1} on: {text[place : place + 20]!r}")
        place = found.end()
        negated = found["sign"] is not None
        if found["open"]:
            yield _Token("open", negated)
        elif found["close"]:
            yield _Token("close")
        elif found["word"] == "OR" and not (negated or found["op"]):
            yield _Token("or")
        elif found["word"] == "AND" and not (negated or found["op"]):
            raise QueryError("AND is not an operator: a space means it")
        else:
            yield _Token("term", negated, _term(found, stream=stream))


def _term(found: re.Match[str], *, stream: bool) -> Term:
    operator, phrase, word = found["op"], found["phrase"], found["word"]
    value = phrase if phrase is not None else word
    if not value.strip():
        raise QueryError("an empty phrase matches nothing")
    if operator is None:
        if phrase is not None:
            return Term("phrase", phrase)
        if word[0] in _SIGNS and len(word) > 1:
            return _signed(word)
        if word == "-":
            raise QueryError("`-` must stand directly before what it negates")
        return Term("keyword", word)
    if operator in STREAM_ONLY and not stream:
        raise QueryError(f"the operator `{operator}:` exists on the stream only")
    if operator not in (STANDALONE | CONJUNCTION | STREAM_ONLY) - _BARE:
        raise QueryError(f"there is no operator `{operator}:`; quote the text if a colon is part of it")
    known = {"is": _IS, "has": _HAS}.get(operator)
    if known is not None and value not in known:
        raise QueryError(f"`{operator}:{value}` is not one of {', '.join(sorted(known))}")
    if operator in {"from", "to", "retweets_of"} and not _NAME.fullmatch(value.removeprefix("@")):
        raise QueryError(f"`{value}` is no username")
    if operator == "lang" and not _LANGUAGE.fullmatch(value):
        raise QueryError(f"`{value}` is no language that X knows")
    if operator in STREAM_ONLY and not re.fullmatch(r"\d+(\.\.\d+)?", value):
        raise QueryError(f"`{operator}:` takes a number, or two with `..` between")
    return Term(operator, value)


def _signed(word: str) -> Term:
    operator, value = _SIGNS[word[0]], word[1:]
    pattern = {"hashtag": _TAG, "mention": _NAME, "cashtag": _TICKER}[operator]
    if not pattern.fullmatch(value):
        raise QueryError(f"`{word}` is no {operator}")
    return Term(operator, value)


class _Reader:
    """Reads tokens by the grammar: alternatives of sequences of terms and groups."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    def peek(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def either(self, depth: int) -> Node:
        nodes = [self._all(depth)]
        while (token := self.peek()) is not None and token.kind == "or":
            self._place += 1
            nodes.append(self._all(depth))
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def _all(self, depth: int) -> Node:
        nodes: list[Node] = []
        while (token := self.peek()) is not None and token.kind in {"open", "term"}:
            self._place += 1
            node = token.term if token.term is not None else self._group(depth + 1)
            nodes.append(_signed_node(node, negated=token.negated, group=token.kind == "open"))
        if not nodes:
            raise QueryError("something is missing beside OR or inside ( )")
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _group(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise QueryError(f"groups are nested more than {_DEEPEST} deep")
        node = self.either(depth)
        token = self.peek()
        if token is None or token.kind != "close":
            raise QueryError("a `(` is never closed")
        self._place += 1
        return node


def _signed_node(node: Node, *, negated: bool, group: bool) -> Node:
    if negated and group:
        raise QueryError("a group can't be negated: negate each operator in it")
    if node == Term("is", "nullcast") and not negated:
        raise QueryError("`is:nullcast` must be negated")
    return Not(node) if negated else node


def _stands(node: Node) -> bool:
    if isinstance(node, Term):
        return node.operator in STANDALONE
    if isinstance(node, Or):
        return all(_stands(child) for child in node.nodes)
    return isinstance(node, And) and any(_stands(child) for child in node.nodes)
