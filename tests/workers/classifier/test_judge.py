"""The judge: relevance, promotion, waves, lessons and influence on top of the classifier, each with its reason."""

from collections.abc import Sequence
from typing import Any

import pytest

from config.brands import Brand
from config.keywords import Keyword
from schemas.mark import KINDS, Verdict
from schemas.mention import Author
from workers.classifier import relevance_report
from workers.classifier.judge import Judge
from workers.classifier.model import Classifier, Post, load_classifier
from workers.incidents.likeness import Likenesses, likenesses
from workers.incidents.teaching import Taught


def keywords(*words: str) -> tuple[Keyword, ...]:
    return tuple(Keyword(text=word) for word in words)


APPLE = Brand(
    name="Apple",
    id="apple",
    keywords=keywords("Apple", "アップル"),
    context=keywords("iPhone", "Mac"),
    description="phones and computers / スマホとパソコンのメーカー",
    handles=("applesupport",),
    exclude=keywords("アップルタウン"),
    exclude_posts=keywords("求人"),
    watchlist=("a_journalist",),
)
ACME = Brand(name="アクメ", id="acme", keywords=keywords("Acme", "アクメ"))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier()


def judged(classifier: Classifier, *posts: Post, brand: Brand = APPLE, taught: Any = (), stream: bool = False) -> Any:
    judge = Judge(classifier, stream=stream)
    judge.prepare([brand], list(taught))
    return judge.classify(posts)


_prepared: dict[str, Judge] = {}  # by brand: what a brand is near to need not be worked out for each post


def one(classifier: Classifier, text: str, *, brand: Brand = APPLE, **fields: Any) -> Verdict:
    key = f"{id(classifier)} {brand.model_dump_json()}"
    if key not in _prepared:
        _prepared[key] = Judge(classifier)
        _prepared[key].prepare([brand])
    return _prepared[key].classify([Post(text=text, brand=brand.id, **fields)])[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("picked an apple from my nan's apple tree, it was lovely", "everyday word"),
        ("アップルパイ焼いたら中が生だった。3時間返して", "アップルパイ"),
        ("庭の姫アップルの木に毛虫がびっしりで泣いてる", "姫アップル"),
    ],
)
def test_a_homonym_is_not_about_the_brand_and_says_why(classifier: Classifier, text: str, reason: str) -> None:
    verdict = one(classifier, text)
    assert (verdict.kind, verdict.severity) == ("irrelevant", "none")
    assert any(reason in said for said in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    "text",
    [
        "Apple took three weeks to send back my laptop and the screen still flickers",
        "アップルのサポート、チャットで2時間たらい回しにされて結局「店舗へどうぞ」だった",
        "@AppleSupport the apple thing broke again",
    ],
)
def test_a_complaint_about_the_brand_stays_one(classifier: Classifier, text: str) -> None:
    assert one(classifier, text).kind == "complaint"


def test_scores_stay_probabilities_and_the_kind_is_the_likeliest(classifier: Classifier) -> None:
    for row in relevance_report.rows()[::7]:
        verdict = one(classifier, row.text)
        assert sum(verdict.scores.values()) == pytest.approx(1.0, abs=1e-6)
        assert verdict.kind == max(KINDS, key=verdict.scores.__getitem__)
        assert verdict.reasons
        if verdict.kind != "irrelevant":
            assert not verdict.reasons[0].startswith(("このブランドの話では", "does not seem to be about"))


def test_context_raises_relevance(classifier: Classifier) -> None:
    without = one(classifier, "this apple is dead after two days")
    with_it = one(classifier, "this apple is dead after two days, iPhone and all")
    assert with_it.scores["irrelevant"] < without.scores["irrelevant"]


def test_the_brand_of_the_same_name_that_fits_better_gets_the_post(classifier: Classifier) -> None:
    ice, noodle = relevance_report.brands("keywords, context, description")[1:3]
    judge = Judge(classifier)
    judge.prepare([ice, noodle])
    text = "スーパーカップ抹茶、フタ裏のアイスまで舐めた"
    of_ice, of_noodle = judge.classify([Post(text=text, brand=b.id) for b in (ice, noodle)])
    assert of_ice.kind != "irrelevant"
    assert of_noodle.kind == "irrelevant"
    assert any("アイス" in reason for reason in of_noodle.reasons)


@pytest.mark.parametrize(
    ("text", "words"),
    [("アップルで求人が出てる", "求人"), ("アップルタウンの祭り、人が多すぎて最悪だった", "除外した語")],
)
def test_what_the_file_rules_out_is_irrelevant(classifier: Classifier, text: str, words: str) -> None:
    verdict = one(classifier, text)
    assert verdict.kind == "irrelevant"
    assert any(words in reason for reason in verdict.reasons)


