"""What the timeline says, for readers of Japanese: the sentences that the program itself writes. Others stay as they
were written."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from config.words import INFLUENCES, KINDS, REASONS, SEVERITIES
from workers.console.words import Language

_KIND = "|".join(KINDS["en"])
_SEVERITY = "|".join(SEVERITIES["en"])
_REASON = "|".join(REASONS["en"])
_WHAT: Final = rf"({_KIND}), severity ({_SEVERITY})(?:, influence (\w+))?"


def _what(kind: str, severity: str, influence: str | None) -> str:
    heard = f"、影響力: {INFLUENCES['ja'].get(influence, influence)}" if influence else ""
    return f"{KINDS['ja'][kind]}、深刻度 {SEVERITIES['ja'][severity]}{heard}"


def _with_reason(text: str, reason: str | None) -> str:
    return f"{text}: {reason}" if reason else text


_Made = Callable[..., str]
_SENTENCES: Final[Sequence[tuple[re.Pattern[str], _Made]]] = [
    (re.compile(pattern, re.DOTALL), made)
    for pattern, made in (
        (_WHAT, _what),
        (
            rf"({_SEVERITY}) → ({_SEVERITY}): {_WHAT}",
            lambda before, after, *what: f"{SEVERITIES['ja'][before]} → {SEVERITIES['ja'][after]}（{_what(*what)}）",
        ),
        (rf"{_WHAT}: somebody must see it by itself", lambda *what: f"{_what(*what)}のため、単独で扱います"),
        (rf"(.+): ({_REASON})", lambda receiver, reason: f"{receiver}（{REASONS['ja'][reason]}）"),
        (r"to nobody(?:: (.+))?", lambda reason: _with_reason("担当なし", reason)),
        (r"to ([^:]+)(?:: (.+))?", lambda name, reason: _with_reason(f"{name}さんへ", reason)),
        (r"by the incident's link", lambda: "リンクから"),
        (r"in (Slack|PagerDuty)", lambda where: f"{where}で"),
        (r"by hand", lambda: "手作業で"),
        (r"taken", lambda: "引き受け"),
        (r"the acknowledgement by (.+) ran out", lambda name: f"{name}さんの対応時間が過ぎました"),
        (r"severity rose since (.+) acknowledged it", lambda name: f"{name}さんの引き受け後に深刻度が上がりました"),
        (r"new posts after it was resolved", lambda: "解決後に新しい投稿がありました"),
        (r"merged into the burst (\S+) of .+", lambda burst: f"炎上 {burst} に統合しました"),
        (r"the burst it was in is over", lambda: "統合先の炎上が終わりました"),
        (r"(.+): all steps are done", lambda name: f"{name}: すべての段階が終わりました"),
        (r"(.+): to (.+)", lambda name, receiver: f"{name}: {receiver}へ"),
        (r"(.+) is no longer in routes\.yaml", lambda receiver: f"{receiver} は routes.yaml にありません"),
    )
]


def said(text: str, language: Language) -> str:
    """The sentence in the reader's language, where it is one of ours."""
    if language == "ja":
        for pattern, made in _SENTENCES:
            if (found := pattern.fullmatch(text)) is not None:
                return made(*found.groups())
    return text
