"""Which brands a post is about, and why: keywords, handles, replies to us, quotes of us. Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import ahocorasick_rs

from config.brands import Brand
from config.keywords import PROLONGED, Keyword
from workers.stream.normalise import normalise, normalise_keyword, scripts
from workers.stream.post import Post
from workers.x import fields

Reason = Literal["keyword", "handle", "reply", "quote", "revision", "source-only"]

# A tag of a rule of ours is this and the brand's id.
TAG_PREFIX: Final = "hikeshi/"

# X's own pseudo-languages for posts whose words say none: undetermined, too short, without text; and only mentions,
# cashtags, hashtags or media. They pass every filter on languages.
UNDETERMINED = frozenset({"und", "qst", "zxx", "qam", "qct", "qht", "qme"})
_MENTION = re.compile(r"(?<![a-z0-9_])@([a-z0-9_]+)", re.ASCII)
_RETWEET_PREFIX = re.compile(r"rt @[a-z0-9_]+:? ", re.ASCII)
_QUOTED_ADDRESS = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/([A-Za-z0-9_]+)/status/([0-9]+)")


class Match(NamedTuple):
    """A brand that a post is about, why it is, and the keywords found, as written in the file.

    `revision`: an earlier revision of the post was about the brand, and this one's text no longer is.
    """

    brand: Brand
    reason: Reason
    keywords: list[str]


class _Use(NamedTuple):
    """What a pattern is to a brand. `left` and `right` are the scripts that must not go on beside it."""

    brand: int
    role: Literal["keyword", "exclude", "exclude_posts", "context"]
    place: int
    left: int
    right: int


class _Hits:
    """What was found in a text for one brand."""

    __slots__ = ("context", "excluded", "keywords", "masks")

    def __init__(self) -> None:
        self.keywords: list[tuple[int, int, _Use]] = []
        self.masks: list[tuple[int, int]] = []
        self.excluded = False
        self.context = False


class Matcher:
    """All brands' words in one automaton, so that a text is read once however many keywords there are."""

    def __init__(self, brands: Sequence[Brand]) -> None:
        self.brands = tuple(brands)
        self._by_id = {brand.id: brand for brand in self.brands}
        self._languages = [frozenset(brand.languages) for brand in self.brands]
        self._by_handle = _index(brand.handles for brand in self.brands)
        self._by_own = _index(brand.own for brand in self.brands)
        uses: dict[str, list[_Use]] = {}
        for number, brand in enumerate(self.brands):
            for role in ("keyword", "exclude", "exclude_posts", "context"):
                words: tuple[Keyword, ...] = getattr(brand, "keywords" if role == "keyword" else role)
                for place, keyword in enumerate(words):
                    pattern = normalise_keyword(keyword.text)
                    word = keyword.rule == "word"
                    left, right = (scripts[pattern[0]], scripts[pattern[-1]]) if word else (0, 0)
                    uses.setdefault(pattern, []).append(_Use(number, role, place, left, right))
        self._uses = list(uses.values())
        self._automaton = ahocorasick_rs.AhoCorasick(list(uses), store_patterns=False) if uses else None

    def brand(self, brand_id: str) -> Brand | None:
        """The brand of this id, if it is still listened for."""
        return self._by_id.get(brand_id)

    def match(self, post: Post) -> list[Match]:
        """The brands that this post is about, in the order of the file."""
        text = normalise(post.text)
        found = self._find(self._automaton, text) if self._automaton else {}
        addressed = self._addressed(post, text)
        if not found and not addressed:
            return []
        matches: list[Match] = []
        for number in sorted(found.keys() | addressed.keys()):
            match = self._judge(number, text, found.get(number), addressed.get(number), post.lang)
            if match is not None:
                matches.append(match)
        return matches

    def source_only(self, post: Post, tags: Sequence[str], matches: Sequence[Match]) -> list[Match]:
        """The brands whose own rule X found in the post where we find nothing: it reads quoted and uncut text too.

        A brand whose words are here after all, masked or within other words, was judged by them: it is not meant.
        """
        tagged = {tag.removeprefix(TAG_PREFIX) for tag in tags if tag.startswith(TAG_PREFIX)}
        tagged.difference_update(match.brand.id for match in matches)
        if not tagged:
            return []
        text = normalise(post.text)
        found = self._find(self._automaton, text) if self._automaton else {}
        kept = []
        for number, brand in enumerate(self.brands):
            hits = found.get(number) or _Hits()
            if (
                brand.id not in tagged
                or hits.keywords
                or hits.excluded
                or not _speaks(post.lang, self._languages[number])
            ):
                continue
            if hits.context or not brand.require_context:
                kept.append(Match(brand, "source-only", []))
        return kept

    def _find(self, automaton: ahocorasick_rs.AhoCorasick, text: str) -> dict[int, _Hits]:
        """Each brand's words in the text, those that must stand alone only where they do."""
        found: dict[int, _Hits] = {}
        length = len(text)
        for pattern, start, end in automaton.find_matches_as_indexes(text, overlapping=True):
            while end < length and text[end] == PROLONGED:
                end += 1
            before = scripts[text[start - 1]] if start else 0
            after = scripts[text[end]] if end < length else 0
            for use in self._uses[pattern]:
                if use.role == "keyword":  # judged when the brand's masks are known
                    found.setdefault(use.brand, _Hits()).keywords.append((start, end, use))
                elif not (before & use.left or after & use.right):
                    hits = found.setdefault(use.brand, _Hits())
                    if use.role == "exclude":
                        hits.masks.append((start, end))
                    elif use.role == "context":
                        hits.context = True
                    else:
                        hits.excluded = True
        return found

    def _addressed(self, post: Post, text: str) -> dict[int, Reason]:
        """The brands whose accounts the post speaks to: by answering, by naming, by quoting them."""
        reasons: dict[int, Reason] = {}
        if self._by_own and "quoted" in post.references:
            for username in _quoted_accounts(post):
                reasons.update(dict.fromkeys(self._by_own.get(username, ()), "quote"))
        if not self._by_handle:
            return reasons
        if "@" in text:
            # Without its original a retweet shows whom it repeats as if it named them.
            if "retweeted" in post.references and (prefix := _RETWEET_PREFIX.match(text)):
                text = text[prefix.end() :]
            for username in _MENTION.findall(text):
                reasons.update(dict.fromkeys(self._by_handle.get(username, ()), "handle"))
        if "in_reply_to_user_id" in post.fields or "replied_to" in post.references:
            username = (post.replied_to_username or "").lower()
            reasons.update(dict.fromkeys(self._by_handle.get(username, ()), "reply"))
        return reasons

    def _judge(
        self, number: int, text: str, hits: _Hits | None, addressed: Reason | None, lang: str | None
    ) -> Match | None:
        brand = self.brands[number]
        if not _speaks(lang, self._languages[number]) or (hits and hits.excluded):
            return None
        if hits and hits.keywords and (hits.context or not brand.require_context):
            places = _standing(text, hits)
            if places:
                return Match(brand, "keyword", [brand.keywords[place].text for place in sorted(places)])
        return Match(brand, addressed, []) if addressed else None


