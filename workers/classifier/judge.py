"""The classifier with the brands in view: is it about the brand, does it promote, what did users teach, who says it.

The classifier says what a text is; here a post becomes a post *about a brand*. Each step is a pure decision with its
reason in words: form of promotion, waves, relevance, lessons, influence, in this order; of a post's kind the users have
the last word. All state is in here: profiles of the brands, lessons, waves, topic shares.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from config.brands import Brand
from schemas.mark import KINDS, Kind, Severity, Verdict
from workers.classifier import influence, model, reasons, relevance
from workers.classifier.linear import Floats
from workers.classifier.model import Classifier, Look, Post
from workers.classifier.promotion import Sign, signs
from workers.classifier.relevance_profile import Profiles
from workers.classifier.teaching import Lessons, by_brand
from workers.classifier.topic_share import TopicShares
from workers.classifier.wave import Posted, Wave, Waves, becomes_promotion
from workers.incidents.likeness import Likenesses, likenesses
from workers.incidents.teaching import Taught
from workers.runtime import metrics

TAUGHT_SEVERITY: Final[Severity] = "medium"  # of a complaint that only a lesson has found (ours)
_FORM_SAYS: Final = 0.9  # the score of promotion where the form alone tells it
_NEGLIGIBLE: Final = 0.02  # a share of `irrelevant` that changes nothing
_PROMOTION_STAYS: Final = 0.3  # the most that promotion is taken for something else than the brand's
_COMPLAINS: Final = 0.5  # a post that complains so clearly is none, whatever its form


class Judge:
    """Marks posts as the classifier does, and about their brands. For one thread; `prepare` between batches alone."""

    def __init__(self, classifier: Classifier, *, stream: bool = False) -> None:
        """`stream`: posts are a brand's stream in time, so that waves and topic shares tell something."""
        self.version = classifier.version
        self._classifier = classifier
        self._profiles = Profiles(())
        self._brands: Sequence[Brand] = ()
        self._lessons: Mapping[str, Lessons] = {}
        self._taught_last: Sequence[Taught] = ()
        self._waves = Waves() if stream else None
        self._shares = TopicShares() if stream else None

    def prepare(self, brands: Sequence[Brand] | None = None, taught: Sequence[Taught] | None = None) -> None:
        """What to judge by from here on; None: as before."""
        if brands is not None and brands is not self._brands:
            encoder = self._classifier.encoder
            self._profiles = Profiles(brands, encoder.vectors if encoder is not None else None)
            self._brands = brands
        if taught is not None and taught is not self._taught_last:
            self._lessons, self._taught_last = by_brand(taught), taught

    def classify(self, posts: Sequence[Post]) -> list[Verdict]:
        """A verdict for each post, in order."""
        verdicts: list[Verdict] = []
        for look in self._classifier.looks(posts):
            some = posts[len(verdicts) : len(verdicts) + len(look.verdicts)]
            verdicts += self._judged(some, look)
        return verdicts

    def _judged(self, posts: Sequence[Post], look: Look) -> list[Verdict]:
        wanted = self._waves is not None or any(post.brand in self._lessons for post in posts)
        like = likenesses([post.text for post in posts]) if wanted else None
        verdicts = self._promotion(posts, look, like)
        numbers = [self._profiles.number.get(post.brand or "", -1) for post in posts]
        verdicts = self._relevance(posts, look, verdicts, numbers)
        verdicts = self._taught(posts, verdicts, like)
        return [self._influence(post, verdict, n) for post, verdict, n in zip(posts, verdicts, numbers, strict=True)]

    def _promotion(self, posts: Sequence[Post], look: Look, like: Likenesses | None) -> list[Verdict]:
        """By its form, or by the wave that it is part of."""
        waves: Sequence[Wave | None] = [None] * len(posts)
        if self._waves is not None and like is not None:
            waves = self._waves.look(like, [_posted(post) for post in posts])
        return [
            _promotes(post, verdict, signs(folded, post.urls), wave)
            for post, verdict, folded, wave in zip(posts, look.verdicts, look.folded, waves, strict=True)
        ]

    def _relevance(
        self, posts: Sequence[Post], look: Look, verdicts: Sequence[Verdict], numbers: Sequence[int]
    ) -> list[Verdict]:
        judged = list(verdicts)
        about = [i for i, number in enumerate(numbers) if number >= 0]
        if not about:
            return judged
        hits = self._profiles.find(look.folded)
        near = self._nearness(look, about, numbers)
        for i in about:
            text_alone = look.verdicts[i].scores
            found = relevance.evidence(
                self._profiles, numbers[i], look.plain[i], hits[i], posts[i].text, posts[i].match,
                text_alone["irrelevant"],
            )  # fmt: skip
            complaint = text_alone["complaint"] / max(1.0 - text_alone["irrelevant"], 1e-3)
            weighed = relevance.weigh(found, near.get(i), min(complaint, 1.0))
            judged[i] = _about(judged[i], weighed)
        return judged

    def _nearness(self, look: Look, about: Sequence[int], numbers: Sequence[int]) -> dict[int, tuple[float, int]]:
        """How near the posts are to their brands, of the brands that say something of themselves."""
        encoder = self._classifier.encoder
        wanted = [i for i in about if self._profiles.profiles[numbers[i]].near is not None]
        if encoder is None or not wanted:
            return {}
        place = {int(i): row for row, i in enumerate(look.encoded)}
        missing = [i for i in wanted if i not in place]
        width = self._profiles.profiles[numbers[wanted[0]]].near
        vectors = np.empty((len(wanted), 0 if width is None else width.shape[1]), dtype=np.float32)
        fresh = dict(zip(missing, encoder.vectors([look.plain[i] for i in missing]), strict=True)) if missing else {}
        for row, i in enumerate(wanted):
            vectors[row] = fresh[i] if i in fresh else _row(look.vectors, place[i])
        topics = self._profiles.topics(vectors)
        by_number: dict[int, list[int]] = defaultdict(list)
        for row, i in enumerate(wanted):
            by_number[numbers[i]].append(row)
        found: dict[int, tuple[float, int]] = {}
        for number, rows in by_number.items():
            near = relevance.nearness(self._profiles, number, vectors[rows], topics[rows])
            if near is not None:
                pairs = zip(near.weight.tolist(), near.topic.tolist(), strict=True)
                found |= dict(zip((wanted[row] for row in rows), pairs, strict=True))
        return found

    def _taught(self, posts: Sequence[Post], verdicts: Sequence[Verdict], like: Likenesses | None) -> list[Verdict]:
        judged = list(verdicts)
        if like is None:
            return judged
        by_brand: dict[str, list[int]] = defaultdict(list)
        for i, post in enumerate(posts):
            if post.brand is not None and post.brand in self._lessons:
                by_brand[post.brand].append(i)
        for brand, places in by_brand.items():
            for i, heard in zip(places, self._lessons[brand].judge(like, places), strict=True):
                if heard is not None:
                    kind = judged[i].kind
                    judged[i] = scored(judged[i], heard.scores(judged[i].scores))
                    if judged[i].kind != kind or heard.share is not None:
                        judged[i] = _because(judged[i], heard.reason(judged[i].kind, judged[i].lang == "ja"))
        return judged

    def _influence(self, post: Post, verdict: Verdict, number: int) -> Verdict:
        """Weighed anew where the brand knows more of the author: a watch-list, a share of its talk."""
        author = post.author
        if author is None:
            return verdict
        username = (author.username or "").lower()
        watched = number >= 0 and username in self._profiles.brands[number].watchlist
        share = self._shares.share(post) if self._shares is not None and post.brand else None
        if not watched and share is None:
            return verdict
        before = influence.weigh(author, post.created_at, post.echo)
        after = influence.weigh(author, post.created_at, post.echo, share=share, watched=watched)
        if after == before:
            return verdict
        japanese = verdict.lang == "ja"
        old = set(reasons.attention("none", before, japanese))
        kept = [reason for reason in verdict.reasons if reason not in old]
        said = [*kept, *reasons.attention("none", after, japanese)]
        return msgspec.structs.replace(verdict, influence=after.influence, reasons=said)


