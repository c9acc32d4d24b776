"""From brands to rules: few, short, quoted, tagged; and what to change at X."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.brands import Brand
from workers.simulator.query import parse
from workers.stream.x.rules import MAX_RULE_CHARACTERS, compile_rules, difference
from workers.x.api import Rule


def brand(*keywords: Any, **fields: Any) -> Brand:
    return Brand.model_validate({"name": "acme", "id": "acme", "keywords": list(keywords)} | fields)


def values(*keywords: Any, **fields: Any) -> list[str]:
    return [rule.value for rule in compile_rules([brand(*keywords, **fields)])]


def test_words_phrases_hashtags_and_names() -> None:
    assert values("Acme") == ["(Acme OR #Acme OR @Acme) -is:retweet"]
    assert values("アクメ") == ['("アクメ" OR #アクメ) -is:retweet']
    assert values("#アクメ") == ["#アクメ -is:retweet"]
    assert values("acme klein") == ['"acme klein" -is:retweet']
    assert values("$ACM") == ["$ACM -is:retweet"]
    assert values("or") == ['("or" OR #or OR @or) -is:retweet']
    assert values('say "hi"') == ['"say  hi" -is:retweet']


def test_every_width_and_the_word_without_its_long_end() -> None:
    assert values("ｱｸﾒ") == ['("ｱｸﾒ" OR #ｱｸﾒ OR "アクメ" OR #アクメ) -is:retweet']
    assert values("サーバー") == ['("サーバー" OR #サーバー OR "サーバ" OR #サーバ) -is:retweet']


def test_accounts_and_who_quotes_us() -> None:
    assert values("Acme", handles=["acme_jp"], own=["acme_jp"]) == [
        '(Acme OR #Acme OR @Acme OR @acme_jp OR to:acme_jp OR url:"x.com/acme_jp/status" OR '
        'url:"twitter.com/acme_jp/status") -is:retweet'
    ]


def test_a_name_that_needs_its_context_is_not_asked_for_without() -> None:
    assert values({"text": "サン", "match": "word"}, context=["充電器", "delivery"], require_context=True) == [
        '("サン" OR #サン) ("充電器" OR #充電器 OR delivery OR #delivery OR @delivery) -is:retweet'
    ]


def test_many_keywords_share_as_few_rules_as_they_fit_in() -> None:
    rules = compile_rules([brand(*(f"アクメ製品{number:03d}" for number in range(200)))])
    total = sum(len(rule.value) for rule in rules)
    assert all(len(rule.value) <= MAX_RULE_CHARACTERS for rule in rules)
    assert len(rules) <= total / MAX_RULE_CHARACTERS * 1.1 + 1
    assert {rule.tag for rule in rules} == {"hikeshi/acme"}


KEYWORDS = st.lists(st.text(min_size=1, max_size=60).filter(lambda text: any(map(str.isalpha, text))), min_size=1)


@given(KEYWORDS)
def test_whatever_the_keywords_each_rule_can_be_read_and_is_short(keywords: list[str]) -> None:
    try:
        rules = compile_rules([brand(*keywords)])
    except ValueError:  # not a keyword at all
        return
    assert rules
    for rule in rules:
        assert len(rule.value) <= MAX_RULE_CHARACTERS
        parse(rule.value, stream=True, limit=MAX_RULE_CHARACTERS)


def at_x(*pairs: tuple[str, str]) -> list[Rule]:
    return [Rule(value, tag, str(number)) for number, (value, tag) in enumerate(pairs)]


def test_what_is_there_stays_and_the_rest_is_added_before_it_is_deleted() -> None:
    have = at_x(("a", "hikeshi/acme"), ("b", "hikeshi/acme"), ("z", "theirs"))
    change = difference(have, [Rule("a", "hikeshi/acme"), Rule("c", "hikeshi/acme")], 1000)
    assert ([r.value for r in change.add], [r.value for r in change.delete]) == (["c"], ["b"])
    assert change.first_delete == []


def test_a_value_that_changes_its_tag_goes_first_since_x_takes_no_second() -> None:
    change = difference(at_x(("a", "hikeshi/old")), [Rule("a", "hikeshi/new")], 1000)
    assert [rule.tag for rule in change.first_delete] == ["hikeshi/old"]
    assert [rule.tag for rule in change.add] == ["hikeshi/new"]


def test_a_value_that_others_have_is_not_asked_for_again() -> None:
    assert difference(at_x(("a", "theirs")), [Rule("a", "hikeshi/acme")], 1000).add == []


def test_a_full_plan_makes_room_first() -> None:
    have = at_x(("a", "hikeshi/acme"), ("b", "hikeshi/acme"))
    change = difference(have, [Rule("c", "hikeshi/acme"), Rule("d", "hikeshi/acme")], 3)
    assert (len(change.first_delete), len(change.add), len(change.delete)) == (1, 2, 1)
