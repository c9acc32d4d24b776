"""The small pure parts: watermark, meter, volume, buffer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from workers.stream.source import Line
from workers.stream.x.buffer import Buffer
from workers.stream.x.volume import Volume
from workers.stream.x.watermark import Watermark
from workers.x.meter import Meter, seconds_until_tomorrow

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_watermark_follows_heartbeats_and_waits_for_the_oldest_line_whatever_the_order_of_the_acks() -> None:
    mark = Watermark(None)
    assert mark.value is None
    mark.heard(100)
    mark.took(1, 110)
    mark.took(2, 120)
    mark.heard(130)
    assert mark.value == 110
    mark.acknowledged([2])
    assert mark.value == 110
    mark.acknowledged([1])
    assert mark.value == 130
    mark.heard(90)
    assert mark.value == 130


def test_a_gap_holds_the_watermark_until_what_was_found_is_on_the_log() -> None:
    mark = Watermark(100)
    mark.gap_opened(100)
    mark.heard(500)
    assert (mark.value, mark.heard_until) == (100, 500)
    mark.recovered(7, 100)
    mark.gap_closed()
    assert mark.value == 100
    mark.acknowledged([7])
    assert mark.value == 500
    mark.gap_opened(400)
    mark.gap_opened(450)
    assert mark.value == 400
    mark.gap_closed(450)
    assert mark.value == 450


def test_a_post_is_billed_once_a_day_and_the_day_is_utc() -> None:
    meter = Meter(10, {"2026-11-01": 5, "2026-10-31": 7, "2026-01-01": 1}, "2026-11-24", ["1"])
    assert meter.add(["1", "2", "3", "3"], NOON) == 2
    assert (meter.today(NOON), meter.month(NOON), meter.left(NOON)) == (3, 8, 7)
    tomorrow = NOON + timedelta(hours=12)
    assert meter.today(tomorrow) == 0
    assert meter.add(["1"], tomorrow) == 1
    assert "2026-01-01" not in meter.days
    assert meter.take_unsaved() == [("2026-11-24", "2"), ("2026-11-24", "3"), ("2026-11-25", "1")]
    assert meter.take_unsaved() == []


def test_what_was_not_kept_is_kept_the_next_time() -> None:
    meter = Meter(None, {}, "2026-11-24", [])
    meter.add(["1"], NOON)
    rows = meter.take_unsaved()
    meter.add(["2"], NOON)
    meter.not_saved(rows)
    assert meter.take_unsaved() == [("2026-11-24", "1"), ("2026-11-24", "2")]
    assert meter.left(NOON) is None


def test_a_month_of_three_million_posts_is_exact() -> None:
    meter, total = Meter(None, {}, "2026-11-01", []), 0
    for day in range(30):
        now = datetime(2026, 11, 1, 3, tzinfo=UTC) + timedelta(days=day)
        for start in range(0, 100_000, 10_000):
            total += meter.add((str(day * 100_000 + start + number) for number in range(10_000)), now)
            meter.add((str(day * 100_000 + start + number) for number in range(0, 10_000, 3)), now)
        meter.take_unsaved()
    assert (total, meter.month(datetime(2026, 11, 30, 4, tzinfo=UTC))) == (3_000_000, 3_000_000)


def test_the_day_ends_at_midnight_utc() -> None:
    assert seconds_until_tomorrow(NOON) == 12 * 3600


def test_silence_is_suspicious_where_posts_are_common_and_only_once() -> None:
    volume = Volume(0.0)
    for second in range(600):
        volume.post(float(second))
    assert volume.suspicious_since(610.0, 60.0) is None
    assert volume.suspicious_since(660.0, 60.0) == 599.0
    assert volume.suspicious_since(700.0, 60.0) is None


def test_silence_is_peace_where_posts_are_rare() -> None:
    volume = Volume(0.0)
    for minute in range(0, 3600, 600):
        volume.post(float(minute))
    assert volume.suspicious_since(3600.0 + 1800, 60.0) is None


async def test_the_buffer_is_bounded_and_tells_when_there_is_room() -> None:
    buffer = Buffer(max_lines=4, max_bytes=1000)
    for number in range(4):
        buffer.put(Line(number, b"x"))
    assert buffer.full
    room = asyncio.create_task(buffer.half_empty())
    await asyncio.sleep(0)
    assert not room.done()
    assert [line.number for line in buffer.take(3)] == [0, 1, 2]
    await asyncio.wait_for(room, 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Buffer().filled(), 0.01)
    await asyncio.wait_for(buffer.filled(), 1)
    buffer.put(Line(9, b"x" * 2000))
    assert buffer.full