def load_judge() -> Judge:
    """The shipped classifier as the stage runs it."""
    return Judge(model.load_classifier(), stream=True)


def _posted(post: Post) -> Posted:
    author = post.author
    who = (author.id or author.username or "") if author is not None else ""
    return Posted(post.brand or "", post.id or "", who, _millis(post.created_at))


def _millis(moment: str | None) -> int:
    try:
        return round(datetime.fromisoformat((moment or "").replace("Z", "+00:00")).timestamp() * 1000)
    except ValueError:
        return 0


def _row(vectors: Floats | None, row: int) -> Floats:
    assert vectors is not None  # noqa: S101  there is a vector for each place that the classifier encoded
    return np.asarray(vectors[row])


def _promotes(post: Post, verdict: Verdict, found: Sequence[Sign], wave: Wave | None) -> Verdict:
    """Promotion by its form or its wave; the reason of a wave also where it changes nothing."""
    japanese = verdict.lang == "ja"
    told = [sign.japanese if japanese else sign.english for sign in found]
    if verdict.kind != "promotion" and any(s.certain for s in found) and verdict.scores["complaint"] < _COMPLAINS:
        verdict = _because(scored(verdict, _with(verdict.scores, "promotion", _FORM_SAYS)), *told)
        metrics.PROMOTIONS.labels("form").inc()
    elif verdict.kind == "promotion":
        verdict = _because(verdict, *told) if told else verdict
        metrics.PROMOTIONS.labels("words").inc()
    if wave is None:
        return verdict
    links = bool(found or post.urls or "://" in post.text)
    if verdict.kind != "promotion" and becomes_promotion(verdict.kind, links, verdict.scores["promotion"]):
        verdict = scored(verdict, _with(verdict.scores, "promotion", _FORM_SAYS))
        metrics.PROMOTIONS.labels("wave").inc()
    metrics.WAVE_POSTS.labels("kept_out" if verdict.kind == "promotion" else "shown").inc()
    return _because(verdict, _wave_reason(wave, verdict.kind, japanese))