def _index(handles: Iterable[Sequence[str]]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for number, names in enumerate(handles):
        for name in names:
            index.setdefault(name.lower(), []).append(number)
    return index


def _speaks(lang: str | None, languages: frozenset[str]) -> bool:
    if not languages or not lang:
        return True
    lang = lang.lower()
    return lang in languages or lang in UNDETERMINED or lang.partition("-")[0] in languages


def _standing(text: str, hits: _Hits) -> set[int]:
    """The keywords that are found outside masked spans; a masked span beside a word is no part of it."""
    masks = _Masks(hits.masks)
    places: set[int] = set()
    for start, end, use in hits.keywords:
        if use.place in places or masks.touch(start, end):
            continue
        if use.left and start and scripts[text[start - 1]] & use.left and not masks.touch(start - 1, start):
            continue
        if use.right and end < len(text) and scripts[text[end]] & use.right and not masks.touch(end, end + 1):
            continue
        places.add(use.place)
    return places


class _Masks:
    """Spans of a text that are not looked at, merged and in order."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def touch(self, start: int, end: int) -> bool:
        """Whether a mask covers a part of this span."""
        if not self._starts:
            return False
        place = bisect_left(self._starts, end) - 1
        return place >= 0 and self._ends[place] > start


def _quoted_accounts(post: Post) -> set[str]:
    """The account that is quoted: the included post's author, else the name in the quoted post's address."""
    quoted = post.referenced("quoted")
    username = fields.text(post.author_of(quoted).get("username")) if quoted else None
    if username:
        return {username.lower()}
    quoted_id = post.reference_id("quoted")
    addresses = (fields.text(url.get("expanded_url")) for url in fields.mappings(post.entities.get("urls")))
    found = (_QUOTED_ADDRESS.match(address) for address in addresses if address)
    return {address[1].lower() for address in found if address and address[2] == quoted_id}
