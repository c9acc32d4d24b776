"""`brands.yaml`: what is read from a good one, and every fault of a bad one with file, line, field and remedy."""

from datetime import timedelta
from pathlib import Path

import pytest

from config.brands import AUTO_BURST, Brand, Burst, load_brands, slug
from config.faults import ConfigurationFaults
from config.keywords import Keyword

HEAD = "brands:\n  - name: アクメ\n    id: acme\n    keywords: [アクメ]\n"
DURATION = "write a whole number and its unit, for example `250ms`, `30s`, `5m`, `4h` or `2d`"
KEYWORDS = "add it, for example `keywords: [Acme, アクメ]`"
MEND = "mend the brackets, quotes or indentation; text with `: `, `#`, `@`, `*` or `%` in it needs quotes"
START = "put back what stood there, or start from config/brands.example.yaml"
HANDLE = "write 1 to 15 of A-Z, a-z, 0-9 and _, for example `acme_jp`"
QUOTED = "write text, in quotes where it could be read otherwise"

# What stands in the file after HEAD (where it is indented) or alone, and all faults of it.
FAULTS = {
    "unknown key": ("    keyword: [a]\n", ["5: brands[0].keyword: unknown key; did you mean `keywords`?"]),
    "unknown key far from all": (
        "    色: 赤\n",
        [
            "5: brands[0].色: unknown key; known here: name, id, keywords, exclude, exclude_posts, context, "
            "description, require_context, handles, own, watchlist, languages, timezone, priority, burst"
        ],
    ),
    "our own account watched": (
        "    own: [acme_jp]\n    watchlist: [b, '@Acme_JP']\n",
        [
            "6: brands[0].watchlist: holds our own account 'acme_jp', which is no news to us; "
            "take it out of one of the two"
        ],
    ),
    "a description too long": (
        f"    description: {'x' * 501}\n",
        ["5: brands[0].description: is longer than 500 characters; say in a sentence what the brand sells"],
    ),
    "a priority that there is none of": (
        "    priority: urgent\n",
        ["5: brands[0].priority: 'urgent' is not known here; known here: low, normal, high"],
    ),
    "wrong type: text for a list": (
        "    exclude: 東京都\n",
        ["5: brands[0].exclude: must be a list, not text (東京都); write it, for example `exclude: [acme klein]`"],
    ),
    "wrong type: text for a boolean": (
        '    require_context: "true"\n',
        [
            "5: brands[0].require_context: must be true or false, not text (true); write it, "
            "for example `require_context: true`"
        ],
    ),
    "wrong type: a brand that is text": (
        "  - アクメ\n",
        ["5: brands[1]: must be a block of keys, not text; write it"],
    ),
    "wrong type: list for a keyword": (
        "    context:\n      - [充電器]\n",
        ["6: brands[0].context[0]: must be a block of keys, not a list; write it"],
    ),
    "key given twice": (
        "    keywords: [Acme]\n",
        ["5: brands[0].keywords: is given twice, first in line 4; keep one of the two"],
    ),
    "boolean for a keyword": (
        "    exclude: [no, 'on', On]\n",
        [
            '5: brands[0].exclude[0]: YAML reads no as true or false, not as text; put it in quotes: "no"',
            '5: brands[0].exclude[2]: YAML reads On as true or false, not as text; put it in quotes: "On"',
        ],
    ),
    "number and date for a keyword": (
        "    exclude:\n      - 2024\n      - 12:30\n      - 2024-01-01\n",
        [
            '6: brands[0].exclude[0]: YAML reads 2024 as a number, not as text; put it in quotes: "2024"',
            '7: brands[0].exclude[1]: YAML reads 12:30 as a number, not as text; put it in quotes: "12:30"',
            '8: brands[0].exclude[2]: YAML reads 2024-01-01 as a date, not as text; put it in quotes: "2024-01-01"',
        ],
    ),
    "a date that is none": (
        "    exclude: [2024-13-45]\n",
        [
            "5: brands[0].exclude[0]: YAML takes it for a timestamp and can't read it; put it in quotes",
            f"5: brands[0].exclude[0]: is empty; {QUOTED}",
        ],
    ),
    "empty keyword": (
        "    exclude: ['']\n",
        ["5: brands[0].exclude[0]: is empty; write the words to look for, or remove the entry"],
    ),
    "keyword that is nothing": (
        "    exclude: [~]\n",
        [f"5: brands[0].exclude[0]: is empty; {QUOTED}"],
    ),
    "keyword of white space, of a lone ー, of a bare sign": (
        '    exclude: ["　 ", ー, "#", "\\u200b", "™"]\n',
        [
            f"5: brands[0].exclude[{index}]: {text!r} matches nothing: spaces and signs don't count; "
            "write the words to look for, or remove the entry"
            for index, text in enumerate(["　 ", "ー", "#", "\u200b", "™"])
        ],
    ),
    "keyword too long": (
        f"    exclude: [{'あ' * 201}]\n",
        ["5: brands[0].exclude[0]: is longer than 200 characters; write fewer words"],
    ),
    "keyword with a rule that is unknown": (
        "    exclude: [{text: サン, match: words}]\n",
        ["5: brands[0].exclude[0].match: 'words' is not known here; did you mean `word`?"],
    ),
    "keyword without its text": (
        "    exclude: [{txt: サン}]\n",
        [
            "5: brands[0].exclude[0].text: is missing; add it, for example `text: アクメ`",
            "5: brands[0].exclude[0].txt: unknown key; did you mean `text`?",
        ],
    ),
    "no keywords": (
        "  - name: Beta\n",
        [f"5: brands[1].keywords: is missing; {KEYWORDS}"],
    ),
    "empty list of keywords": (
        "  - name: Beta\n    keywords: []\n",
        ["6: brands[1].keywords: is empty; write at least one keyword, for example `[Acme, アクメ]`"],
    ),
    "name without ASCII and no id": (
        "  - name: 火消し\n    keywords: [火消し]\n",
        [
            "5: brands[1]: the name '火消し' gives no id: it holds no ASCII letter; add one, for example `id: acme`",
        ],
    ),
    "no name": (
        "  - id: beta\n    keywords: [b]\n",
        ["5: brands[1].name: is missing; add it, for example `name: アクメ`"],
    ),
    "empty name": (
        "  - name: ' '\n    keywords: [b]\n",
        ["5: brands[1].name: is empty; write the brand as people read it"],
    ),
    "bad id": (
        "  - name: b\n    keywords: [b]\n    id: a/b\n",
        [
            "7: brands[1].id: 'a/b' can't be an id; "
            "write ASCII letters, digits, `-`, `_` and `.`, at most 64, for example `acme`"
        ],
    ),
    "id that is a boolean": (
        "  - name: b\n    keywords: [b]\n    id: off\n",
        ['7: brands[1].id: YAML reads off as true or false, not as text; put it in quotes: "off"'],
    ),
    "id taken": (
        "  - name: b\n    keywords: [b]\n    id: ACME\n",
        ["7: brands[1].id: the id 'ACME' is taken by the brand in line 2; give each brand an `id` of its own"],
    ),
    "id taken by a name": (
        "  - name: Acme！\n    keywords: [b]\n",
        ["5: brands[1].name: the id 'acme' is taken by the brand in line 2; give each brand an `id` of its own"],
    ),
    "bad handles": (
        "    handles: ['@acme_jp', acme-jp, '@@a', アクメ, abcdefghijklmnop]\n",
        [
            f"5: brands[0].handles[1]: 'acme-jp' is not a user name of X; {HANDLE}",
            f"5: brands[0].handles[2]: '@@a' is not a user name of X; {HANDLE}",
            f"5: brands[0].handles[3]: 'アクメ' is not a user name of X; {HANDLE}",
            f"5: brands[0].handles[4]: 'abcdefghijklmnop' is not a user name of X; {HANDLE}",
        ],
    ),
    "bad languages": (
        "    languages: [jp, Japanese, no]\n",
        [
            "5: brands[0].languages[0]: 'jp' is a country, not a language; did you mean `ja`?",
            "5: brands[0].languages[1]: 'Japanese' is not a language code; "
            "write two or three letters as X does, for example `ja` or `en`",
            '5: brands[0].languages[2]: YAML reads no as true or false, not as text; put it in quotes: "no"',
        ],
    ),
    "bad time zone": (
        "    timezone: Asia/Tokio\n",
        ["5: brands[0].timezone: 'Asia/Tokio' is not a time zone; did you mean `Asia/Tokyo`?"],
    ),
    "time zone by its abbreviation": (
        "    timezone: JST\n",
        ["5: brands[0].timezone: 'JST' is not a time zone; did you mean `Asia/Tokyo`?"],
    ),
    "time zone like no other": (
        "    timezone: 東京\n",
        [
            "5: brands[0].timezone: '東京' is not a time zone; "
            "write a name of the IANA list, for example `Asia/Tokyo` or `UTC`"
        ],
    ),
    "context required, none given": (
        "    require_context: true\n",
        [
            "5: brands[0].require_context: needs a `context`, without which no post would be this brand's; "
            "add `context: [充電器]`"
        ],
    ),
    "burst: true": (
        "    burst: true\n",
        [
            "5: brands[0].burst: is neither `auto` nor `false` nor a rule; "
            "write `auto`, `false` or a rule, for example `{authors: 20, within: 10m}`"
        ],
    ),
    "burst: zero is not false": (
        "    burst: 0\n",
        [
            "5: brands[0].burst: is neither `auto` nor `false` nor a rule; "
            "write `auto`, `false` or a rule, for example `{authors: 20, within: 10m}`"
        ],
    ),
    "burst with faults inside": (
        "    burst:\n      author: 20\n      within: 10 分\n",
        [
            f"7: brands[0].burst.within: '10 分' is not a duration; {DURATION}",
            "5: brands[0].burst.authors: is missing; add it, for example `authors: 20`",
            "6: brands[0].burst.author: unknown key; did you mean `authors`?",
        ],
    ),
    "burst out of range": (
        "    burst: {authors: 0, within: 90s}\n",
        [
            "5: brands[0].burst.authors: is 0: that would always hold; write at least 1, for example `20`",
            "5: brands[0].burst.within: is not whole minutes, by which authors are counted; write for example `10m`",
        ],
    ),
    "burst too long": (
        "    burst: {authors: 5, within: 2d}\n",
        ["5: brands[0].burst.within: is longer than 1d; write for example `10m`"],
    ),
    "duration that is a number": (
        "    burst: {authors: 5, within: 10}\n",
        [f"5: brands[0].burst.within: is not a duration; {DURATION}"],
    ),
    "YAML fault on a line with Japanese": (
        "    exclude: [東京都, 「アクメ橋」\n    context: [充電器]\n",
        ["5: YAML syntax: did not find expected ',' or ']' while parsing a flow sequence (noticed in line 6); " + MEND],
    ),
    "YAML fault: an @ without quotes": (
        "    handles: [@acme_jp]\n",
        ["5: YAML syntax: found character that cannot start any token while scanning for the next token; " + MEND],
    ),
    "YAML fault: a quote that is never closed": (
        '    context: ["充電器]\n    burst: auto\n',
        [
            "5: YAML syntax: found unexpected end of stream while scanning a quoted scalar (noticed in line 7); "
            + MEND,
        ],
    ),
    "YAML fault: wrong indentation": (
        "   burst: auto\n",
        [
            "5: YAML syntax: did not find expected '-' indicator while parsing a block collection begun in line 2; "
            + MEND
        ],
    ),
    "a character that YAML does not allow": (
        "    exclude: [ア\x07]\n",
        ["5: YAML does not allow the character U+0007; remove it"],
    ),
    "brands that are none": (
        "brands:\n",
        ["1: brands: holds no brand; write `brands:` and under it `- name: …` for each"],
    ),
    "no list of brands": (
        "brands: アクメ\n",
        ["1: brands: is not a list; write `brands:` and under it `- name: …` for each"],
    ),
    "other key at the top": (
        "brand:\n  - {name: a, keywords: [a]}\n",
        [
            "1: brands: holds no brand; write `brands:` and under it `- name: …` for each",
            "1: brand: unknown key; did you mean `brands`?",
        ],
    ),
    "a list at the top": (
        "- {name: a}\n",
        ["1: must be a block with the key `brands`; start from config/brands.example.yaml"],
    ),
    "empty": ("", [f"1: the file is empty; {START}"]),
    "remarks alone": ("# アクメ\n\n", [f"1: the file is empty; {START}"]),
}


