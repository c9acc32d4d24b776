"""Messages of yesterday are read for ever, and the published schemas are those of the code."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from schemas.export import FOLDER, schemas
from schemas.mark import Mark
from schemas.mention import Mention, record_key, rfc3339, snowflake_time, split_key

GOLDEN = Path(__file__).parent / "golden"


def golden(kind: str) -> list[bytes]:
    return (GOLDEN / f"{kind}.v1.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize("line", golden("mention"))
def test_mentions_of_yesterday_are_read(line: bytes) -> None:
    mention = msgspec.json.decode(line, type=Mention)
    written = json.loads(line)
    assert {name: getattr(mention, name) for name in written if name not in ("author", "geo")} == {
        name: value for name, value in written.items() if name not in ("author", "geo")
    }
    assert mention.root_id == (mention.root or mention.id)


@pytest.mark.parametrize("line", golden("mark"))
def test_marks_of_yesterday_are_read_and_carry_their_mention_byte_for_byte(line: bytes) -> None:
    mark = msgspec.json.decode(line, type=Mark)
    assert bytes(mark.mention) in line
    assert msgspec.json.decode(msgspec.json.encode(mark))["mention"] == json.loads(line)["mention"]
    assert msgspec.json.decode(mark.mention, type=Mention).brand == "acme"


@pytest.mark.parametrize("kind", ["mention", "mark"])
def test_golden_messages_fit_the_published_schema(kind: str) -> None:
    schema = json.loads((FOLDER / f"{kind}.v1.schema.json").read_text(encoding="utf-8"))
    for line in golden(kind):
        jsonschema.validate(json.loads(line), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"id": "1"}, schema)


def test_the_published_schemas_are_up_to_date() -> None:
    """After a change: python -m schemas.export."""
    for name, schema in schemas().items():
        assert json.loads((FOLDER / name).read_text(encoding="utf-8")) == schema, name


def test_record_keys() -> None:
    assert record_key("acme", "123") == b"acme/123"
    assert split_key(b"acme/123") == ("acme", "123")


@pytest.mark.parametrize(
    ("post_id", "moment"),
    [
        ("1577318900085186562", "2022-10-04T15:25:05.605Z"),
        ("12", None),  # from before snowflakes
        ("abc", None),
        ("", None),
        ("９", None),
        ("9" * 40, None),
    ],
)
def test_a_snowflake_holds_its_time(post_id: str, moment: str | None) -> None:
    found = snowflake_time(post_id)
    assert (rfc3339(found) if found else None) == moment