def test_a_required_context_is_required_but_not_of_who_speaks_to_us(classifier: Classifier) -> None:
    strict = APPLE.model_copy(update={"require_context": True})
    assert one(classifier, "Apple broke my heart and never answers", brand=strict).kind == "irrelevant"
    assert one(classifier, "@applesupport you never answer", brand=strict).kind == "complaint"
    assert one(classifier, "you never answer, worst support", brand=strict, match="reply").kind == "complaint"


def test_of_a_distinct_name_without_more_nothing_is_lost(classifier: Classifier) -> None:
    texts = ["アクメ、二度と買わない。壊れてばかり", "Acme is the worst, still no refund", "アクメの人、対応ひどすぎ"]
    for text in texts:
        assert one(classifier, text, brand=ACME).kind == "complaint"


def test_of_a_distinct_name_with_a_description_no_complaint_is_lost(classifier: Classifier) -> None:
    """Complaints are of hold music and of carpets too: to be far from what the brand sells is no evidence."""
    acme = ACME.model_copy(
        update={
            "context": keywords("充電器", "delivery"),
            "description": "Chargers and batteries for phones, sold online / スマホの充電器とバッテリーの通販",
        }
    )
    texts = [
        "アクメの対応最悪", "アクメさん、もう3日待ってるんですけど", "アクメ、二度と使わん", "アクメのレジ並びすぎ",
        "Acme hung up on me twice", "Acme opens a store in Osaka on Monday", "Acme app crashed at checkout again",
        "gave my nan an Acme voucher and the shop refused it", "アクメのせいで子どもが泣いてる",
    ]  # fmt: skip
    assert [text for text in texts if one(classifier, text, brand=acme).kind == "irrelevant"] == []


def test_without_a_brand_or_of_an_unknown_one_it_is_the_classifiers_word(classifier: Classifier) -> None:
    posts = [Post(text="an apple a day"), Post(text="an apple a day", brand="nobody")]
    judge = Judge(classifier)
    assert judge.classify(posts) == classifier.classify(posts)


def test_relevance_is_as_good_as_we_say(classifier: Classifier) -> None:
    """A floor under the figures of `make evaluate`: fewer found is a pity, a relevant post lost is the fault."""
    labelled = relevance_report.rows()
    assert len(labelled) >= 300
    figures = relevance_report.figures(
        labelled, relevance_report.judged(classifier, labelled, "keywords, context, description")
    )
    assert figures.precision >= 0.94
    assert figures.recall >= 0.5
    assert figures.lost <= 6
    assert figures.auc >= 0.93


def test_a_giveaway_is_promotion_by_its_form(classifier: Classifier) -> None:
    text = "アクメの充電器、本当に便利で毎日使ってる！フォローしてリポストで10名様に当たるよ"
    verdict = one(classifier, text, brand=ACME)
    assert verdict.kind == "promotion"
    assert any("懸賞" in reason for reason in verdict.reasons)


def test_a_giveaway_stays_promotion_where_nothing_says_what_it_is_about(classifier: Classifier) -> None:
    ice = relevance_report.brands("keywords, context")[1]
    verdict = one(classifier, "スーパーカップ＆フォローでリポストした人に10名様プレゼント", brand=ice)
    assert verdict.kind == "promotion"


def test_a_complaint_about_a_giveaway_is_a_complaint(classifier: Classifier) -> None:
    text = "アクメのフォロー＆リポストの懸賞、当選したのに賞品が届かないし問い合わせても返事がない。最悪"
    assert one(classifier, text, brand=ACME).kind == "complaint"


def stream(text: str, count: int, **fields: Any) -> list[Post]:
    at = "2026-04-01T00:00:00.000Z"
    return [
        Post(id=str(i), text=text, brand="acme", created_at=at, author=Author(id=f"u{i}"), **fields)
        for i in range(count)
    ]


def test_a_wave_of_praise_that_sells_is_promotion(classifier: Classifier) -> None:
    praise = "アクメの充電器ほんとに最高、みんなもここから買って人生変えてみてね"
    plain = judged(classifier, *stream(praise, 8), brand=ACME, stream=True)
    assert {verdict.kind for verdict in plain} == {"praise"}, "the same praise alone sells nothing"
    selling = judged(classifier, *stream(praise, 8, urls=["https://amzn.to/x"]), brand=ACME, stream=True)
    assert [verdict.kind for verdict in selling] == ["praise"] * 4 + ["promotion"] * 4
    assert any("5件" in reason for reason in selling[4].reasons)


def test_a_wave_of_complaints_is_shown_and_says_that_it_is_one(classifier: Classifier) -> None:
    text = "アクメの充電器が発火しました。会社は何も説明しません #アクメ不買 https://t.co/a"
    verdicts = judged(classifier, *stream(text, 30), brand=ACME, stream=True)
    assert {verdict.kind for verdict in verdicts} == {"complaint"}
    assert any("30件" in reason and "隠しません" in reason for reason in verdicts[-1].reasons)


def taught(text: str, kind: str, before: str = "complaint") -> Taught:
    like = likenesses([text])
    return Taught("acme", "77", kind, before, "yuki", like.exact[0], like.of(0))  # type: ignore[arg-type]


