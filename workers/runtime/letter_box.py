"""Dead letters from outside the stages: list them, send them on their way again, or drop them."""

from collections.abc import AsyncIterator, Iterable

from schemas.errors import RejectedError
from schemas.topics import ALL, Topic
from workers.log.contract import Log, Outgoing
from workers.runtime.letter import Letter, decode_letter


async def list_letters(log: Log, topics: Iterable[Topic]) -> list[Letter]:
    """All letters that are there, oldest first, without their payloads (a topic full of them fits no memory)."""
    found: dict[str, Letter] = {}
    for topic in topics:
        async for identity, letter in _entries(log, topic):
            found.pop(identity, None)
            if letter is not None:
                letter.payload = letter.payload_base64 = None
                found[identity] = letter
    return sorted(found.values(), key=lambda letter: letter.at)


async def whole_letters(log: Log, topics: Iterable[Topic], ids: set[str]) -> AsyncIterator[Letter]:
    """These letters with their payloads, one at a time, in their topics' order."""
    wanted = set(ids)
    for topic in topics:
        async for identity, letter in _entries(log, topic):
            if letter is not None and identity in wanted:
                wanted.discard(identity)
                yield letter


async def retry_letter(log: Log, letter: Letter) -> None:
    """Put the record on its topic again, then remove the letter: a crash between the two leaves both, never none.

    Raises RejectedError for a letter that has no record to put back.
    """
    if letter.is_record and letter.payload_bytes == 0 and letter.content is None:
        raise RejectedError(f"{letter.id}: {letter.fault} ({_place(letter)}): there is nothing to put back, drop it")
    if not letter.is_record or letter.key is None:
        raise RejectedError(
            f"{letter.id} is a line of a source ({_place(letter)}), not a record: give the file again with "
            "`hikeshi run --source replay --file …` once the line or the program is mended, then drop the letter"
        )
    topic = _topic(letter)
    value = await _original(log, topic, letter) if letter.cut else letter.content
    headers = [(name, text.encode("latin-1")) for name, text in letter.headers.items()]
    await log.produce(topic, [Outgoing(int(letter.where["partition"]), letter.key.encode(), value, headers)])
    await drop_letter(log, letter)


async def drop_letter(log: Log, letter: Letter) -> None:
    """Remove the letter for good."""
    await log.produce(_topic(letter).dead_letters, [Outgoing(0, letter.id.encode(), None)])


async def _original(log: Log, topic: Topic, letter: Letter) -> bytes | None:
    """The whole record from its topic, where the letter holds only its beginning."""
    partition, offset = int(letter.where["partition"]), int(letter.where["offset"])
    async for records in log.read(topic, {partition: offset}):
        for record in records:
            if (record.partition, record.offset) == (partition, offset):
                return record.value
            break
        break
    raise RejectedError(
        f"{letter.id}: the letter holds the first 256 KiB of {letter.payload_bytes} bytes, and the whole record is no "
        f"longer on {letter.topic} ({_place(letter)}): bring it in again from its source, then drop the letter"
    )


async def _entries(log: Log, topic: Topic) -> AsyncIterator[tuple[str, Letter | None]]:
    dead = topic.dead_letters
    start = {partition: first for partition, (first, _) in (await log.offsets(dead)).items()}
    async for records in log.read(dead, start):
        for record in records:
            identity = (record.key or b"").decode("ascii", "replace")
            yield identity, None if record.value is None else decode_letter(record.value)


def _topic(letter: Letter) -> Topic:
    for topic in ALL:
        if topic.name == letter.topic:
            return topic
    raise RejectedError(f"{letter.id}: its topic {letter.topic} is none of ours")


def _place(letter: Letter) -> str:
    return ", ".join(f"{name} {value}" for name, value in letter.where.items())
