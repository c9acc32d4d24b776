"""The program's own words in both languages: what kinds, severities, reasons and states are called."""

from collections.abc import Mapping
from typing import Final

Words = Mapping[str, str]

REASONS: Final[Mapping[str, Words]] = {
    "en": {
        "first": "New",
        "new_posts": "More posts",
        "severity_rose": "Severity rose",
        "escalation": "Escalation",
        "reminder": "Reminder",
        "repeat": "Still open",
        "all_resolved": "Resolved",
    },
    "ja": {
        "first": "新規",
        "new_posts": "続報",
        "severity_rose": "深刻度上昇",
        "escalation": "エスカレーション",
        "reminder": "リマインダー",
        "repeat": "未対応",
        "all_resolved": "解決",
    },
}
KINDS: Final[Mapping[str, Words]] = {
    "en": {
        "complaint": "complaint",
        "question": "question",
        "praise": "praise",
        "neutral": "neutral",
        "promotion": "promotion",
        "irrelevant": "irrelevant",
        "ops": "trouble with Hikeshi itself",
    },
    "ja": {
        "complaint": "苦情",
        "question": "質問",
        "praise": "称賛",
        "neutral": "中立",
        "promotion": "宣伝",
        "irrelevant": "無関係",
        "ops": "Hikeshi自身の異常",
    },
}
SEVERITIES: Final[Mapping[str, Words]] = {
    "en": {"none": "none", "low": "low", "medium": "medium", "high": "high", "critical": "critical"},
    "ja": {"none": "なし", "low": "低", "medium": "中", "high": "高", "critical": "重大"},
}
STATUSES: Final[Mapping[str, Words]] = {
    "en": {"firing": "open", "acknowledged": "taken", "resolved": "resolved", "merged": "part of a burst"},
    "ja": {"firing": "未対応", "acknowledged": "対応中", "resolved": "解決", "merged": "炎上の一部"},
}
INFLUENCES: Final[Mapping[str, Words]] = {
    "en": {"none": "", "notable": "notable", "influencer": "influencer", "watchlist": "watch list"},
    "ja": {"none": "", "notable": "注目", "influencer": "インフルエンサー", "watchlist": "要注意リスト"},
}
LABELS: Final[Mapping[str, Words]] = {
    "en": {
        "acknowledge": "Acknowledge",
        "assign": "Assign to me",
        "not_relevant": "Not relevant",
        "resolve": "Resolve",
        "incident": "Open the incident",
        "reply": "Reply on X",
        "view": "View on X",
        "severity": "Severity",
        "reasons": "Why",
    },
    "ja": {
        "acknowledge": "引き受ける",
        "assign": "自分が担当",
        "not_relevant": "無関係",
        "resolve": "解決",
        "incident": "インシデントを開く",
        "reply": "Xで返信",
        "view": "Xで見る",
        "severity": "深刻度",
        "reasons": "理由",
    },
}