def _wave_reason(wave: Wave, kind: Kind, japanese: bool) -> str:
    if japanese:
        end = "" if kind == "promotion" else "。人々が同じ言葉で訴えている可能性があり、隠しません"
        return f"24時間以内のほぼ同文{wave.posts}件 ({wave.accounts}アカウント) の1つ{end}"
    end = "" if kind == "promotion" else ": shown, since people may be saying the same"
    return f"one of {wave.posts} near-identical posts by {wave.accounts} accounts within a day{end}"


def _about(verdict: Verdict, weighed: relevance.Relevance) -> Verdict:
    """The verdict with relevance in its scores. A kind never becomes irrelevant by less than one in two."""
    rest = {kind: score for kind, score in verdict.scores.items() if kind != "irrelevant"}
    share = weighed.irrelevant
    if share < _NEGLIGIBLE and verdict.scores["irrelevant"] < _NEGLIGIBLE:
        return verdict  # most posts: nothing worth rounding again
    if verdict.kind == "promotion" and share < relevance.RULED_OUT:
        share = min(share, _PROMOTION_STAYS)  # it says little of what it is about, and opens nothing either way
    best = max(rest.values()) / (sum(rest.values()) or 1.0)
    if share < 0.5:
        share = min(share, best / (1.0 + best) - 1e-3)
    judged = scored(verdict, _with(verdict.scores, "irrelevant", max(share, 0.0)))
    if judged.kind != "irrelevant":
        return judged
    said = [japanese if verdict.lang == "ja" else english for english, japanese in weighed.reasons]
    opening = reasons.opening("irrelevant", "", verdict.lang == "ja")
    return msgspec.structs.replace(judged, reasons=[opening, *said])


def _with(scores: Mapping[str, float], kind: Kind, share: float) -> dict[str, float]:
    """The scores with this share for one kind, the rest as they were to each other."""
    others = sum(score for other, score in scores.items() if other != kind)
    if others <= 0.0:
        return {other: share if other == kind else (1.0 - share) / (len(KINDS) - 1) for other in scores}
    return {other: share if other == kind else score * (1.0 - share) / others for other, score in scores.items()}


def scored(verdict: Verdict, scores: Mapping[str, float]) -> Verdict:
    """The verdict by these scores: four digits each, their sum 1, the likeliest kind and its severity."""
    rounded = {kind: round(scores[kind], 4) for kind in KINDS}
    kind = max(KINDS, key=rounded.__getitem__)
    rounded[kind] = round(rounded[kind] + 1.0 - sum(rounded.values()), 4)
    severity = verdict.severity
    if kind == "complaint" and severity == "none":
        severity = TAUGHT_SEVERITY
    elif kind != "complaint" and kind != verdict.kind:
        severity = "none"
    said = verdict.reasons
    if kind != verdict.kind:  # the words for the kind it was go with it
        japanese = verdict.lang == "ja"
        before = reasons.opening(verdict.kind, "", japanese)
        said = [reasons.opening(kind, "", japanese), *[one for one in said if not one.startswith(before)]]
    return msgspec.structs.replace(verdict, kind=kind, scores=rounded, severity=severity, reasons=said)


def _because(verdict: Verdict, *said: str) -> Verdict:
    """With these reasons, in front of the others but behind the kind's own words."""
    opening = reasons.opening(verdict.kind, "", verdict.lang == "ja")
    others = [reason for reason in verdict.reasons if reason not in said]
    if not others or not others[0].startswith(opening):
        others.insert(0, opening)
    return msgspec.structs.replace(verdict, reasons=[others[0], *said, *others[1:]])
