"""Copy-paste waves are counted in bounded memory; a wave hides no complaint."""

import pytest

from workers.classifier import wave
from workers.classifier.wave import MOST_MEMBERS, WAVE_POSTS, Posted, Wave, Waves, becomes_promotion
from workers.incidents.likeness import likenesses

SAID = "このサプリで2週間で5キロ痩せました、くわしくはこちらのリンクから見てね"
HOUR = 3600 * 1000


def look(waves: Waves, texts: list[str], *, brand: str = "acme", first: int = 0, at: int = 0) -> list[Wave | None]:
    posts = [Posted(brand, str(first + i), f"user{first + i}", at + i) for i in range(len(texts))]
    return waves.look(likenesses(texts), posts)


def test_the_fifth_near_copy_is_a_wave() -> None:
    found = look(Waves(), [SAID, SAID + "！", SAID.replace("2週間", "3週間"), SAID + " http://t.co/a", SAID, SAID])
    assert found[: WAVE_POSTS - 1] == [None] * (WAVE_POSTS - 1)
    assert found[4] == Wave(5, 5)
    assert found[5] == Wave(6, 6)


def test_a_post_that_comes_again_counts_once() -> None:
    waves = Waves()
    look(waves, [SAID] * 4)
    assert look(waves, [SAID] * 4) == [None] * 4
    assert look(waves, [SAID], first=4) == [Wave(5, 5)]


def test_other_words_other_brands_and_short_shouts_are_no_wave() -> None:
    waves = Waves()
    look(waves, [SAID] * 9)
    assert look(waves, [SAID] * 4, brand="bolt") == [None] * 4
    assert look(waves, ["最悪"] * 9, first=50) == [None] * 9
    assert look(waves, ["動物園のキリン、首の骨の数が人間と同じと聞いて震えた"], first=80) == [None]


def test_a_day_later_it_is_counted_anew() -> None:
    waves = Waves()
    assert look(waves, [SAID] * 5)[-1] is not None
    assert look(waves, [SAID] * 2, first=10, at=30 * HOUR) == [None, None]


def test_what_is_said_once_a_day_for_a_week_is_no_wave() -> None:
    waves = Waves()
    assert [look(waves, [SAID], first=day, at=day * 23 * HOUR)[0] for day in range(7)] == [None] * 7


def test_a_wave_of_days_is_counted_by_the_last_day_and_beyond_what_is_remembered() -> None:
    waves = Waves()
    for hour in range(72):
        found = look(waves, [SAID], first=hour, at=hour * HOUR)[0]
    assert found == Wave(25, 25)
    assert look(waves, [SAID] * (MOST_MEMBERS + 100), first=1000, at=72 * HOUR)[-1] == Wave(623, MOST_MEMBERS)
    assert look(waves, [SAID] * 5, first=2000, at=110 * HOUR)[-1] == Wave(5, 5)


def test_no_more_is_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wave, "MOST_WAVES", 100)
    waves = Waves()
    words = [
        f"{chr(0x4E00 + i * 7)}{chr(0x5E00 + i * 3)}の店で{chr(0x6E00 + i * 11)}を買った話をします" for i in range(500)
    ]
    look(waves, words)
    assert len(waves._texts) == 100
    assert len(waves._by_key) <= 400


def test_a_post_without_a_time_in_order_or_an_author_is_counted_too() -> None:
    waves = Waves()
    posts = [Posted("acme", str(i), "", -i * HOUR) for i in range(6)]
    assert waves.look(likenesses([SAID] * 6), posts)[-1] == Wave(6, 1)


@pytest.mark.parametrize(
    ("kind", "promotes", "score", "wanted"),
    [
        ("complaint", True, 0.4, False),
        ("praise", True, 0.0, True),
        ("praise", False, 0.05, False),
        ("praise", False, 0.2, True),
        ("neutral", True, 0.0, True),
        ("question", False, 0.3, False),
        ("question", True, 0.0, True),
    ],
)
def test_what_a_wave_makes_of_a_kind(kind: str, promotes: bool, score: float, wanted: bool) -> None:
    assert becomes_promotion(kind, promotes, score) is wanted  # type: ignore[arg-type]
