"""`brands.yaml` -> the rules of the filtered stream, as few as can be, and what to change at X. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from config.brands import Brand
from config.keywords import PROLONGED, Keyword
from workers.stream.match import TAG_PREFIX
from workers.x.api import Rule

# X's recent search takes no longer query, and a gap is recovered with the rules' own values.
MAX_RULE_CHARACTERS: Final = 512
_END: Final = " -is:retweet"  # X would bill each retweet of a firestorm; they open nothing
_PLAIN: Final = re.compile(r"[a-z0-9]+", re.ASCII | re.IGNORECASE)
_OPERATOR_WORDS: Final = frozenset({"or", "and", "not"})
_HASHTAG: Final = re.compile(r"#\w*[^\W\d_]\w*")
_HANDLE: Final = re.compile(r"@\w{1,15}", re.ASCII)
_CASHTAG: Final = re.compile(r"\$[a-z]{1,6}", re.ASCII | re.IGNORECASE)


class Change(NamedTuple):
    """What turns the rules at X into ours: first those that stand in the way, then add, then the rest goes."""

    first_delete: list[Rule]
    add: list[Rule]
    delete: list[Rule]


def compile_rules(brands: Sequence[Brand], *, words_alone: bool = False) -> list[Rule]:
    """The rules of all brands, the same for the same brands. A tag names the brand that a rule is for.

    `words_alone`: without `to:` and `url:`, where X's plan doesn't have these.
    """
    return [Rule(value, TAG_PREFIX + brand.id) for brand in brands for value in _values(brand, words_alone)]


def tagged_brand(tag: object) -> str | None:
    """The brand that a tag of ours names."""
    return tag.removeprefix(TAG_PREFIX) if isinstance(tag, str) and tag.startswith(TAG_PREFIX) else None


def difference(have: Sequence[Rule], wanted: Sequence[Rule], most: int) -> Change:
    """What to change. Rules with other tags than ours are left alone.

    A rule is added before another is deleted, so that nothing is missed meanwhile; but X refuses a value that it has,
    and more than the plan's count, so what stands in the way goes first.
    """
    standing = {(rule.value, rule.tag) for rule in have}
    ours = [rule for rule in have if tagged_brand(rule.tag) is not None]
    keep = {(rule.value, rule.tag) for rule in wanted}
    foreign = {rule.value for rule in have} - {rule.value for rule in ours}
    add = [rule for rule in wanted if (rule.value, rule.tag) not in standing and rule.value not in foreign]
    gone = [rule for rule in ours if (rule.value, rule.tag) not in keep]
    added_values = {rule.value for rule in add}
    first = [rule for rule in gone if rule.value in added_values]
    rest = [rule for rule in gone if rule.value not in added_values]
    room = most - (len(have) - len(first)) - len(add)
    cut = min(len(rest), max(0, -room))
    return Change(first + rest[:cut], add, rest[cut:])


def _values(brand: Brand, words_alone: bool) -> list[str]:
    named = _unique(clause for keyword in brand.keywords for clause in _clauses(keyword))
    addressed = _unique(
        clause for handle in brand.handles for clause in (f"@{handle}", f"to:{handle}")[: 2 - words_alone]
    )
    own = () if words_alone else brand.own
    quoted = _unique(f'url:"{site}/{name}/status"' for name in own for site in ("x.com", "twitter.com"))
    if not brand.require_context:
        return [_rule(group) for group in _packed(named + [c for c in addressed + quoted if c not in named])]
    context = _unique(clause for keyword in brand.context for clause in _clauses(keyword))
    half = (MAX_RULE_CHARACTERS - len(_END)) // 2 - len("() ")
    pairs = [
        f"{_any_of(names)} {_any_of(others)}{_END}"
        for names in _packed(named, half)
        for others in _packed(context, half)
    ]
    return pairs + [_rule(group) for group in _packed(addressed + quoted)]


def query_of(keyword: Keyword) -> str:
    """What a keyword alone would ask of X, to count it."""
    return _rule(_unique(_clauses(keyword)))


def _clauses(keyword: Keyword) -> list[str]:
    """How a keyword may stand in a post: as itself, as a hashtag, as an account's name; in every width."""
    written = " ".join(keyword.text.split())
    spellings = [written, unicodedata.normalize("NFKC", written)]
    spellings += [spelling.rstrip(PROLONGED) for spelling in spellings]
    return [clause for text in dict.fromkeys(spellings) if text for clause in _clauses_of(text)]


def _clauses_of(text: str) -> list[str]:
    if _CASHTAG.fullmatch(text) or _HANDLE.fullmatch(text) or _HASHTAG.fullmatch(text):
        return [text]
    bare = text.replace('"', " ").replace("\\", " ").strip()
    if not bare:
        return []
    plain = _PLAIN.fullmatch(bare) and bare.lower() not in _OPERATOR_WORDS
    clauses = [bare if plain else f'"{bare}"']
    return clauses + [tag for tag in (f"#{text}",) if _HASHTAG.fullmatch(tag)] + [
        handle for handle in (f"@{text}",) if _HANDLE.fullmatch(handle)
    ]  # fmt: skip


def _unique(clauses: Iterable[str]) -> list[str]:
    """Each once, whatever its case: X's matching knows none."""
    first: dict[str, str] = {}
    for clause in clauses:
        first.setdefault(clause.casefold(), clause)
    return list(first.values())


def _packed(clauses: Sequence[str], most: int = MAX_RULE_CHARACTERS - len(_END) - len("()")) -> list[list[str]]:
    """Groups that fit: the longest clause first, each into the first group with room; as few groups as that gives."""
    groups: list[tuple[int, list[str]]] = []
    for clause in sorted(clauses, key=lambda clause: (-len(clause), clause)):
        if len(clause) > most:
            continue  # longer than X takes; a keyword has 200 characters at most, so only a context's pair can be
        for place, (used, group) in enumerate(groups):
            if used + len(" OR ") + len(clause) <= most:
                group.append(clause)
                groups[place] = (used + len(" OR ") + len(clause), group)
                break
        else:
            groups.append((len(clause), [clause]))
    order = {clause: place for place, clause in enumerate(clauses)}
    return [sorted(group, key=order.__getitem__) for _, group in groups]


def _rule(clauses: Sequence[str]) -> str:
    return _any_of(clauses) + _END


def _any_of(clauses: Sequence[str]) -> str:
    return clauses[0] if len(clauses) == 1 else f"({' OR '.join(clauses)})"
