"""What users taught is heard: the same words first, then the likeness; bounded, in no order, undone without a trace."""

import itertools

import pytest

from schemas.mark import KINDS
from workers.classifier.teaching import ALIKE, EXACT, Heard, Lessons
from workers.incidents.likeness import likenesses
from workers.incidents.teaching import Taught

TICKETS = "スーパーカップのチケット、抽選ぜんぶ外れた。転売は10倍とかふざけてる"
COMPLAINT = dict.fromkeys(KINDS, 0.02) | {"complaint": 0.9}


def lesson(text: str, kind: str = "irrelevant", before: str = "complaint", post: str = "1") -> Taught:
    like = likenesses([text])
    return Taught("supercup", post, kind, before, "yuki", like.exact[0], like.of(0))  # type: ignore[arg-type]


def heard(lessons: list[Taught], text: str) -> Heard | None:
    return Lessons(lessons).judge(likenesses([text]), [0])[0]


def test_the_same_words_are_what_was_taught() -> None:
    found = heard([lesson(TICKETS)], TICKETS + "！！ https://t.co/x")
    assert found is not None
    assert found.scores(COMPLAINT)["irrelevant"] == EXACT
    assert sum(found.scores(COMPLAINT).values()) == pytest.approx(1)
    assert "yuki" in found.reason("irrelevant", japanese=True)
    assert "yuki" in found.reason("irrelevant", japanese=False)


def test_near_identical_words_almost_surely() -> None:
    found = heard([lesson(TICKETS)], TICKETS.replace("10倍", "20倍") + "わ")
    assert found is not None
    assert found.share == ALIKE


def test_what_is_like_it_moves_and_a_stranger_does_not() -> None:
    like = heard([lesson(TICKETS)], "スーパーカップのチケット抽選また外れた")
    assert like is not None
    assert like.share is None
    assert like.scores(COMPLAINT)["irrelevant"] > COMPLAINT["irrelevant"]
    stranger = heard([lesson(TICKETS)], "アイスのフタに髪の毛が入っていたので返金してほしい")
    moved = stranger.scores(COMPLAINT)["irrelevant"] if stranger is not None else COMPLAINT["irrelevant"]
    assert moved < 0.1


def test_a_lesson_the_other_way_outweighs() -> None:
    lessons = [lesson(TICKETS), lesson("スーパーカップのアイス、溶けてた", "complaint", "irrelevant", "2")]
    found = heard(lessons, "スーパーカップのアイス、また溶けてて食べられなかった")
    assert found is not None
    assert found.push[KINDS.index("complaint")] > found.push[KINDS.index("irrelevant")]


def test_all_lessons_together_stay_within_a_bound_and_know_no_order() -> None:
    lessons = [lesson(f"スーパーカップのチケット抽選{n}回目も外れた", post=str(n)) for n in range(40)]
    pushes = []
    for order in itertools.islice(itertools.permutations(lessons), 0, 3):
        found = heard(list(order), "スーパーカップの抽選外れた")
        assert found is not None
        pushes.append(found.push)
    assert abs(pushes[0]).max() <= 6.0
    assert pushes[1] == pytest.approx(pushes[0], abs=1e-4)
    assert pushes[2] == pytest.approx(pushes[0], abs=1e-4)


@pytest.mark.parametrize("text", ["", "😀", "https://t.co/x"])
def test_a_post_without_words_hears_nothing(text: str) -> None:
    assert heard([lesson(TICKETS), lesson("😀")], text) is None


def test_a_batch_is_judged_as_each_alone() -> None:
    lessons = Lessons([lesson(TICKETS)])
    texts = ["", TICKETS, "スーパーカップのチケット抽選また外れた", "x"] * 100
    like = likenesses(texts)
    together = lessons.judge(like, range(len(texts)))
    for i in (0, 1, 2, 3, 397, 398):
        alone = lessons.judge(likenesses([texts[i]]), [0])[0]
        assert (alone is None) == (together[i] is None)
        if alone is not None and (other := together[i]) is not None:
            assert (alone.share, alone.nearest.post) == (other.share, other.nearest.post)
            assert alone.push == pytest.approx(other.push, abs=1e-5)
