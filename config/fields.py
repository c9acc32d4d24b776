"""The kinds of values that our files hold: handles, languages, time zones, brand ids, addresses."""

import re
import unicodedata
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator

from config.faults import suggestion
from config.refusals import refusal

_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")  # X's rule for user names
_USER_ID = re.compile(r"[0-9]{1,20}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_BRAND_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # ours: it is part of keys, addresses and metric labels


def _handle(text: str) -> str:
    name = _without_at(text)
    if not _HANDLE.fullmatch(name):
        raise refusal(
            f"{text!r} is not a user name of X", "write 1 to 15 of A-Z, a-z, 0-9 and _, for example `acme_jp`"
        )
    return name.lower()


def _author(text: str) -> str:
    name = _without_at(text)
    if not _USER_ID.fullmatch(name):
        return _handle(text)
    return name


def _without_at(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().removeprefix("@")


def _language(text: str) -> str:
    code = text.strip().lower()
    if not _LANGUAGE.fullmatch(code):
        raise refusal(
            f"{text!r} is not a language code", "write two or three letters as X does, for example `ja` or `en`"
        )
    return code


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(name: str) -> str:
    if name not in _zones():
        raise refusal(f"{name!r} is not a time zone", f"{_zone_remedy(name)}")
    return name


def _zone_remedy(name: str) -> str:
    near = suggestion(name, _zones())
    return near if near.startswith("did") else "write a name of the IANA list, for example `Asia/Tokyo` or `UTC`"


def _brand_id(text: str) -> str:
    if not _BRAND_ID.fullmatch(text):
        remedy = "write ASCII letters, digits, `-`, `_` and `.`, at most 64, for example `acme`"
        raise refusal(f"{text!r} can't be an id", remedy)
    return text


def checked_web_address(text: str) -> str:
    """The address itself, or a refusal, which does not show it: it may hold a token."""
    remedy = "write it whole, for example `https://example.com/hook`"
    if any(character.isspace() or not character.isprintable() for character in text):
        raise refusal("the address holds white space", remedy)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise refusal("is not an http or https address", remedy)
    return text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | bool | int | float) else value


def zone(name: str) -> ZoneInfo:
    """The time zone of a checked name."""
    return ZoneInfo(name)


Handle = Annotated[str, AfterValidator(_handle)]
AuthorName = Annotated[str, AfterValidator(_author)]
Language = Annotated[str, AfterValidator(_language)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
BrandId = Annotated[str, AfterValidator(_brand_id)]
WebAddress = Annotated[str, AfterValidator(checked_web_address)]
OneOrMore = BeforeValidator(_listed)  # `kind: complaint` for `kind: [complaint]`
