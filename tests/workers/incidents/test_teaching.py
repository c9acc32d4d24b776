"""What a person teaches of a stored post: its row, minute and incident follow, and go back when it is undone."""

import asyncio
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from tests.workers.incidents.scene import Scene, arrival, at
from workers.incidents import teaching
from workers.incidents.teaching import Lesson
from workers.store import Store


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


async def teach(scene: Scene, post: str, kind: Any, *, minutes: float = 5, **more: Any) -> Lesson:
    async with scene.store.write() as connection:
        return await teaching.teach(
            connection,
            scene.store.dialect,
            scene.policy,
            "acme",
            post,
            kind,
            by="yuki",
            now=at(minutes=minutes),
            **more,
        )


async def undo(scene: Scene, lesson: Lesson, *, minutes: float = 10) -> Lesson:
    async with scene.store.write() as connection:
        return await teaching.undo(
            connection, scene.store.dialect, scene.policy, lesson.id, by="mika", now=at(minutes=minutes)
        )


async def post(scene: Scene, post_id: str) -> Any:
    [row] = await scene.rows("SELECT * FROM posts WHERE id = :id", id=post_id)
    return row


async def minute(scene: Scene) -> dict[str, int]:
    [row] = await scene.rows("SELECT * FROM minutes")
    return {name: row._mapping[name] for name in ("complaint", "question", "praise", "neutral", "irrelevant")}


async def taught(scene: Scene, brand: str | None = None) -> list[teaching.Taught]:
    async with scene.store.read() as connection:
        return await teaching.taught(connection, brand)


async def test_not_relevant_takes_the_post_from_its_incident_and_undo_brings_it_back(scene: Scene) -> None:
    await scene.arrive(arrival(id="1", severity="high", author="a"), arrival(id="2", root="1", author="b"))
    before = await scene.incident("acme/care/1")
    assert (before.severity, before.post_count, before.author_count) == (3, 2, 2)
    lesson = await teach(scene, "1", "irrelevant")
    assert (lesson.kind_before, lesson.kind, lesson.incident_before) == ("complaint", "irrelevant", before.id)
    row = await post(scene, "1")
    assert (row.kind, row.severity, row.incident) == ("irrelevant", 0, None)
    assert row.reason == "not about the brand, as marked by yuki"
    left = await scene.incident("acme/care/1")
    assert (left.kind, left.severity, left.post_count, left.author_count, left.status) == (
        "complaint", 2, 1, 1, "firing",
    )  # fmt: skip
    assert (await minute(scene))["irrelevant"] == 1
    undone = await undo(scene, lesson)
    assert (undone.undone_by, undone.kind_before) == ("mika", "complaint")
    row = await post(scene, "1")
    assert (row.kind, row.severity, row.incident) == ("complaint", 3, before.id)
    again = await scene.incident("acme/care/1")
    assert (again.severity, again.post_count, again.author_count) == (3, 2, 2)
    assert (await minute(scene)) == {"complaint": 2, "question": 0, "praise": 0, "neutral": 0, "irrelevant": 0}
    timeline = await scene.rows("SELECT event, actor, reason FROM events WHERE incident = :i ORDER BY id", i=before.id)
    assert [(e.event, e.actor) for e in timeline if e.event == "post_marked"] == [
        ("post_marked", "yuki"), ("post_marked", "mika"),
    ]  # fmt: skip


