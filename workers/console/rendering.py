"""Pages as HTML: templates that escape whatever they are given, and the headers that keep a page to itself."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from schemas.mention import rfc3339
from workers.console.said import said
from workers.console.words import WORDS, Language, event_label, label

_FOLDER: Final = Path(__file__).parent / "templates"
_STYLE: Final = Markup((_FOLDER / "style.css").read_text("utf-8"))  # noqa: S704  our own file
_templates: Final = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_style_hash = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

# No script, no picture, nothing from elsewhere: hostile text that slipped through could still do nothing.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_style_hash}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address is the key
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def render(template: str, language: Language, *, other_language: str | None = None, **values: Any) -> str:
    """A template's HTML. `other_language`: where the page is in the other one."""
    return _templates.get_template(template).render(
        language=language,
        words=WORDS[language],
        style=_STYLE,
        other_language=other_language,
        label=lambda name: label(language, name),
        event_label=lambda name: event_label(language, name),
        said=lambda text: said(text, language),
        number=lambda count: f"{count:,}",
        machine_moment=lambda at: rfc3339(datetime.fromtimestamp(at / 1000, UTC)),
        **values,
    )


def moment(milliseconds: int, zone: str, language: Language, now: datetime) -> str:
    """A time as its reader's clock shows it; with the day where it is not today's."""
    there = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(ZoneInfo(zone))
    today = now.astimezone(ZoneInfo(zone))
    clock = there.strftime("%H:%M")
    if there.date() == today.date():
        return clock
    if language == "ja":
        day = f"{there.month}月{there.day}日"
        return f"{day} {clock}" if there.year == today.year else f"{there.year}年{day} {clock}"
    day = f"{there.day} {there:%b}"
    return f"{day} {clock}" if there.year == today.year else f"{day} {there.year} {clock}"


def lease_label(lease: str, language: Language) -> str:
    """`30m` as people say it."""
    count, unit = lease[:-1], lease[-1]
    if language == "ja":
        return f"{count}{'分' if unit == 'm' else '時間'}"
    return f"{count} {'minutes' if unit == 'm' else 'hour' if count == '1' else 'hours'}"
