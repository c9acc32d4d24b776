"""The rule language: what X takes, what it refuses, and what binds how."""

import pytest

from workers.simulator.query import And, Node, Not, Or, QueryError, Term, literals, parse


def tree(text: str, *, stream: bool = True, limit: int = 1024) -> Node:
    return parse(text, stream=stream, limit=limit)


def word(value: str) -> Term:
    return Term("keyword", value)


def test_and_binds_before_or() -> None:
    assert tree("apple OR iphone ipad") == Or((word("apple"), And((word("iphone"), word("ipad")))))
    assert tree("(apple OR iphone) ipad") == And((Or((word("apple"), word("iphone"))), word("ipad")))


def test_every_kind_of_term() -> None:
    assert tree('"new york" #アクメ @acme_jp $ACM from:acme -is:retweet lang:ja has:links min_followers:1000') == And(
        (
            Term("phrase", "new york"),
            Term("hashtag", "アクメ"),
            Term("mention", "acme_jp"),
            Term("cashtag", "ACM"),
            Term("from", "acme"),
            Not(Term("is", "retweet")),
            Term("lang", "ja"),
            Term("has", "links"),
            Term("min_followers", "1000"),
        )
    )
    assert tree("or") == word("or")
    assert tree("-acme フー") == And((Not(word("acme")), word("フー")))
    assert tree('url:"https://example.com/a"') == Term("url", "https://example.com/a")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a" * 1025, "1024 characters"),
        ("(acme", "never closed"),
        ("acme)", "closes nothing"),
        ("()", "missing"),
        ("acme OR", "missing"),
        ("OR acme", "missing"),
        ("acme AND oil", "AND is not an operator"),
        ('"acme', "can't be read"),
        ('""', "empty phrase"),
        ("acme - oil", "directly before"),
        ("acme -(oil OR gas)", "group can't be negated"),
        ("acme is:nullcast", "must be negated"),
        ("-acme", "standalone"),
        ("lang:ja", "standalone"),
        ("lang:ja is:reply", "standalone"),
        ("acme OR lang:ja", "every alternative"),
        ("acme OR -oil", "every alternative"),
        ("acme lang:und", "no language"),
        ("acme lang:jp", "no language"),
        ("acme is:angry", "is not one of"),
        ("acme has:money", "is not one of"),
        ("acme foo:bar", "no operator"),
        ("keyword:acme", "no operator"),
        ("@アクメ", "no mention"),
        ("#123", "no hashtag"),
        ("from:アクメ", "no username"),
        ("acme min_followers:many", "number"),
        ("(" * 60 + "acme" + ")" * 60, "deep"),
    ],
)
def test_what_x_refuses(text: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        tree(text)


def test_some_operators_exist_on_the_stream_alone() -> None:
    assert tree("acme followers_count:100..500")
    with pytest.raises(QueryError, match="stream only"):
        tree("acme followers_count:100..500", stream=False)


def test_length_is_counted_in_characters_and_search_takes_fewer() -> None:
    assert tree("ア" * 512, limit=512)
    with pytest.raises(QueryError, match="512"):
        tree("ア" * 513, limit=512)


def test_what_a_rule_asks_for_leaves_out_what_it_excludes() -> None:
    assert list(literals(tree('(Acme OR "アクメ" OR #アクメ OR @acme_jp) -klein lang:ja from:somebody'))) == [
        "Acme",
        "アクメ",
        "#アクメ",
        "@acme_jp",
    ]
