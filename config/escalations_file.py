"""Escalations as they are written in `routes.yaml`, with the rotas that they name; what is refused as a loop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field, SkipValidation, StrictInt, StrictStr, field_validator

from config.documents import Document, Place
from config.durations import PositiveDuration
from config.faults import suggestion
from config.fields import ONE_OR_MORE, TimeZone
from config.refusals import refusal
from config.steps import Escalation, IfDuring, IfPosts, Step, Tell, Wait
from config.times import Rota
from config.times_file import DuringSetting, LocalTime, Times, during_of, local_time, refuse_unknown_time
from config.validation import Strict, validate

MOST_REPEATS: Final = 5  # the issue's: whoever has not come after six rounds is not coming
SHORTEST_TURN: Final = timedelta(hours=1)  # ours: shorter turns are a slip of the hand


class WaitEntry(Strict):
    """Go on after so long."""

    wait: PositiveDuration = Field(examples=["5m"])
    """How long."""


class NotifyEntry(Strict):
    """Tell somebody."""

    notify: Annotated[tuple[StrictStr, ...], ONE_OR_MORE] = Field(examples=["pager"])
    """Receivers, or rotas: whoever is on duty."""


class DuringStepEntry(Strict):
    """By the time of day."""

    during: DuringSetting = Field(examples=["business_hours"])
    """The time."""
    then: SkipValidation[tuple["StepEntry", ...]] = ()
    """Steps within it."""
    otherwise: SkipValidation[tuple["StepEntry", ...]] = Field(default=(), alias="else")
    """Steps outside of it."""


class PostsStepEntry(Strict):
    """By how fast it grows."""

    posts: StrictInt = Field(examples=["20"])
    """So many posts of the incident …"""
    within: PositiveDuration = Field(examples=["10m"])
    """… in the last so long."""
    then: SkipValidation[tuple["StepEntry", ...]] = ()
    """Steps if it has got them."""
    otherwise: SkipValidation[tuple["StepEntry", ...]] = Field(default=(), alias="else")
    """Steps if not."""

    @field_validator("posts")
    @classmethod
    def _at_least_one(cls, posts: int) -> int:
        if posts < 1:
            raise refusal(f"is {posts}: that always holds", "write at least 1")
        return posts


class RepeatEntry(Strict):
    """Everything once more, as the last step."""

    repeat: StrictInt = Field(examples=["3"])
    """How many more times."""

    @field_validator("repeat")
    @classmethod
    def _bounded(cls, repeat: int) -> int:
        if not 1 <= repeat <= MOST_REPEATS:
            raise refusal(f"is {repeat}", f"write 1 to {MOST_REPEATS}, or remove the step")
        return repeat


StepEntry = WaitEntry | NotifyEntry | DuringStepEntry | PostsStepEntry | RepeatEntry
DuringStepEntry.model_rebuild()
PostsStepEntry.model_rebuild()

_KINDS: Final[Mapping[str, type[StepEntry]]] = {
    "wait": WaitEntry,
    "notify": NotifyEntry,
    "during": DuringStepEntry,
    "posts": PostsStepEntry,
    "repeat": RepeatEntry,
}
_STEPS_REMEDY: Final = "write for example `[{notify: desk}, {wait: 5m}, {notify: pager}]`"


class RotaEntry(Strict):
    """Receivers who take turns."""

    members: tuple[StrictStr, ...] = Field(examples=["[yuki, ken]"])
    """Receivers, in the order of their turns."""
    every: PositiveDuration = Field(examples=["7d"])
    """How long a turn is."""
    start: LocalTime = Field(examples=["2026-11-02 09:00"])
    """When the first one's first turn begins."""
    timezone: TimeZone | None = Field(default=None, examples=["Asia/Tokyo"])
    """Left out: the root route's."""

    @field_validator("members")
    @classmethod
    def _somebody(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        if not members:
            raise refusal("is empty: nobody would be on duty", "name receivers")
        return members

    @field_validator("every")
    @classmethod
    def _long_enough(cls, every: timedelta) -> timedelta:
        if every < SHORTEST_TURN:
            raise refusal("is shorter than an hour", "write for example `12h`, `1d` or `7d`")
        return every


@dataclass(frozen=True, slots=True)
class Written:
    """What the file says of escalations; `timezone`: the root's, for rotas that name none."""

    times: Times
    rotas: Mapping[str, RotaEntry]
    escalations: Mapping[str, Sequence[StepEntry]]
    timezone: str

    def escalation(self, name: str, timezone: str) -> Escalation:
        """An escalation for a route in this zone."""
        entries = self.escalations[name]
        repeat = next((entry.repeat for entry in entries if isinstance(entry, RepeatEntry)), 0)
        return Escalation(name, self._steps(entries, timezone), repeat)

    def _steps(self, entries: Sequence[Any], timezone: str) -> tuple[Step, ...]:
        return tuple(self._step(entry, timezone) for entry in entries if not isinstance(entry, RepeatEntry))

    def _step(self, entry: StepEntry, timezone: str) -> Step:
        if isinstance(entry, WaitEntry):
            return Wait(entry.wait)
        if isinstance(entry, NotifyEntry):
            people = tuple(name for name in entry.notify if name not in self.rotas)
            return Tell(people, tuple(self._rota(name) for name in entry.notify if name in self.rotas))
        if isinstance(entry, RepeatEntry):
            raise TypeError("a repeat is no step of its own")
        then, otherwise = self._steps(entry.then, timezone), self._steps(entry.otherwise, timezone)
        if isinstance(entry, DuringStepEntry):
            return IfDuring(during_of(entry.during, self.times, timezone), then, otherwise)
        return IfPosts(entry.posts, entry.within, then, otherwise)

    def _rota(self, name: str) -> Rota:
        entry = self.rotas[name]
        return Rota(name, entry.members, entry.every, local_time(entry.start), entry.timezone or self.timezone)


def read_escalations(document: Document, times: Times, receivers: Mapping[str, Any], timezone: str) -> Written:
    """Rotas and escalations; the document gets every fault."""
    rotas = dict(_rotas(document, receivers))
    told = {**receivers, **rotas}
    escalations = {}
    for name, value in _named(document, "escalations", f"under it `night: …`: {_STEPS_REMEDY.removeprefix('write ')}"):
        place: Place = ("escalations", name)
        escalations[name] = _read_steps(document, value, place, times, told)
        _refuse_loops(document, escalations[name], place)
    return Written(times, rotas, escalations, timezone)


def _named(document: Document, key: str, remedy: str) -> Iterator[tuple[str, Any]]:
    root = document.value
    written = root.get(key) if isinstance(root, dict) else None
    if written is None:
        return
    if not isinstance(written, dict) or not written:
        document.refuse((key,), "must be a block of names", f"write {remedy}")
        return
    yield from written.items()


def _rotas(document: Document, receivers: Mapping[str, Any]) -> Iterator[tuple[str, RotaEntry]]:
    for name, value in _named(document, "rotas", "under it `oncall: {members: [yuki, ken], every: 7d, start: …}`"):
        place: Place = ("rotas", name)
        if name in receivers:
            document.refuse(place, f"{name!r} is a receiver's name", "give the rota another one")
        entry = validate(RotaEntry, value, document, place)
        if entry is None:
            continue
        for index, member in enumerate(entry.members):
            if member not in receivers:
                fault = f"there is no receiver {member!r}"
                document.refuse((*place, "members", index), fault, suggestion(member, receivers))
        yield name, entry


def _read_steps(
    document: Document, value: Any, place: Place, times: Times, told: Mapping[str, Any]
) -> tuple[StepEntry, ...]:
    if not isinstance(value, list) or not value:
        document.refuse(place, "is not a list of steps", _STEPS_REMEDY)
        return ()
    steps = []
    for index, entry in enumerate(value):
        step = _read_step(document, entry, (*place, index), times, told)
        if step is not None:
            steps.append(step)
    return tuple(steps)


def _read_step(document: Document, value: Any, place: Place, times: Times, told: Mapping[str, Any]) -> StepEntry | None:
    kind = next((key for key in _KINDS if isinstance(value, dict) and key in value), None)
    if kind is None:
        document.refuse(place, "is no step", f"write one of: {', '.join(_KINDS)}, for example `{{wait: 5m}}`")
        return None
    step: StepEntry | None = validate(_KINDS[kind], value, document, place)
    if kind == "notify":
        names = value["notify"] if isinstance(value["notify"], list) else [value["notify"]]
        for index, name in enumerate(names):
            if isinstance(name, str) and name not in told:
                where: Place = (*place, "notify", index) if isinstance(value["notify"], list) else (*place, "notify")
                document.refuse(where, f"there is no receiver or rota {name!r}", suggestion(name, told))
    if kind in ("during", "posts"):
        if kind == "during":
            refuse_unknown_time(document, value["during"], (*place, "during"), times)
        if not (value.get("then") or value.get("else")):
            document.refuse(place, "leads to no step", "write `then:` or `else:` with steps")
        branches = {
            field: _read_steps(document, value[key], (*place, key), times, told)
            for field, key in (("then", "then"), ("otherwise", "else"))
            if value.get(key)
        }
        for key in ("then", "else"):
            _refuse_inner_repeat(document, value.get(key), (*place, key))
        step = step.model_copy(update=branches) if step is not None else None
    return step


def _refuse_inner_repeat(document: Document, value: Any, place: Place) -> None:
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, dict) and "repeat" in entry:
            document.refuse((*place, index), "repeats within a branch", "move it to the end of the escalation")


def _refuse_loops(document: Document, steps: Sequence[StepEntry], place: Place) -> None:
    """A repeat stands at the end, and something waits before it; somebody is told."""
    for index, step in enumerate(steps):
        if not isinstance(step, RepeatEntry):
            continue
        if index != len(steps) - 1:
            document.refuse((*place, index), "repeats before the end", "move it to the end of the list")
        if not any(map(_always_waits, steps)):
            fault = "is a loop: a `repeat` with no `wait`"
            document.refuse((*place, index), fault, "put a `{wait: 5m}` before it")
    if steps and not any(map(_tells, steps)):
        document.refuse(place, "tells nobody", "add a step as `{notify: desk}`")


def _always_waits(step: StepEntry) -> bool:
    """Whether the step waits whatever branch is taken."""
    if isinstance(step, DuringStepEntry | PostsStepEntry):
        return all(any(map(_always_waits, branch)) for branch in (step.then, step.otherwise))
    return isinstance(step, WaitEntry)


def _tells(step: StepEntry) -> bool:
    if isinstance(step, DuringStepEntry | PostsStepEntry):
        return any(map(_tells, (*step.then, *step.otherwise)))
    return isinstance(step, NotifyEntry)
