"""The words of the pages, in English and Japanese, and which of the two a reader gets."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from config.words import INFLUENCES, KINDS, SEVERITIES, STATUSES

Language = Literal["en", "ja"]

_EN: Final[dict[str, str]] = {
    "other_language": "日本語",
    "incident": "Incident",
    "severity": "severity {severity}",
    "sample": "Sample: nothing of this is real.",
    # who has it
    "nobody": "Nobody has taken it yet.",
    "taken": "{name} has it until {until}.",
    "assigned": "Assigned to {name}.",
    "is_resolved": "Resolved {at}.",
    "is_merged": "This conversation is part of a burst over the whole brand. Take the burst instead.",
    "see_burst": "Open the burst",
    "muted": "Notifications are held back by {by} until {until}.",
    "muted_on": "Notifications are held back by {by}.",
    # acts
    "your_name": "Your name",
    "name_hint": "Shown in the timeline. Remembered on this device.",
    "as": "You act as {name}.",
    "change_name": "Not you?",
    "acknowledge": "Acknowledge",
    "acknowledge_over": "Take it over",
    "acknowledge_again": "I need more time",
    "burst": "burst over the whole brand",
    "hold": "For how long",
    "hold_default": "as the route says",
    "resolve": "Resolve",
    "resolve_what": "Resolve tells everybody who was told of it.",
    "not_relevant": "Not relevant",
    "not_relevant_what": "Not relevant closes it, and Hikeshi learns from it.",
    "not_relevant_post": "Not relevant",
    "reopen": "Open it again",
    "say_more": "For how long, and why",
    "more_acts": "Assign, note",
    "assign": "Assign",
    "assign_to": "Assign to",
    "assign_to_one": "Assign to one who was here",
    "note": "Note",
    "note_add": "Add note",
    "reason": "Why (optional)",
    # what was done
    "done_acknowledge": "You have it now.",
    "done_assign": "Assigned.",
    "done_resolve": "Resolved.",
    "done_note": "Noted.",
    "done_not_relevant": "Marked as not relevant.",
    "done_not_relevant_post": "That post is marked as not relevant.",
    "done_reopen": "Open again.",
    "refused": "Nothing was changed.",
    # content
    "why": "Why it matters",
    "posts": "Posts",
    "posts_shown": "{shown} of {held}, the weightiest first",
    "no_posts": "The posts have been removed, at X or by hand.",
    "on_x": "View on X",
    "reply": "Reply on X",
    "answer": "Answer from the book: {situation}",
    "unknown_author": "unknown author",
    "followers": "{n} followers",
    "counts": "{posts} posts by {authors} authors",
    "count_one": "1 post",
    "spread": "{retweets} reposts, {quotes} quotes",
    "opened": "since {at}",
    "timeline": "Timeline",
    "timeline_more": "… and {n} earlier entries",
    "zone": "Times: {zone}",
    "program": "Hikeshi",
    # asking for the name
    "who_are_you": "Who are you?",
    "who_why": "The timeline says who did what. You are asked once on this device.",
    "go_on": "Go on",
    # pages without an incident
    "home_title": "Hikeshi",
    "home": "Nothing to see here without a link: open an incident by the link in its notification.",
    "home_log_in": "A console with a log-in is not in this release.",
    "expired_title": "This link has expired",
    "expired": "Links hold for a week. Open the one in a newer notification, or look with `hikeshi incidents show`.",
    "wrong_title": "This link is not valid",
    "wrong": "It may have been cut off on its way. Open it again from the notification, or copy the whole of it.",
    "gone_title": "This incident is not here any more",
    "gone": "It was removed from the store.",
    "away_title": "One moment",
    "away": "The store can't be reached at present. Try again in a minute. Nothing was changed.",
    "broken_title": "Something went wrong",
    "broken": "The log has the details. Try again, or use `hikeshi incidents`.",
    "old_form_title": "Please open the page again",
    "old_form": "The form did not come from this page. Nothing was changed.",
    "back": "Back to the incident",
    # refusals of a form
    "no_name": "Say who you are: up to 60 characters.",
    "no_assignee": "Say to whom: up to 60 characters.",
    "no_note": "The note is empty.",
    "long_note": "The note is longer than 2,000 characters.",
    "unknown_act": "That is nothing this page can do.",
    "not_open": "It is not open any more: somebody else was faster.",
}

_JA: Final[dict[str, str]] = {
    "other_language": "English",
    "incident": "インシデント",
    "severity": "深刻度 {severity}",
    "sample": "サンプルです。実際の投稿ではありません。",
    "nobody": "まだ誰も引き受けていません。",
    "taken": "{name}さんが{until}まで対応しています。",
    "assigned": "担当: {name}さん",
    "is_resolved": "{at}に解決しました。",
    "is_merged": "この会話は、ブランド全体の炎上の一部として扱われています。そちらを引き受けてください。",
    "see_burst": "炎上のインシデントを開く",
    "muted": "{by}により、{until}まで通知を止めています。",
    "muted_on": "{by}により、通知を止めています。",
    "your_name": "お名前",
    "name_hint": "履歴に表示されます。この端末に記憶します。",
    "as": "{name}さんとして操作します。",
    "change_name": "別の方ですか？",
    "acknowledge": "引き受ける",
    "acknowledge_over": "引き継ぐ",
    "acknowledge_again": "対応を延長する",
    "burst": "ブランド全体の炎上",
    "hold": "対応する時間",
    "hold_default": "経路の設定どおり",
    "resolve": "解決",
    "resolve_what": "「解決」は、通知を受けた全員に知らせます。",
    "not_relevant": "無関係",
    "not_relevant_what": "「無関係」は、閉じて Hikeshi が学習します。",
    "not_relevant_post": "無関係",
    "reopen": "再開する",
    "say_more": "対応する時間・理由",
    "more_acts": "担当・メモ",
    "assign": "担当にする",
    "assign_to": "担当者の名前",
    "assign_to_one": "これまでに操作した人を担当にする",
    "note": "メモ",
    "note_add": "メモを残す",
    "reason": "理由（省略可）",
    "done_acknowledge": "引き受けました。",
    "done_assign": "担当を決めました。",
    "done_resolve": "解決済みにしました。",
    "done_note": "メモを残しました。",
    "done_not_relevant": "無関係としました。",
    "done_not_relevant_post": "その投稿を無関係としました。",
    "done_reopen": "再開しました。",
    "refused": "何も変更していません。",
    "why": "理由",
    "posts": "投稿",
    "posts_shown": "{held}件中{shown}件（重要な順）",
    "no_posts": "投稿は、X上で、または手作業で削除されました。",
    "on_x": "Xで見る",
    "reply": "Xで返信",
    "answer": "回答集: {situation}",
    "unknown_author": "投稿者不明",
    "followers": "フォロワー{n}人",
    "counts": "投稿{posts}件・投稿者{authors}人",
    "count_one": "投稿1件",
    "spread": "リポスト{retweets}件・引用{quotes}件",
    "opened": "{at}から",
    "timeline": "履歴",
    "timeline_more": "…ほかに{n}件（これより前）",
    "zone": "時刻: {zone}",
    "program": "火消し Hikeshi",
    "who_are_you": "お名前を教えてください",
    "who_why": "誰が何をしたかを履歴に残します。この端末では一度だけうかがいます。",
    "go_on": "続ける",
    "home_title": "火消し Hikeshi",
    "home": "ここではリンクなしに何も表示しません。通知のリンクからインシデントを開いてください。",
    "home_log_in": "ログインして使う画面は、この版にはまだありません。",
    "expired_title": "リンクの有効期限が切れています",
    "expired": "リンクは1週間有効です。新しい通知のリンクを開くか、`hikeshi incidents show` でご覧ください。",
    "wrong_title": "リンクが正しくありません",
    "wrong": "途中で切れている可能性があります。通知から開き直すか、リンク全体をコピーしてください。",
    "gone_title": "このインシデントはもうありません",
    "gone": "データベースから削除されました。",
    "away_title": "少々お待ちください",
    "away": "データベースに接続できません。1分ほどしてからもう一度お試しください。何も変更していません。",
    "broken_title": "問題が起きました",
    "broken": "詳細はログにあります。もう一度試すか、`hikeshi incidents` をお使いください。",
    "old_form_title": "ページを開き直してください",
    "old_form": "このページから送られた操作ではありません。何も変更していません。",
    "back": "インシデントに戻る",
    "no_name": "お名前を60文字以内で入力してください。",
    "no_assignee": "担当者を60文字以内で入力してください。",
    "no_note": "メモが空です。",
    "long_note": "メモは2,000文字以内にしてください。",
    "unknown_act": "このページではできない操作です。",
    "not_open": "もう開いていません。ほかの方が先に操作しました。",
}

WORDS: Final[Mapping[Language, Mapping[str, str]]] = MappingProxyType({"en": _EN, "ja": _JA})

_EVENTS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "opened": "opened",
        "reopened": "open again",
        "acknowledged": "taken",
        "unacknowledged": "no longer taken",
        "merged": "merged",
        "notified": "told",
        "fell_back": "fallback told",
        "noted": "note",
        "not_relevant": "not relevant",
    },
    "ja": {
        "opened": "発生",
        "severity_rose": "深刻度上昇",
        "reopened": "再開",
        "acknowledged": "引き受け",
        "unacknowledged": "引き受け終了",
        "resolved": "解決",
        "merged": "統合",
        "unmerged": "統合解除",
        "flared": "再燃",
        "notified": "通知",
        "fell_back": "代替先に通知",
        "receiver_gone": "通知先なし",
        "assigned": "担当",
        "noted": "メモ",
        "not_relevant": "無関係",
        "post_marked": "投稿の判定変更",
        "post_removed": "投稿の削除",
        "escalation_started": "エスカレーション開始",
        "escalation_step": "エスカレーション",
        "escalated": "エスカレーション",
        "escalation_repeated": "エスカレーション繰り返し",
        "escalation_ended": "エスカレーション終了",
        "muted": "通知停止",
        "unmuted": "通知再開",
    },
}

_CHOICES: Final[Mapping[str, Language]] = {"en": "en", "ja": "ja"}
_ACCEPTED = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


def label(language: Language, name: str) -> str:
    """A name of ours (a kind, a severity, a state, an influence) as people read it."""
    for words in (KINDS, SEVERITIES, STATUSES, INFLUENCES):
        if name in words[language]:
            return words[language][name]
    return name


def event_label(language: Language, name: str) -> str:
    """What happened, as people read it; an event that has no words yet as it is called."""
    return _EVENTS[language].get(name, name.replace("_", " "))


def accepted(header: str) -> Language | None:
    """The language that a browser asks for first, of those that there are; None where it names neither."""
    found: list[tuple[float, Language]] = []
    for part in header[:500].split(","):
        match = _ACCEPTED.fullmatch(part)
        if match is None or match[1].lower() not in ("en", "ja"):
            continue
        try:
            weight = float(match[2]) if match[2] is not None else 1.0
        except ValueError:
            continue
        if weight > 0:
            found.append((weight, "ja" if match[1].lower() == "ja" else "en"))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def chosen(asked: str | None, header: str, of_route: str) -> Language:
    """The reader's own choice first, then the browser's, then the route's."""
    return _CHOICES.get(asked or "") or accepted(header) or _CHOICES.get(of_route, "en")
