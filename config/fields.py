"""The kinds of values that our files hold: handles, languages, time zones, brand ids, addresses."""

import re
import unicodedata
from functools import cache
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from config.faults import suggestion
from config.refusals import refusal

_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")  # X's rule for user names
_USER_ID = re.compile(r"[0-9]{1,20}")
_COUNTRIES = {"jp": "ja", "cn": "zh", "us": "en", "gb": "en"}  # often written, and no language of X has these codes
_ABBREVIATIONS = {"JST": "Asia/Tokyo", "KST": "Asia/Seoul", "BST": "Europe/London", "PST": "America/Los_Angeles"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_BRAND_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # ours: it is part of keys, addresses and metric labels

_SERVER = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


def _handle(text: str) -> str:
    name = _without_at(text)
    if not _HANDLE.fullmatch(name):
        remedy = "write 1 to 15 of A-Z, a-z, 0-9 and _, for example `acme_jp`"
        raise refusal(f"{text!r} is not a user name of X", remedy)
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
    if code in _COUNTRIES:
        raise refusal(f"{text!r} is a country, not a language", f"did you mean `{_COUNTRIES[code]}`?")
    if not _LANGUAGE.fullmatch(code):
        remedy = "write two or three letters as X does, for example `ja` or `en`"
        raise refusal(f"{text!r} is not a language code", remedy)
    return code


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(name: str) -> str:
    if name not in _zones():
        raise refusal(f"{name!r} is not a time zone", _zone_remedy(name))
    return name


def _zone_remedy(name: str) -> str:
    if name.upper() in _ABBREVIATIONS:
        return f"did you mean `{_ABBREVIATIONS[name.upper()]}`?"
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
        (parts.hostname or "").encode("idna")  # as it is looked up: `a..b` has no such form
    except ValueError:
        usable = False
    if not usable:
        raise refusal("is not an http or https address", remedy)
    return text


class _OneOrMore:
    """One value where a list may stand, `kind: complaint`; an empty list asks for nothing and is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        several = {**handler(core), "minItems": 1}
        return {"anyOf": [several["items"], several]}

    @staticmethod
    def _listed(value: Any) -> Any:
        if value == [] or value is None:
            raise refusal("is empty", "write a value or a list of them, or leave the key out")
        return [value] if isinstance(value, str | bool | int | float) else value


def _text(text: str) -> str:
    if not text.strip():
        raise refusal("is empty", "write something, or leave the key out")
    return text


def _server_list(text: str) -> str:
    for server in text.split(","):
        if not _SERVER.fullmatch(server.strip()):
            raise refusal(
                f"{server.strip()!r} is not `host:port`", "write for example `kafka:9092`, with commas between"
            )
    return ",".join(server.strip() for server in text.split(","))


def _number_alone(value: Any) -> Any:
    if isinstance(value, bool):
        raise refusal("must be a number, not true or false", "write a number")
    return value


def _port(port: int) -> int:
    if not 0 <= port <= 65535:
        raise refusal(f"{port} is no port", "write 0 (any free one) to 65535")
    return port


Handle = Annotated[str, AfterValidator(_handle)]
AuthorName = Annotated[str, AfterValidator(_author)]
Language = Annotated[str, AfterValidator(_language)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
BrandId = Annotated[str, AfterValidator(_brand_id)]
WebAddress = Annotated[str, AfterValidator(checked_web_address)]
Text = Annotated[str, AfterValidator(_text)]
ServerList = Annotated[str, AfterValidator(_server_list)]
Whole = Annotated[int, BeforeValidator(_number_alone)]
Port = Annotated[int, BeforeValidator(_number_alone), AfterValidator(_port)]
ONE_OR_MORE: Final = _OneOrMore()
