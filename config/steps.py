"""What an escalation is made of; as it is frozen on an incident, so it is stored."""

from datetime import timedelta

import msgspec

from config.times import During, Rota


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """Go on after so long."""

    duration: timedelta


class Tell(msgspec.Struct, frozen=True, tag="notify"):
    """Tell these receivers, and whoever of these rotas is on duty."""

    receivers: tuple[str, ...] = ()
    rotas: tuple[Rota, ...] = ()


class IfDuring(msgspec.Struct, frozen=True, tag="during"):
    """By the time of day."""

    during: During
    then: "tuple[Step, ...]" = ()
    otherwise: "tuple[Step, ...]" = ()


class IfPosts(msgspec.Struct, frozen=True, tag="posts"):
    """Whether the incident has got so many posts in so long."""

    posts: int
    within: timedelta
    then: "tuple[Step, ...]" = ()
    otherwise: "tuple[Step, ...]" = ()


Step = Wait | Tell | IfDuring | IfPosts


class Escalation(msgspec.Struct, frozen=True):
    """Who is told one after the other until somebody has taken the incident; the steps run 1 + `repeat` times."""

    name: str
    steps: tuple[Step, ...]
    repeat: int = 0
