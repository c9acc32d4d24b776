"""Slack: one message an incident, edited in place as the incident changes; what is new goes into its thread.

Slack has no idempotency key: an attempt that timed out after Slack took it may arrive twice.
"""

from typing import Any, Final

from config.channels import SlackEntry
from workers.dispatcher.channels.http import Reply, call
from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.channels.slack_blocks import main_message, removed, reply
from workers.dispatcher.channels.tools import Ref, Tools, needed
from workers.dispatcher.outcome import Class, Made, Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import View, read_alert, view

# Only those who follow a thread hear of what is new in it, so what needs somebody is shown in the channel too.
_TO_THE_CHANNEL: Final = frozenset({"severity_rose", "escalation", "reminder", "repeat"})
_GONE_MESSAGE: Final = frozenset({"message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed"})
_CLASSES: Final[dict[str, Class]] = {
    **dict.fromkeys(
        (
            "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission",
            "missing_scope", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied",
            "team_access_not_granted", "channel_not_found", "not_in_channel", "is_archived", "restricted_action",
        ),
        "auth",
    ),
    **dict.fromkeys(("ratelimited", "rate_limited", "message_limit_exceeded"), "rate_limited"),
    **dict.fromkeys(
        ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"), "server"
    ),
}  # fmt: skip


class SlackChannel:
    """Posts, replies in the thread, and edits."""

    def __init__(self, entry: SlackEntry, receiver: str, tools: Tools) -> None:
        self._api, self._channel = entry.url.rstrip("/"), entry.channel
        self._headers = {"Authorization": f"Bearer {needed(entry.token, 'slack.token')}"}
        self._buttons = entry.app_token is not None or entry.signing_secret is not None
        self._receiver, self._tools = receiver, tools

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  Slack takes neither
        shown = view(read_alert(body), style)
        parts = Parts(self._tools.templates(), "slack", style.language)
        main = await self._tools.book.main(shown["incident"]["id"])
        posts = tuple(post["id"] for post in shown["posts"])
        if main is not None:
            thread: dict[str, Any] = {"thread_ts": main["ts"]}
            if shown["reason"] in _TO_THE_CHANNEL:
                thread["reply_broadcast"] = True
            answer = await self._call("chat.postMessage", {"channel": main["channel"], **reply(shown, parts), **thread})
            if answer.field("error") not in _GONE_MESSAGE:
                return _with_message(answer, main=False, posts=posts)
        answer = await self._call("chat.postMessage", {"channel": self._channel, **self._main(shown, parts)})
        return _with_message(answer, main=True, posts=posts)

    async def edit(self, ref: Ref, main: bool, body: bytes, style: Style) -> Result:
        """Make the message say what holds now; one without any post left says that it was removed."""
        shown = view(read_alert(body), style, edited=True)
        parts = Parts(self._tools.templates(), "slack", style.language)
        content = self._main(shown, parts) if main else removed(parts)
        if not main and shown["posts"]:
            content = reply(shown, parts)
        answer = await self._call("chat.update", {"channel": ref["channel"], "ts": ref["ts"], **content})
        return judged(answer)

    async def ask(self) -> Result:
        """Whether the token is good; whether the app is in the channel only sending can tell."""
        return judged(await self._call("auth.test", {}))

    def _main(self, shown: View, parts: Parts) -> dict[str, Any]:
        return main_message(shown, parts, buttons=self._buttons)

    async def _call(self, method: str, payload: dict[str, Any]) -> Reply:
        # No previews: they would show more of X than the post, and leave when it does.
        quiet = {"unfurl_links": False, "unfurl_media": False} if method == "chat.postMessage" else {}
        return await call(
            self._tools.client, self._tools.clock, f"{self._api}/{method}", {**payload, **quiet}, self._headers
        )


def judged(reply: Reply) -> Result:
    """Slack answers 200 to what it refuses, with the error's name: the class is by that."""
    result = reply.result
    if result.kind != "delivered":
        return reply.saying(reply.field("error"))
    if reply.field("ok") is True:
        return result
    error = reply.field("error")
    if not isinstance(error, str):
        return Result("server", "the answer is not Slack's")
    messages = reply.field("response_metadata", "messages")
    why = f": {'; '.join(map(str, messages))[:300]}" if isinstance(messages, list) else ""
    return Result(_CLASSES.get(error, "client"), f"{error}{why}", reply.retry_after_seconds)


def _with_message(reply: Reply, *, main: bool, posts: tuple[str, ...]) -> Result:
    result = judged(reply)
    if result.kind != "delivered":
        return result
    ref = {"channel": reply.field("channel"), "ts": reply.field("ts")}
    return result._replace(made=Made(ref, main, posts=posts))
