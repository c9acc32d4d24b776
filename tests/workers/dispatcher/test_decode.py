"""Marks as others may write them: what is read, put aside, waited for."""

from datetime import UTC, datetime, timedelta

import pytest

from config.brands import Burst
from schemas.errors import NewerSchemaError, RejectedError
from workers.dispatcher.decode import decode_mark

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
RULES = {"acme": Burst(authors=20, within=timedelta(minutes=10))}


def mark(mention: str, more: str = '"kind":"complaint"') -> bytes:
    return f'{{"mention":{mention},{more}}}'.encode()


SHORTEST = '{"id":"1","brand":"acme","text":"壊れた","created_at":"2026-11-24T02:59:00.000Z"}'


def test_the_least_that_a_mark_may_hold() -> None:
    arrival = decode_mark(mark(SHORTEST), RULES, NOW)
    assert (arrival.mention.text, arrival.mark.severity, arrival.mention.root_id) == ("壊れた", "none", "1")
    assert arrival.created_at == (NOW.timestamp() - 60) * 1000


def test_a_mention_keeps_its_own_bytes() -> None:
    written = SHORTEST[:-1] + ',"from_the_future":{"a":[1]}}'
    assert bytes(decode_mark(mark(written), RULES, NOW).mark.mention) == written.encode()


def test_created_is_never_later_than_received() -> None:
    late = SHORTEST.replace("2026-11-24T02:59", "2031-01-01T00:00")
    assert decode_mark(mark(late), RULES, NOW).created_at == NOW.timestamp() * 1000


def test_nul_becomes_the_replacement_character() -> None:
    assert decode_mark(mark(SHORTEST.replace("壊れた", "a\\u0000b")), RULES, NOW).mention.text == "a�b"


@pytest.mark.parametrize(
    ("created", "recovered", "late"), [("02:59", True, False), ("02:40", True, True), ("02:40", False, False)]
)
def test_recovered_and_old_is_late(created: str, recovered: bool, late: bool) -> None:
    written = SHORTEST.replace("02:59", created)[:-1] + f',"recovered":{str(recovered).lower()}}}'
    assert decode_mark(mark(written), RULES, NOW).late is late


@pytest.mark.parametrize(
    "value",
    [
        b"", b"null", b"[]", b'"mark"', b"{", b"\xff\xfe", b"[" * 100_000, mark("{}"), mark(SHORTEST, '"kind":"odd"'),
        mark(SHORTEST.replace('"1"', '""')), mark(SHORTEST.replace('"acme"', '"a/b"')),
        mark(SHORTEST[:-1] + ',"revision":99999999999}'), mark(SHORTEST[:-1] + ',"revision":-1}'),
        mark(SHORTEST.replace("壊れた", "\\ud800")),
    ],
)  # fmt: skip
def test_what_can_never_be_read_is_put_aside(value: bytes) -> None:
    with pytest.raises(RejectedError):
        decode_mark(value, RULES, NOW)


@pytest.mark.parametrize(
    "value",
    [
        mark(SHORTEST, '"kind":"complaint","schema_version":2'),
        mark('{"schema_version":2,"id":"1","brand":"acme","text":"x","created_at":"2026-11-24T02:59:00Z"}'),
        b'{"schema_version":2,"nothing":"we know"}',
    ],
)
def test_a_newer_schema_is_waited_for(value: bytes) -> None:
    with pytest.raises(NewerSchemaError):
        decode_mark(value, RULES, NOW)
