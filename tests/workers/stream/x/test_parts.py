"""The small pure parts: watermark, meter, volume, buffer."""

import asyncio

import pytest

from workers.stream.source import Line
from workers.stream.x.buffer import Buffer
from workers.stream.x.volume import Volume
from workers.stream.x.watermark import Watermark


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


def test_a_volume_that_falls_while_posts_still_come_is_worth_a_look_and_a_quiet_hour_is_not() -> None:
    volume = Volume(0.0)
    now = 0.0
    while now < 900:
        now += 0.5
        volume.post(now)
    assert not volume.fell(now)
    assert 1.8 < volume.rate(now) < 2.2
    for _ in range(300):
        now += 1.0
        volume.post(now)
    assert volume.fell(now)
    volume.connected(now)
    assert not volume.fell(now)
    rare = Volume(0.0)
    for minute in range(60):
        rare.post(minute * 60.0)
    assert not rare.fell(3600.0 + 600)


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