def faults_of(text: str, folder: Path) -> list[str]:
    """The faults of a file, from the line number on."""
    path = folder / "brands.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationFaults) as raised:
        load_brands(path)
    return [str(fault).removeprefix(f"{path}:") for fault in raised.value.faults]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_told_with_line_field_and_remedy(name: str, tmp_path: Path) -> None:
    text, expected = FAULTS[name]
    whole = text if not text.startswith(" ") else HEAD + text
    assert sorted(faults_of(whole, tmp_path)) == sorted(expected)


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = HEAD + "    burst: true\n    timezone: x\n  - name: 火消し\n    keywords: 火消し\n    handels: [a]\n"
    lines = [fault.partition(":")[0] for fault in faults_of(text, tmp_path)]
    assert lines == ["5", "6", "7", "8", "9"]


def test_the_whole_of_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "brands.yaml"
    path.write_text(
        """\ufeffbrands:
  - name: アクメ
    id: acme
    keywords: [Acme, アクメ, "#アクメ", {text: サン, match: word}]
    exclude: ["acme klein", 東京都]
    exclude_posts: [求人]
    context: [充電器, delivery]
    require_context: true
    handles: ["@Acme_JP", ＡＣＭＥ]
    own: [acme_jp, acme_support]
    languages: [JA, en]
    timezone: Asia/Tokyo
    burst: {authors: 5, within: 1h}
  - name: Café Über 24
    keywords: [Café]
    burst: no
""",
        "utf-8",
    )
    acme, cafe = load_brands(path)
    assert acme == Brand(
        name="アクメ",
        id="acme",
        keywords=(
            Keyword(text="Acme"),
            Keyword(text="アクメ"),
            Keyword(text="#アクメ"),
            Keyword(text="サン", match="word"),
        ),
        exclude=(Keyword(text="acme klein"), Keyword(text="東京都")),
        exclude_posts=(Keyword(text="求人"),),
        context=(Keyword(text="充電器"), Keyword(text="delivery")),
        require_context=True,
        handles=("acme_jp", "acme"),
        own=("acme_jp", "acme_support"),
        languages=("ja", "en"),
        timezone="Asia/Tokyo",
        burst=Burst(authors=5, within=timedelta(hours=1)),
    )
    assert (cafe.id, cafe.burst_rule, cafe.languages, cafe.timezone) == ("cafe-uber-24", None, (), "UTC")


def test_burst_rules() -> None:
    brand = Brand(name="Acme", keywords=(Keyword(text="acme"),))
    assert brand.burst_rule == AUTO_BURST == Burst(authors=20, within=timedelta(minutes=10))
    assert brand.model_copy(update={"burst": False}).burst_rule is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Acme", "acme"),
        ("Acme Japan 株式会社", "acme-japan"),
        ("ＡＣＭＥ", "acme"),
        ("アクメ2", ""),
        ("火消し", ""),
        ("7", ""),
    ],
)
def test_the_id_that_a_name_gives(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_brand_beside_the_programs_own(tmp_path: Path) -> None:
    path = tmp_path / "brands.yaml"
    path.write_text(HEAD, "utf-8")
    own = Brand(name="Acme", keywords=(Keyword(text="acme"),))
    with pytest.raises(ConfigurationFaults, match="the id 'acme' is taken by the sample"):
        load_brands(path, [own])
