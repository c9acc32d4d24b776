"""Slack's blocks of an alert: pure, within Slack's limits. Posts stand in rich text, which reads no markup in them."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.measure import Unit, code_units, cut, json_code_units
from workers.dispatcher.view import View
from workers.incidents.slack_buttons import ACTIONS, action_id

# Slack's, said in characters; we count UTF-16 code units, of which there are never fewer.
MAX_HEADER: Final = 150
MAX_SECTION: Final = 3000
MAX_TEXT: Final = 4000  # Slack's advice for the text that stands in notifications; it takes 40,000
MAX_BUTTON: Final = 75
MAX_BLOCKS: Final = 50
# Slack refuses a message whose blocks are together longer than it says nowhere: users measured 13,200 characters.
MAX_ALL: Final = 12_000
MAX_POSTS: Final = 10  # ours: a message is read on a phone; its thread and the incident's page have the rest
# Ours, as they stand in JSON, tried one after the other until all fits: of a post, and of each text beside the posts.
_POST_TEXTS: Final = (2800, 1000, 400, 280, 140)
_OTHER_TEXTS: Final = (MAX_SECTION, 400)
_MAX_ABOVE: Final = 500  # ours: of who wrote a post, and of what it answers
_MAX_ANSWER: Final = 1000  # ours: X's longest answer is 280 characters

Block = dict[str, Any]


def main_message(shown: View, parts: Parts, *, buttons: bool) -> Block:
    """The incident's own message: it is edited as the incident changes."""
    text = "\n".join(filter(None, (parts(name, shown) for name in ("status", "facts", "loud"))))
    actions = _actions(shown, parts, buttons=buttons)

    def around(other: int) -> tuple[list[Block], list[Block]]:
        above = [
            {"type": "header", "text": _plain(parts("headline", shown), MAX_HEADER, code_units)},
            {"type": "section", "text": _plain(text, other)},
        ]
        if shown["incident"]["reasons"]:
            above.append({"type": "section", "text": _plain(parts("why", shown), other)})
        return above, [*_answer(shown, parts, other), *([actions] if actions else [])]

    return {"text": fallback_text(shown, parts), "blocks": _fitting(shown, parts, around)}


def reply(shown: View, parts: Parts) -> Block:
    """A message in the incident's thread: what is new."""
    text = "\n".join(filter(None, (parts("headline", shown), parts("status", shown))))

    def around(other: int) -> tuple[list[Block], list[Block]]:
        return [{"type": "section", "text": _plain(text, other)}], _answer(shown, parts, other)

    return {"text": fallback_text(shown, parts), "blocks": _fitting(shown, parts, around)}


def removed(parts: Parts) -> Block:
    """What stands in place of a message all of whose posts are gone."""
    text = parts("removed")
    return {"text": escape(text), "blocks": [{"type": "section", "text": _plain(text, MAX_SECTION)}]}


def fallback_text(shown: View, parts: Parts) -> str:
    """What a phone's notification shows. It is read as markup, so its signs are escaped."""
    first = shown["posts"][0]["text"] if shown["posts"] else parts("status", shown)
    text = f"{parts('headline', shown)}: {first}"
    return cut(escape(cut(text, MAX_TEXT // 6, code_units)), MAX_TEXT, code_units)


def escape(text: str) -> str:
    """Slack's three control signs, so that no post can mention a channel or make a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def size(blocks: list[Block]) -> int:
    """How long the blocks are together."""
    return code_units(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def _fitting(shown: View, parts: Parts, around: Callable[[int], tuple[list[Block], list[Block]]]) -> list[Block]:
    """With as many posts as fit, cut as little as need be; how many had no room is said.

    `around`: what stands above and below, each text so long at most. It is shortened before the weightiest post and the
    buttons would have no room.
    """
    posts = shown["posts"]
    most = min(len(posts), MAX_POSTS)
    blocks: list[Block] = []

    @cache
    def drawn(longest: int) -> list[Block]:
        return [_post(post, parts, longest) for post in posts[:most]]

    for other in _OTHER_TEXTS:
        above, below = around(other)
        for count in range(most, min(most, 1) - 1, -1):
            for longest in _POST_TEXTS:
                blocks = [*above, *drawn(longest)[:count], *_note(shown, parts, len(posts) - count), *below]
                if size(blocks) <= MAX_ALL and len(blocks) <= MAX_BLOCKS:
                    return blocks
    return blocks


def _post(post: View, parts: Parts, longest: int) -> Block:
    who: list[Block] = [_text(cut(parts("who", post), _MAX_ABOVE, json_code_units), bold=True)]
    answered = parts("answered", post)
    if answered:
        who.append(_text(f"\n{cut(answered, _MAX_ABOVE, json_code_units)}", italic=True))
    link = {"type": "link", "url": post["url"], "text": parts.labels["view"]}
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": who},
            {"type": "rich_text_quote", "elements": [_text(cut(post["text"], longest, json_code_units) or " ")]},
            {"type": "rich_text_section", "elements": [link]},
        ],
    }


def _answer(shown: View, parts: Parts, other: int) -> list[Block]:
    answer = shown["answer"]
    if answer is None:
        return []
    link = {"type": "link", "url": answer["url"], "text": parts.labels["reply"]}
    about, words = (
        cut(text, min(other, _MAX_ANSWER), json_code_units) for text in (parts("answer", shown), answer["text"])
    )
    elements = [
        {"type": "rich_text_section", "elements": [_text(about, italic=True)]},
        {"type": "rich_text_quote", "elements": [_text(words)]},
        {"type": "rich_text_section", "elements": [link]},
    ]
    return [{"type": "divider"}, {"type": "rich_text", "elements": elements}]


def _note(shown: View, parts: Parts, without_room: int) -> list[Block]:
    more = {**shown["more"], "posts": shown["more"]["posts"] + without_room}
    text = parts("more", {**shown, "more": more})
    return [{"type": "context", "elements": [_plain(text, MAX_SECTION)]}] if text else []


def _actions(shown: View, parts: Parts, *, buttons: bool) -> Block | None:
    incident = shown["incident"]
    elements: list[Block] = []
    if buttons and incident["scope"] != "ops" and incident["status"] in ("firing", "acknowledged"):
        # What has no sense now is not offered: a burst owns no posts that could be called irrelevant.
        senseless = {"acknowledge"} if incident["status"] == "acknowledged" else set()
        senseless |= {"not_relevant"} if incident["scope"] == "burst" else set()
        wanted = [name for name in ACTIONS if name not in senseless]
        elements += [_button(name, incident["id"], parts.labels) for name in wanted]
    if shown["links"]:
        elements.append(
            {
                "type": "button",
                "text": _plain(parts.labels["incident"], MAX_BUTTON),
                "action_id": action_id("open"),
                "url": shown["links"]["incident"],
            }
        )
    return {"type": "actions", "elements": elements} if elements else None


def _button(name: str, incident_id: str, labels: Mapping[str, str]) -> Block:
    button: Block = {
        "type": "button",
        "text": _plain(labels[name], MAX_BUTTON),
        "action_id": action_id(name),
        "value": incident_id,
    }
    return button | ({"style": "primary"} if name == "acknowledge" else {})


def _plain(text: str, limit: int, unit: Unit = json_code_units) -> Block:
    return {"type": "plain_text", "text": cut(text, limit, unit), "emoji": False}


def _text(text: str, **style: bool) -> Block:
    return {"type": "text", "text": text} | ({"style": style} if style else {})
