"""Why a post is about none of the brands: what would have to be different for it to be."""

from collections.abc import Callable, Sequence
from typing import Final

from config.brands import Brand
from workers.stream.match import Matcher
from workers.stream.post import Post

# What is left out of a brand, and what it means where the post matches without it; the first that explains it is told.
_WITHOUT: Final[Sequence[tuple[dict[str, object], Callable[[Brand, Post], str]]]] = (
    ({"languages": ()}, lambda b, p: f"its language is {p.lang}; {b.id} listens for {', '.join(b.languages)}"),
    ({"require_context": False}, lambda b, _: f"has none of the words of `context`, which {b.id} requires"),
    ({"exclude_posts": ()}, lambda b, _: f"holds one of the words of `exclude_posts` of {b.id}"),
    ({"exclude": ()}, lambda b, _: f"the keyword of {b.id} is part of one of its `exclude`"),
)


class Unmatched:
    """Asks each brand, with one of its rules left out."""

    def __init__(self, brands: Sequence[Brand]) -> None:
        self._matchers = [
            (Matcher([brand.model_copy(update=left_out)]), brand, say)
            for left_out, say in _WITHOUT
            for brand in brands
            if any(getattr(brand, name) != value for name, value in left_out.items())
        ]

    def why(self, post: Post) -> str:
        """In words."""
        for matcher, brand, say in self._matchers:
            if matcher.match(post):
                return say(brand, post)
        return "holds no keyword of any brand, and names or answers none of their accounts"
