"""How a call of X's failed, told by what to do about it. Pure: status, headers and body in, a Failure out."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

# network: connect again soon; http: the server is in trouble; limited: a quota is used up; too_many: another
# connection of ours is still open; rules: X wants other rules; spelling: X wants the other names of the fields;
# refused: only a person can mend it (token, plan, rules, money). What we end ourselves: full (our buffer), spent (the
# day's cap), quiet (heartbeats and no posts), lost (another replica holds the lease).
Kind = Literal[
    "network", "http", "limited", "too_many", "rules", "spelling", "refused", "full", "spent", "quiet", "lost"
]

_REFUSED: Final = frozenset({400, 401, 402, 403, 404, 405, 410, 422})
_RULES: Final = frozenset({"InvalidRules", "RuleConfigurationIssue", "RulesInvalidIssue"})
_PLAN: Final = frozenset({"ProvisioningSubscription"})
_SPELLED: Final = ("tweet.fields", "post.fields", "referenced_tweets", "referenced_posts", "note_tweet", "note_post")
_NOT_IN_PLAN: Final = (b"client-not-enrolled", b"client-forbidden", b"access level", b"API Access")
_TOLD_CHARACTERS: Final = 300  # ours: enough of what X said; a page of HTML is no news


class CallFailed(Exception):  # noqa: N818  # it says what happened
    """A call of X's failed; never leaves the source."""

    def __init__(self, failure: "Failure") -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Failure(NamedTuple):
    """What happened, in words, and until when X says that we wait (seconds since 1970)."""

    kind: Kind
    detail: str
    reset_at: float | None = None
    status: int | None = None
    """Of the answer, where there was one."""
    not_in_plan: bool = False
    """Whether X says that the account's plan doesn't have this endpoint."""


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The failure that an answer other than 2xx is."""
    detail = f"HTTP {status}: {_said(body)}"
    if status == 429:
        if b"TooManyConnections" in body:
            return Failure("too_many", detail)
        if b"UsageCapExceeded" in body:
            return Failure("refused", detail)  # the month's posts are used up: waiting for seconds is no way out
        return Failure("limited", detail, _number(headers.get("x-rate-limit-reset")))
    if status == 409:
        return Failure("rules", detail)
    if status == 400 and any(name.encode() in body for name in _SPELLED):
        return Failure("spelling", detail)
    not_in_plan = status == 403 and any(name in body for name in _NOT_IN_PLAN)
    return Failure("refused" if status in _REFUSED else "http", detail, status=status, not_in_plan=not_in_plan)


def of_message(message: Mapping[str, Any]) -> Failure | None:
    """The failure that a message of the stream tells; None where it goes on."""
    if message.get("data") is not None:
        return None
    errors = message.get("errors")
    for error in errors if isinstance(errors, list) else [message]:
        if not isinstance(error, dict):
            continue
        told = {str(error[name]) for name in ("disconnect_type", "connection_issue") if error.get(name)}
        detail = f"{', '.join(sorted(told)) or error.get('title')}: {str(error.get('detail', ''))[:_TOLD_CHARACTERS]}"
        if "TooManyConnections" in told:
            return Failure("too_many", detail)
        if told & _RULES:
            return Failure("rules", detail)
        if told & _PLAN:
            return Failure("refused", detail)
        if told or error.get("title") == "operational-disconnect":
            return Failure("network", detail)
    return None


def _said(body: bytes) -> str:
    """What X says is wrong, of its JSON or of any other page."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body[:_TOLD_CHARACTERS].decode("utf-8", "replace").replace("\n", " ").strip() or "no reason given"
    found = [value] if isinstance(value, dict) else []
    if found and isinstance(found[0].get("errors"), list):
        found += [error for error in found[0]["errors"] if isinstance(error, dict)]
    said = [str(part[name]) for part in found for name in ("title", "detail", "message", "value") if part.get(name)]
    return ("; ".join(dict.fromkeys(said)) or "no reason given")[:_TOLD_CHARACTERS]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
