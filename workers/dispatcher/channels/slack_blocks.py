"""Slack's blocks of an alert: pure, within Slack's limits. Posts stand in rich text, which reads no markup in them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.measure import code_units, cut
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
_POST_TEXTS: Final = (2800, 1000, 400, 280, 140)  # ours: tried one after the other until all posts fit

Block = dict[str, Any]


def main_message(shown: View, parts: Parts, *, buttons: bool) -> Block:
    """The incident's own message: it is edited as the incident changes."""
    text = "\n".join(filter(None, (parts(name, shown) for name in ("status", "facts", "loud"))))
    above = [
        {"type": "header", "text": _plain(parts("headline", shown), MAX_HEADER)},
        {"type": "section", "text": _plain(text, MAX_SECTION)},
    ]
    if shown["incident"]["reasons"]:
        above.append({"type": "section", "text": _plain(parts("why", shown), MAX_SECTION)})
    actions = _actions(shown, parts, buttons=buttons)
    below = [*_answer(shown, parts), *([actions] if actions else [])]
    return {"text": fallback_text(shown, parts), "blocks": _fitting(above, shown, parts, below)}


def reply(shown: View, parts: Parts) -> Block:
    """A message in the incident's thread: what is new."""
    text = "\n".join(filter(None, (parts("headline", shown), parts("status", shown))))
    above = [{"type": "section", "text": _plain(text, MAX_SECTION)}]
    return {"text": fallback_text(shown, parts), "blocks": _fitting(above, shown, parts, _answer(shown, parts))}


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


def _fitting(above: list[Block], shown: View, parts: Parts, below: list[Block]) -> list[Block]:
    """With as many posts as fit, cut as little as need be; how many had no room is said."""
    posts = shown["posts"]
    for count in range(min(len(posts), MAX_POSTS), -1, -1):
        for longest in _POST_TEXTS:
            middle = [_post(post, parts, longest) for post in posts[:count]]
            note = _note(shown, parts, len(posts) - count)
            blocks = [*above, *middle, *note, *below]
            if size(blocks) <= MAX_ALL and len(blocks) <= MAX_BLOCKS:
                return blocks
    return above


def _post(post: View, parts: Parts, longest: int) -> Block:
    who: list[Block] = [_text(parts("who", post), bold=True)]
    answered = parts("answered", post)
    if answered:
        who.append(_text(f"\n{cut(answered, MAX_SECTION // 6, code_units)}", italic=True))
    link = {"type": "link", "url": post["url"], "text": parts.labels["view"]}
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": who},
            {"type": "rich_text_quote", "elements": [_text(cut(post["text"], longest, code_units) or " ")]},
            {"type": "rich_text_section", "elements": [link]},
        ],
    }


def _answer(shown: View, parts: Parts) -> list[Block]:
    answer = shown["answer"]
    if answer is None:
        return []
    link = {"type": "link", "url": answer["url"], "text": parts.labels["reply"]}
    elements = [
        {"type": "rich_text_section", "elements": [_text(cut(parts("answer", shown), 1000, code_units), italic=True)]},
        {"type": "rich_text_quote", "elements": [_text(cut(answer["text"], 1000, code_units))]},
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


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": cut(text, limit, code_units), "emoji": False}


def _text(text: str, **style: bool) -> Block:
    return {"type": "text", "text": text} | ({"style": style} if style else {})