def test_what_was_taught_has_the_last_word_and_is_forgotten_when_undone(classifier: Classifier) -> None:
    text = "アクメの通販、届いた箱が潰れていて中身も割れてた。返金してほしい"
    judge = Judge(classifier)
    post = Post(text=text + "！", brand="acme")
    judge.prepare([ACME])
    before = judge.classify([post])[0]
    assert before.kind == "complaint"
    judge.prepare(None, [taught(text, "irrelevant")])
    after = judge.classify([post])[0]
    assert (after.kind, after.severity) == ("irrelevant", "none")
    assert any("yuki" in reason for reason in after.reasons)
    judge.prepare(None, [])
    assert judge.classify([post]) == [before]


def test_of_a_batch_the_post_that_was_taught_is_the_one_that_changes_and_texts_are_compared_once(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "アクメの通販、届いた箱が潰れていて中身も割れてた。返金してほしい"
    posts = [
        Post(text="Appleの店の対応が最悪だった", brand="apple", id="1"),
        Post(text="アクメの電話がつながらない", brand="acme", id="2"),
        Post(text=text + "！", brand="acme", id="3"),
    ]
    judge = Judge(classifier, stream=True)
    judge.prepare([APPLE, ACME])
    before = judge.classify(posts)
    judge.prepare(None, [taught(text, "irrelevant")])
    batches: list[int] = []

    def counted(texts: Sequence[str]) -> Likenesses:
        batches.append(len(texts))
        return likenesses(texts)

    monkeypatch.setattr("workers.classifier.judge.likenesses", counted)
    after = judge.classify(posts)
    assert [one.kind for one in before] == ["complaint"] * 3
    assert [one.kind for one in after] == ["complaint", "complaint", "irrelevant"]
    assert batches == [3]


def test_a_taught_complaint_has_a_severity(classifier: Classifier) -> None:
    text = "アクメの新しい店、駅前にできるらしい"
    verdict = judged(
        classifier, Post(text=text, brand="acme"), brand=ACME, taught=[taught(text, "complaint", "neutral")]
    )[0]
    assert (verdict.kind, verdict.severity) == ("complaint", "medium")


def test_a_lesson_of_one_brand_says_nothing_of_another(classifier: Classifier) -> None:
    text = "Apple took three weeks to send back my laptop and the screen still flickers"
    verdict = judged(classifier, Post(text=text, brand="apple"), taught=[taught(text, "irrelevant")])[0]
    assert verdict.kind == "complaint"


def test_the_watch_list_is_an_influence_whoever_follows(classifier: Classifier) -> None:
    verdict = one(classifier, "Apple store was shut today", author=Author(username="A_Journalist", followers=12))
    assert verdict.influence == "watchlist"
    assert any("watch-list" in reason for reason in verdict.reasons)
    other = Post(text="Acme shut", brand="acme", author=Author(username="a_journalist", followers=12))
    assert judged(classifier, other, brand=ACME)[0].influence == "none"


def test_the_share_of_an_accounts_talk_shows_in_its_influence(classifier: Classifier) -> None:
    long_here = "2012-01-01T00:00:00Z"
    posts = [
        Post(
            id=str(i),
            text=f"Acme news number {i} of the day",
            brand="acme",
            created_at="2026-04-01T00:00:00Z",
            author=Author(id="9", followers=40_000, following=100, posts=1_000 + 2 * i, created_at=long_here),
        )
        for i in range(5)
    ]
    verdicts = judged(classifier, *posts, brand=ACME, stream=True)
    said = [any("% of its posts" in reason for reason in verdict.reasons) for verdict in verdicts]
    assert said == [False, False, True, True, True]


def test_the_classifier_shows_what_it_made_on_the_way(classifier: Classifier) -> None:
    """The judge takes the encoder's vectors from there; without them each post would be encoded twice."""
    posts = [Post(text="Apple is slow lately"), Post(text="アップルの人"), Post(text="")]
    [look] = classifier.looks(posts)
    assert look.verdicts == classifier.classify(posts)
    assert len(look.plain) == len(look.folded) == len(posts)
    if len(look.encoded):
        assert look.vectors is not None
        assert look.vectors.shape[0] == len(look.encoded)


def test_stage_1_alone_can_judge_too() -> None:
    fast = load_classifier(encoder=False)
    assert one(fast, "made an apple crumble with an apple from the market").kind in KINDS


@pytest.mark.parametrize("text", ["", "😀" * 5_000, "アップル" * 3_000, "apple\ud800\x00", "・アップル・", "@" * 500])
def test_hard_texts_give_a_verdict(classifier: Classifier, text: str) -> None:
    verdict = judged(classifier, Post(text=text, brand="apple"), taught=[taught("x", "praise")], stream=True)[0]
    assert sum(verdict.scores.values()) == pytest.approx(1.0, abs=1e-6)
