"""Dead letters on the embedded log: put once, stop, go on after a retry or a drop, over restarts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.errors import RejectedError, StopError
from schemas.topics import ALL, DEAD_LETTER_PAYLOAD_BYTES, MARKS, MENTIONS
from tests.support.clock import FakeClock
from workers.log.contract import Outgoing
from workers.log.embedded import EmbeddedLog
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.letter import Letter, letter_id, payload_fields
from workers.runtime.letter_box import drop_letter, list_letters, retry_letter, whole_letters

PLACE = {"topic": MENTIONS.name, "partition": 0, "offset": 7}


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    log = EmbeddedLog(tmp_path)
    await log.create_topics(ALL)
    yield log
    await log.close()


async def opened(log: EmbeddedLog, clock: FakeClock) -> DeadLetters:
    letters = DeadLetters(log, MENTIONS, "classifier", clock)
    await letters.open()
    return letters


async def all_letters(log: EmbeddedLog) -> list[Letter]:
    ids = {letter.id for letter in await list_letters(log, (MENTIONS, MARKS))}
    return [letter async for letter in whole_letters(log, (MENTIONS, MARKS), ids)]


async def put_records(letters: DeadLetters, count: int, start: int = 0) -> None:
    for offset in range(start, start + count):
        await letters.put(b"acme/1", b"{}", "no text", PLACE | {"offset": offset})


async def test_a_letter_says_what_where_and_why(log: EmbeddedLog) -> None:
    letters = await opened(log, FakeClock())
    assert await letters.put(b"acme/1", '{"text":"充電'.encode(), "not JSON", PLACE, [("traceparent", b"00-a-b-01")])
    (letter,) = await all_letters(log)
    assert (letter.stage, letter.topic, letter.fault, letter.where) == ("classifier", MENTIONS.name, "not JSON", PLACE)
    assert (letter.key, letter.payload, letter.cut) == ("acme/1", '{"text":"充電', False)
    assert letter.at == "2026-04-01T00:00:00.000Z"


async def test_the_same_line_makes_no_second_letter_in_a_copy_of_the_file_nor_over_restarts(log: EmbeddedLog) -> None:
    clock = FakeClock()
    first = await opened(log, clock)
    assert await first.put(b"", b"{broken", "not JSON", {"file": "a.jsonl", "line": 3})
    assert not await first.put(b"", b"{broken", "not JSON", {"file": "copy.jsonl", "line": 3})
    assert await first.put(b"", b"{broken", "not JSON", {"file": "a.jsonl", "line": 9})  # another line, as broken
    assert not await (await opened(log, clock)).put(b"", b"{broken", "not JSON", {"file": "a.jsonl", "line": 3})
    assert len(await all_letters(log)) == 2
    assert first.put_total == 2


async def test_fifty_in_a_row_stop_the_stage_until_they_are_dropped(log: EmbeddedLog) -> None:
    clock = FakeClock()
    letters = await opened(log, clock)
    with pytest.raises(StopError, match=r"50 records in a row.*dead-letters retry --all"):
        await put_records(letters, 60)
    assert letters.put_total == 50
    restarted = await opened(log, clock)
    with pytest.raises(StopError):
        restarted.check()
    waiting = asyncio.create_task(restarted.stop_lifted())
    await clock.advance(10)
    assert not waiting.done()
    for letter in await list_letters(log, (MENTIONS,)):
        await drop_letter(log, letter)
    while not waiting.done():
        await clock.advance(2)
        await asyncio.sleep(0.01)
    restarted.check()
    await put_records(restarted, 49, start=100)  # counts from zero


async def test_a_crash_loop_can_not_hide_below_the_limit(log: EmbeddedLog) -> None:
    clock = FakeClock()
    await put_records(await opened(log, clock), 30)
    with pytest.raises(StopError):
        await put_records(await opened(log, clock), 20, start=30)


async def test_what_was_long_ago_is_not_held_against_a_new_start(log: EmbeddedLog) -> None:
    clock = FakeClock()
    await put_records(await opened(log, clock), 49)
    await clock.advance(301)
    await put_records(await opened(log, clock), 49, start=49)


async def test_lines_of_a_replay_never_stop_a_stage(log: EmbeddedLog) -> None:
    letters = await opened(log, FakeClock())
    for number in range(200):
        await letters.put(b"", b"{%d" % number, "not JSON", {"file": "a.jsonl", "line": number})
    letters.check()
    assert letters.put_total == 200


async def test_a_retried_record_is_on_its_topic_again_and_its_letter_gone(log: EmbeddedLog) -> None:
    letters = await opened(log, FakeClock())
    await letters.put(b"acme/1", b"\xff\xfe", "not UTF-8", PLACE, [("traceparent", b"00-a-b-01")])
    (letter,) = await all_letters(log)
    await retry_letter(log, letter)
    assert await all_letters(log) == []
    (batch,) = [batch async for batch in log.read(MENTIONS, {0: 0})]
    (record,) = batch
    assert (record.key, record.value, list(record.headers)) == (b"acme/1", b"\xff\xfe", [("traceparent", b"00-a-b-01")])
    # It fails again, at its new place: a new letter.
    assert await letters.put(b"acme/1", b"\xff\xfe", "not UTF-8", PLACE | {"offset": record.offset})
    assert len(await all_letters(log)) == 1


async def test_a_record_that_was_dropped_is_put_aside_again_when_it_comes_again(log: EmbeddedLog) -> None:
    letters = await opened(log, FakeClock())
    await letters.put(b"acme/1", b"x", "not JSON", PLACE)
    (letter,) = await all_letters(log)
    await drop_letter(log, letter)
    assert await letters.put(b"acme/1", b"x", "not JSON", PLACE)
    assert len(await all_letters(log)) == 1


async def test_a_cut_record_is_retried_whole_from_its_topic_or_refused(log: EmbeddedLog) -> None:
    whole = b"x" * (DEAD_LETTER_PAYLOAD_BYTES + 1)
    await log.produce(MENTIONS, [Outgoing(0, b"acme/0", b"before"), Outgoing(0, b"acme/1", whole)])
    letters = await opened(log, FakeClock())
    await letters.put(b"acme/1", whole, "not JSON", PLACE | {"offset": 1})
    await letters.put(b"acme/2", whole, "not JSON", PLACE | {"offset": 99})
    kept, gone = await all_letters(log)
    assert (kept.cut, kept.payload_bytes, len(kept.content or b"")) == (True, len(whole), DEAD_LETTER_PAYLOAD_BYTES)
    await retry_letter(log, kept)
    records = [record async for batch in log.read(MENTIONS, {0: 2}) for record in batch]
    assert [record.value for record in records] == [whole]
    with pytest.raises(RejectedError, match="no longer on"):
        await retry_letter(log, gone)


async def test_a_line_has_no_record_to_put_back(log: EmbeddedLog) -> None:
    letters = await opened(log, FakeClock())
    await letters.put(b"", b"{broken", "not JSON", {"file": "a.jsonl", "line": 3})
    (letter,) = await all_letters(log)
    with pytest.raises(RejectedError, match=r"file a.jsonl, line 3.*--source replay"):
        await retry_letter(log, letter)


def test_a_cut_through_a_character_leaves_that_character_out() -> None:
    text = "火" * DEAD_LETTER_PAYLOAD_BYTES
    fields = payload_fields(text.encode())
    assert fields["payload"] == "火" * (DEAD_LETTER_PAYLOAD_BYTES // 3)
    assert payload_fields(None) == {}
    assert payload_fields(b"a\xffb") == {"payload_bytes": 3, "cut": False, "payload_base64": "Yf9i"}


def test_ids_differ_by_stage_place_and_content() -> None:
    ids = {
        letter_id("stream", b"", b"a", {"file": "a", "line": 1}),
        letter_id("stream", b"", b"b", {"file": "a", "line": 1}),
        letter_id("classifier", b"", b"a", {"file": "a", "line": 1}),
        letter_id("classifier", b"", b"a", PLACE),
        letter_id("classifier", b"", b"a", PLACE | {"offset": 8}),
        letter_id("classifier", b"a", b"", PLACE),
    }
    assert len(ids) == 6
    assert letter_id("stream", b"", b"a", {"file": "copy", "line": 1}) in ids
