"""An alert as one text, for channels that take nothing else."""

from typing import Any, Final

from config import words
from config.templates import Templates
from workers.dispatcher.fitting import Block, Escape, fit
from workers.dispatcher.measure import Unit, cut, graphemes
from workers.dispatcher.view import View
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

# Of severities, as mail and chat show them: calm to alarming.
COLOURS: Final = {
    "none": "#7a808c", "low": "#2f7d4f", "medium": "#c58a00", "high": "#d9480f", "critical": "#c2002f",
}  # fmt: skip

MAX_ABOVE: Final = 140  # ours, in what a reader sees as characters: of who wrote a post, and of what it answers


class Parts:
    """The parts of a message of one kind in one language."""

    def __init__(self, templates: Templates, kind: str, language: str) -> None:
        self._templates, self._kind, self.language = templates, kind, language
        spoken = language if language in words.LABELS else "en"
        self.labels = words.LABELS[spoken]

    def __call__(self, name: str, *values: Any, **more: Any) -> str:
        """A part's text, without the white space around it."""
        text, fault = self._templates.rendered(self._kind, self.language, name, *values, **more)
        if fault is not None:  # `check` could not foresee it; ours has taken its place
            _log.error("template_failed", part=name, fault=fault)
        return text.strip()


def as_it_is(text: str) -> str:
    """For a channel that reads no markup."""
    return text


def whole_text(
    shown: View, parts: Parts, limit: int, unit: Unit, *, escape: Escape = as_it_is, headline: bool = True
) -> str:
    """The alert as one text within the limit; `escape` keeps a post's own signs from being read as markup."""
    head = [parts("headline", shown)] if headline else []
    head += [parts(name, shown) for name in ("status", "facts", "loud", "why")]
    more, links = parts("more", shown), link_lines(shown, parts)
    tails = ([more, *answer_lines(shown, parts, escape), *links], [more, *links], links)
    return fit(
        "\n".join(line for line in head if line),
        [_block(post, parts, escape) for post in shown["posts"]],
        ["\n".join(line for line in lines if line) for lines in tails],
        lambda count: parts("left_out", count),
        limit,
        unit,
        escape,
    )


def answer_lines(shown: View, parts: Parts, escape: Escape) -> list[str]:
    """The book's answer, and the address that opens X's reply window with it."""
    answer = shown["answer"]
    if answer is None:
        return []
    return [escape(parts("answer", shown)), escape(answer["text"]), f"{parts.labels['reply']}: {answer['url']}"]


def link_lines(shown: View, parts: Parts) -> list[str]:
    """Where to take it: the links where there are any, else the command."""
    if shown["incident"]["scope"] == "ops" or shown["incident"]["status"] == "resolved":
        return []
    links = shown["links"]
    if links is None:
        return [parts("command", shown)]
    return [f"{parts.labels[name]}: {links[name]}" for name in ("acknowledge", "incident")]


def _block(post: View, parts: Parts, escape: Escape) -> Block:
    lines = (cut(parts(name, post), MAX_ABOVE, graphemes) for name in ("who", "answered"))
    above = "\n".join(escape(line) for line in lines if line)

    def around(text: str) -> str:
        return f"{above}\n{escape(text)}\n{post['url']}"

    return Block(around, post["text"])
