"""How grave an incident is beyond its gravest post: by how many complain in it and how far it has spread. Pure."""

from typing import Final, NamedTuple

from schemas.mark import SEVERITIES
from workers.incidents.model import Incident

_MEDIUM, _HIGH = SEVERITIES.index("medium"), SEVERITIES.index("high")


class _Step(NamedTuple):
    """From so many people, or so many retweets and quotes, it is at least so grave."""

    severity: int
    people: int
    spread: int


# Ours: what one reply each would take more than a shift to answer, and what a news desk sees. Numbers alone never make
# it critical: that says that somebody is in danger.
_STEPS: Final = (_Step(_HIGH, 100, 5_000), _Step(_MEDIUM, 30, 500))

_WORDS: Final = {
    "en": ("{n} people write in this conversation", "retweets and quotes: {n}"),
    "ja": ("この会話に{n}人が投稿", "リポストと引用: {n}件"),
}


def by_reach(incident: Incident) -> int:
    """The least severity that its people and its spread give a complaint; 0 where they give none."""
    if incident.scope != "root" or incident.kind != "complaint":
        return 0
    return next((s.severity for s in _STEPS if incident.author_count >= s.people or incident.spread >= s.spread), 0)


def raise_by_reach(incident: Incident, language: str, most_reasons: int) -> None:
    """Raise its severity where its reach asks for it, and say so before the other reasons. It never falls."""
    severity = by_reach(incident)
    if severity <= incident.severity:
        return
    step = next(step for step in _STEPS if step.severity == severity)
    people, spread = _WORDS.get(language, _WORDS["en"])
    why = people.format(n=incident.author_count) if incident.author_count >= step.people else ""
    why = why or spread.format(n=incident.spread)
    incident.severity = severity
    incident.reasons = [why, *incident.reasons][:most_reasons]
