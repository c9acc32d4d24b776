"""Two alerts that a user's templates are tried with: one that says all, one of which hardly anything is known."""

from collections.abc import Mapping
from typing import Any, Final

_POST: Final[Mapping[str, Any]] = {
    "id": "1900000000000000001",
    "url": "https://x.com/hanako_tnk/status/1900000000000000001",
    "text": "アクメの充電器から煙が出た🔥",
    "lang": "ja",
    "created_at": "2026-11-24T01:05:00Z",
    "at": "2026-11-24 10:05 JST",
    "name": "田中花子🌸",
    "handle": "@hanako_tnk",
    "followers": 1234,
    "severity": "high",
    "influence": "notable",
    "answers": {
        "url": "https://x.com/acme_jp/status/1900000000000000000",
        "text": "新しい充電器を発売しました",
        "name": "アクメ公式",
        "handle": "@acme_jp",
    },
}
_INCIDENT: Final[Mapping[str, Any]] = {
    "id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "key": "acme/care/1900000000000000001",
    "scope": "root",
    "brand": "acme",
    "kind": "complaint",
    "severity": "high",
    "status": "acknowledged",
    "opened_at": "2026-11-24T01:05:02Z",
    "post_count": 14,
    "author_count": 12,
    "reasons": ["says: smoke, 煙が出た"],
}
_FULL: Final[Mapping[str, Any]] = {
    "reason": "new_posts",
    "lead": "続報",
    "receiver": "desk",
    "sample": True,
    "brand": "アクメ",
    "short_id": "0f1e2d3c",
    "incident": _INCIDENT,
    "opened": "2026-11-24 10:05 JST",
    "posts": [_POST],
    "more": {"posts": 12, "incidents": 2, "incident_ids": []},
    "links": {"incident": "https://h.example.com/incidents/1?key=i", "acknowledge": "https://h.example.com/1?key=a"},
    "assignee": "mika",
    "acknowledged_by": "mika",
    "acknowledged_until": "10:35 JST",
    "loud": [{"name": "火の用心", "handle": "@hinoyojin", "followers": 120_000, "influence": "influencer"}],
    "spread": {"retweets": 400, "quotes": 40},
    "answer": {
        "situation": "充電器が熱い",
        "text": "ご不便をおかけしています。DMで製造番号をお知らせください。",
        "language": "ja",
        "reason": "「煙」がある",
        "url": "https://x.com/intent/tweet?in_reply_to=1900000000000000001&text=…",
    },
}
_BARE: Final[Mapping[str, Any]] = {
    **_FULL,
    "reason": "first",
    "lead": "New",
    "sample": False,
    "incident": {**_INCIDENT, "scope": "burst", "status": "firing", "kind": "question", "severity": "none",
                 "reasons": []},
    "posts": [{**_POST, "lang": None, "name": None, "handle": None, "followers": None, "influence": "none",
               "answers": None}],
    "more": {"posts": 0, "incidents": 0, "incident_ids": []},
    "links": None,
    "assignee": None,
    "acknowledged_by": None,
    "acknowledged_until": None,
    "loud": [],
    "spread": None,
    "answer": None,
}  # fmt: skip
SAMPLES: Final = (_FULL, _BARE)
