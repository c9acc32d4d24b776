"""A route for a brand that nobody listens for tells nobody of anything: `check` warns of it."""

from config.routes import Inhibition, Match, Policy, Route
from workers.cli.named_brands import unknown_brands


def test_each_unknown_brand_is_told_once_wherever_it_stands() -> None:
    acne, gone = Match(brand=frozenset({"acne", "acme"})), Match(brand=frozenset({"gone"}))
    tree = Route(("desk",), routes=(Route(("desk",), match=acne, routes=(Route(("desk",), match=acne),)),))
    policy = Policy({}, tree, inhibitions=(Inhibition(Match(), gone),))
    first, second = unknown_brands(policy, ["acme"])
    assert first == "`brand: acne` matches nothing that brands.yaml listens for; did you mean `acme`?"
    assert second == "`brand: gone` matches nothing that brands.yaml listens for; known here: acme"


def test_known_brands_need_no_word() -> None:
    tree = Route(("desk",), routes=(Route(("desk",), match=Match(brand=frozenset({"acme"}))),))
    assert list(unknown_brands(Policy({}, tree), ["acme"])) == []