async def test_its_only_post_taken_away_the_incident_is_over_and_undo_opens_it_again(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    incident = await scene.incident("acme/care/1")
    await scene.told(incident, "desk", at(minutes=1))
    lesson = await teach(scene, "1", "irrelevant")
    over = await scene.incident("acme/care/1")
    assert (over.status, over.post_count) == ("resolved", 0)
    assert [(r, why) for r, why, _ in await scene.pending(incident.id)] == [("desk", "all_resolved")]
    await undo(scene, lesson)
    again = await scene.incident("acme/care/1")
    assert (again.status, again.post_count, again.kind) == ("firing", 1, "complaint")


async def test_a_taught_complaint_opens_its_incident_and_is_told(scene: Scene) -> None:
    await scene.arrive(arrival(id="1", kind="neutral", severity="none"))
    assert await scene.incidents() == {}
    lesson = await teach(scene, "1", "complaint", severity="high")
    incident = await scene.incident("acme/care/1")
    assert (incident.kind, incident.severity, incident.post_count, incident.status) == ("complaint", 3, 1, "firing")
    assert incident.reasons[0].startswith("yuki")
    assert [(r, why) for r, why, _ in await scene.pending(incident.id)] == [("desk", "first")]
    assert (await post(scene, "1")).incident == incident.id
    assert (await minute(scene))["complaint"] == 1
    await undo(scene, lesson)
    assert (await scene.incident("acme/care/1")).status == "resolved"
    row = await post(scene, "1")
    assert (row.kind, row.severity, row.incident) == ("neutral", 0, None)


async def test_a_taught_post_joins_the_conversation_that_is_there(scene: Scene) -> None:
    await scene.arrive(
        arrival(id="1", author="a"), arrival(id="2", root="1", kind="neutral", severity="none", author="b")
    )
    await teach(scene, "2", "complaint")
    incident = await scene.incident("acme/care/1")
    assert (incident.post_count, incident.author_count, incident.severity) == (2, 2, 2)


async def test_praise_taught_of_a_complaint_leaves_care_and_tells_nobody(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    await teach(scene, "1", "praise")
    assert (await scene.incident("acme/care/1")).status == "resolved"
    assert (await post(scene, "1")).incident is None
    assert set(await scene.incidents()) == {"acme/care/1"}


async def test_a_graver_word_on_the_same_kind_raises_the_incident(scene: Scene) -> None:
    await scene.arrive(arrival(id="1", severity="low"))
    incident = await scene.incident("acme/care/1")
    await scene.told(incident, "desk", at(minutes=1))
    await teach(scene, "1", "complaint", severity="critical")
    assert (await scene.incident("acme/care/1")).severity == 4
    assert [why for _, why, _ in await scene.pending(incident.id)] == ["severity_rose"]


async def test_the_last_lesson_of_a_post_counts_and_undo_goes_one_back(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    first = await teach(scene, "1", "irrelevant")
    second = await teach(scene, "1", "praise", minutes=6)
    assert second.kind_before == "irrelevant"
    [one] = await taught(scene)
    assert (one.kind, one.kind_before, one.taught_by) == ("praise", "irrelevant", "yuki")
    await undo(scene, second)
    [one] = await taught(scene)
    assert one.kind == "irrelevant"
    assert (await post(scene, "1")).kind == "irrelevant"
    await undo(scene, first)
    assert await taught(scene) == []
    assert (await post(scene, "1")).kind == "complaint"


async def test_an_earlier_lesson_undone_leaves_the_later_one_alone(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    first = await teach(scene, "1", "irrelevant")
    await teach(scene, "1", "praise", minutes=6)
    await undo(scene, first)
    assert (await post(scene, "1")).kind == "praise"
    assert [one.kind for one in await taught(scene)] == ["praise"]


async def test_a_post_that_was_edited_since_keeps_what_its_new_words_are(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    lesson = await teach(scene, "1", "irrelevant")
    await scene.arrive(arrival(id="1", revision=1, kind="question", severity="none"), now=at(minutes=7))
    await undo(scene, lesson)
    assert (await post(scene, "1")).kind == "question"


async def test_history_says_who_when_and_from_what_to_what(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    lesson = await teach(scene, "1", "irrelevant")
    await undo(scene, lesson)
    async with scene.store.read() as connection:
        assert await teaching.history(connection) == []
        [one] = await teaching.history(connection, brand="acme", everything=True)
    assert (one.post, one.taught_by, one.undone_by) == ("1", "yuki", "mika")
    assert one.taught_at < (one.undone_at or 0)
    assert (one.kind_before, one.severity_before, one.kind, one.severity) == ("complaint", 2, "irrelevant", 0)


async def test_nothing_of_the_text_is_in_a_lesson_and_a_purge_takes_it(scene: Scene) -> None:
    await scene.arrive(arrival("アクメのひみつの言葉が壊れた", id="1"), arrival("ほかの投稿", id="2"))
    await teach(scene, "1", "irrelevant")
    await teach(scene, "2", "irrelevant", minutes=6)
    [row, _] = await scene.rows("SELECT * FROM lessons ORDER BY post")
    assert "ひみつ" not in "".join(map(str, row))
    async with scene.store.read() as connection:
        before = await teaching.last_change(connection)
    await scene.arrive(removals=[("acme", "1")])
    assert [one.post for one in await taught(scene)] == ["2"]
    async with scene.store.read() as connection:
        assert await teaching.last_change(connection) != before


async def test_what_can_not_be_taught_or_undone_is_said(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    with pytest.raises(ConfigurationError, match="no such post of the brand `acme`"):
        await teach(scene, "9", "irrelevant")
    lesson = await teach(scene, "1", "irrelevant")
    await undo(scene, lesson)
    with pytest.raises(ConfigurationError, match="undone by mika already"):
        await undo(scene, lesson)
    with pytest.raises(ConfigurationError, match="no such mark"):
        await undo(scene, Lesson(**{**_fields(lesson), "id": "nothing"}))


async def test_two_who_undo_at_once_do_it_once(scene: Scene) -> None:
    await scene.arrive(arrival(id="1"))
    lesson = await teach(scene, "1", "irrelevant")
    done = await asyncio.gather(undo(scene, lesson), undo(scene, lesson), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["ConfigurationError", "Lesson"]
    assert (await scene.incident("acme/care/1")).post_count == 1


async def test_a_retweet_that_is_taught_opens_nothing(scene: Scene) -> None:
    await scene.arrive(arrival(id="5", kind="neutral", severity="none", retweet_of="1", root="1"))
    await teach(scene, "5", "complaint")
    row = await post(scene, "5")
    assert (row.kind, row.incident) == ("complaint", None)


async def test_only_the_newest_lessons_of_a_brand_are_in_force(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "MOST_LESSONS", 2)
    await scene.arrive(*[arrival(id=str(n)) for n in range(1, 5)])
    for n in range(1, 5):
        await teach(scene, str(n), "irrelevant", minutes=n)
    assert [one.post for one in await taught(scene)] == ["3", "4"]
    assert [one.post for one in await taught(scene, "acme")] == ["3", "4"]
    assert await taught(scene, "bolt") == []


def _fields(lesson: Lesson) -> dict[str, Any]:
    return {name: getattr(lesson, name) for name in lesson.__struct_fields__}
