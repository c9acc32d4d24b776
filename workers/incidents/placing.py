"""At which desk a post belongs, or why it opens nothing."""

from collections.abc import Sequence
from typing import NamedTuple

from config.routes import Policy
from schemas.mark import INFLUENCES, Kind
from schemas.mention import Mention
from workers.incidents.model import Desk
from workers.incidents.routing import names_influence


class Place(NamedTuple):
    """A desk, or None with the reason why the post is in no incident."""

    desk: Desk | None
    reason: str


def place(mention: Mention, kind: Kind, influence: int, policy: Policy, said: Sequence[str] = ()) -> Place:
    """Care takes complaints and questions whatever the influence; voice takes praise and influencers' other posts.

    `said` are the classifier's reasons: what is kept out of alerts shows by what, behind the words for its kind.
    """
    if mention.retweet_of is not None:
        return Place(None, f"a plain retweet: counted as spread of {mention.retweet_of}")
    if mention.quote_of is not None and mention.match == "source-only":
        return Place(None, f"only what it quotes matched: counted as spread of {mention.quote_of}")
    if kind == "irrelevant":
        return Place(None, _because("not about the brand", said))
    if kind in ("complaint", "question"):
        return Place("care", f"a {kind}")
    if kind == "praise":
        return Place("voice", "praise")
    if names_influence(policy, influence):
        return Place("voice", f"{kind}, by an account of influence {INFLUENCES[influence]}, which a route names")
    outcome = f"{kind}: opens no incident"
    return Place(None, _because(outcome, said) if kind == "promotion" else outcome)


def _because(outcome: str, said: Sequence[str]) -> str:
    return f"{outcome} ({said[1]})" if len(said) > 1 else outcome
