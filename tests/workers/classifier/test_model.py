"""The shipped classifier: a verdict for whatever comes, the same alone and in any batch, and the plain cases right."""

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.mark import INFLUENCES, KINDS, SEVERITIES, Verdict
from schemas.mention import Author
from workers.classifier.linear import Floats
from workers.classifier.model import Classifier, Post, load_classifier

HARD = [
    "",
    " ",
    "😀" * 10_000,
    "z͑ͫ̓a̴l̵g̸o̷" * 2_000,
    "مرحبا \u202eabc",
    "&amp;lt; &#x110000; &#0;",
    "a\ud800b\x00c\udfff",
    "x" * 25_000,
    "届かない。" * 5_000,
    "\n\n\n",
    "@user http",
    "\u200b",
    "👨‍👩‍👧‍👦🏳️‍🌈",
]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier()


def _one(classifier: Classifier, text: str, **more: object) -> Verdict:
    return classifier.classify([Post(text=text, **more)])[0]  # type: ignore[arg-type]


def test_hard_texts_give_a_verdict_each(classifier: Classifier) -> None:
    verdicts = classifier.classify([Post(text=text) for text in HARD])
    assert len(verdicts) == len(HARD)
    for verdict in verdicts:
        assert verdict.kind in KINDS
        assert verdict.severity in SEVERITIES
        assert verdict.influence in INFLUENCES
        assert sum(verdict.scores.values()) == pytest.approx(1.0, abs=1e-6)
        assert verdict.kind == max(verdict.scores, key=verdict.scores.__getitem__)
        assert 0.0 <= verdict.negative <= 1.0
        assert verdict.reasons


def test_an_empty_batch_is_an_empty_answer(classifier: Classifier) -> None:
    assert classifier.classify([]) == []


def test_a_verdict_does_not_depend_on_the_batch(classifier: Classifier) -> None:
    posts = [Post(text=text) for text in [*HARD, "my parcel never came", "注文した商品が届きません"]]
    together = classifier.classify(posts)
    for post, verdict in zip(posts, together, strict=True):
        alone = classifier.classify([post])[0]
        assert (alone.kind, alone.severity, alone.reasons) == (verdict.kind, verdict.severity, verdict.reasons)
        assert alone.scores == pytest.approx(verdict.scores, abs=2e-3)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("@acme_help I ordered two weeks ago and nothing has arrived, nobody answers my emails", "complaint"),
        ("Your app keeps crashing since the last update, please fix it", "complaint"),
        ("@acme_help do you deliver to Norway?", "question"),
        ("Thank you @acme_help, that was quick and friendly service, love it!", "praise"),
        ("Follow us and RT to win one of ten gift cards!", "promotion"),
        ("注文した商品がまだ届きません。問い合わせても返事がないです", "complaint"),
        ("届いたら画面が割れていました。交換してください", "complaint"),
        ("@acme_jp 土曜日も営業していますか？", "question"),
        ("対応がとても丁寧で助かりました。ありがとうございます！", "praise"),
        ("フォロー＆リポストで10名様にプレゼント！応募はこちら", "promotion"),
    ],
)
def test_a_plain_post_is_what_anybody_would_say(classifier: Classifier, text: str, kind: str) -> None:
    assert _one(classifier, text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "Your charger caught fire and burned my hand, I had to go to hospital",
        "充電器が発火して手をやけどしました。病院に行きました",
        "アレルギー表示がなくて、子どもが救急車で運ばれました",
    ],
)
def test_harm_is_critical_and_says_so(classifier: Classifier, text: str) -> None:
    verdict = _one(classifier, text)
    assert (verdict.kind, verdict.severity) == ("complaint", "critical")
    assert any("critical" in reason or "緊急" in reason for reason in verdict.reasons)


def test_reasons_quote_the_post_in_its_language(classifier: Classifier) -> None:
    english = _one(classifier, "it broke after two days and nobody replies to me")
    assert any("broke" in reason for reason in english.reasons)
    japanese = _one(classifier, "二日で壊れたのに返信がないです")
    assert any("壊れ" in reason for reason in japanese.reasons)


def test_an_influence_shows_its_parts(classifier: Classifier) -> None:
    author = Author(followers=300_000, following=100, posts=5_000, verified=True, created_at="2012-01-01T00:00:00Z")
    verdict = _one(classifier, "nice", author=author, created_at="2026-01-01T00:00:00Z")
    assert verdict.influence == "influencer"
    assert any("300,000 followers" in reason for reason in verdict.reasons)


class _Praises:
    """A stage 2 that is sure of praise, whatever it is given."""

    def logits(self, vectors: Floats, present: NDArray[np.bool_], before: Floats) -> Floats:
        return np.tile(np.float32([4.0 if kind == "praise" else 0.0 for kind in KINDS] + [-4.0] * 4), (len(before), 1))


@pytest.mark.parametrize(
    "complaint",
    [
        "the app keeps signing me out and I have to start again",
        "アプリが使えなくて仕事に影響が出ています",
    ],
)
def test_the_sketch_alone_takes_no_complaint_back(monkeypatch: pytest.MonkeyPatch, complaint: str) -> None:
    classifier = load_classifier()
    monkeypatch.setattr(classifier, "_sketch", [_Praises(), _Praises()])
    assert _one(classifier, "ごはんおいしかった").kind == "praise"
    assert _one(classifier, complaint).kind == "complaint"


def test_a_plain_complaint_of_the_sample_is_one(classifier: Classifier) -> None:
    # Stage 2 alone takes it for praise.
    text = "サンプルホームが使えなくて在宅の仕事に影響が出ています。早く直してください"
    assert _one(classifier, text).kind == "complaint"


def test_without_the_encoder_the_fast_model_answers() -> None:
    fast = load_classifier(encoder=False)
    assert _one(fast, "@acme_help my order never arrived and no reply").kind == "complaint"
