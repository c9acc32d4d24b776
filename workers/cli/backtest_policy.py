"""`hikeshi backtest policy`: a replay through one or more policies in event time. Nothing is stored or sent."""

import heapq
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from config.brands import Brand
from config.durations import format_duration
from config.faults import ConfigurationFaults
from config.routes import Policy, load_routes
from config.settings import Settings
from schemas.errors import ConfigurationError
from schemas.mention import rfc3339
from workers.cli.house import run_async
from workers.cli.loading import load
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, print_rows
from workers.cli.rehearsed_marks import MarkReader, read_files
from workers.dispatcher.rehearsal import Rehearsal
from workers.incidents.ingest import Arrival

_PROGRESS_SECONDS: Final = 5.0
_BATCH: Final = 2_000  # ours: of posts that open nothing and wait for the next that may
_PAGING: Final = frozenset({"pagerduty", "alertmanager"})
_COLUMNS: Final = ("policy", "notifications", "pages", "incidents", "bursts", "lead_time", "receivers")


@click.command("policy")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--routes",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A policy to try; give it more than once to compare. [the routes.yaml of the config folder]",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each notification, and a summary.")
@common_options
def policy(options: Options, files: tuple[str, ...], routes: tuple[Path, ...], as_json: bool) -> None:
    """Run posts or marks through one or more policies, in event time, as fast as it goes. Nothing is stored or sent.

    FILE holds posts as for a replay (they are matched and classified here), or marks in the topic's format, one JSON
    value a line, plain or gzip; `-` reads standard input. Nobody acknowledges, an escalation runs once, and everything
    resolves after its `resolve_after`, a burst when it ends.

    \b
    Example:
      hikeshi backtest policy last-year.jsonl.gz --routes routes.yaml --routes calmer.yaml
    """
    settings, found = load(options)
    policies = _policies(routes, settings, found.policy)
    reader = MarkReader(found.brands, datetime.now(UTC))
    progress = Progress()
    marks = read_files(files, reader, progress, sys.stdin.buffer)
    for fault in reader.counts.first_faults:
        click.echo(f"not read: {fault}", err=True)
    rehearsals = run_async(_rehearse(policies, found.brands, reader, marks, progress))
    _print_json(rehearsals) if as_json else _print_table(rehearsals, reader)


class Progress:
    """A line on standard error each few seconds, for a person who waits."""

    def __init__(self, every: float = _PROGRESS_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._told = clock()

    def __call__(self, line: str) -> None:
        if self._clock() - self._told >= self._every:
            self._told = self._clock()
            click.echo(f"… {line}", err=True)


def _policies(paths: Sequence[Path], settings: Settings, of_folder: Policy) -> dict[str, Policy]:
    """The policies by the names of their files."""
    if not paths:
        return {"routes" if (settings.config / "routes.yaml").exists() else "default": of_folder}
    found: dict[str, Policy] = {}
    faults = []
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"{path}: there is no such file; check the path of `--routes`")
        if path.stem in found:
            raise ConfigurationError(f"--routes: two files are called {path.stem}; give one of them another name")
        try:
            found[path.stem] = load_routes(path, settings)
        except ConfigurationFaults as error:
            faults += error.faults
    if faults:
        raise ConfigurationFaults(faults)
    return found


async def _rehearse(
    policies: dict[str, Policy],
    brands: Sequence[Brand],
    reader: MarkReader,
    marks: Sequence[tuple[int, bytes]],
    progress: Progress,
) -> dict[str, Rehearsal]:
    rehearsals = {name: Rehearsal(policy, brands) for name, policy in policies.items()}
    for rehearsal in rehearsals.values():
        await rehearsal.prepare()
    batch: list[Arrival] = []
    may_open = False
    for number, (at, value) in enumerate(marks):
        if batch and ((may_open and at > batch[-1].created_at) or len(batch) >= _BATCH):
            await _arrive(rehearsals, batch)
            batch, may_open = [], False
            progress(f"{number:,} of {len(marks):,} posts, {rfc3339(datetime.fromtimestamp(at / 1000, UTC))}")
        arrival = reader.decode(value)
        batch.append(arrival)
        may_open |= _may_open(arrival)
    if batch:
        await _arrive(rehearsals, batch)
    for rehearsal in rehearsals.values():
        await rehearsal.pass_time()
        rehearsal.close()
    return rehearsals


async def _arrive(rehearsals: dict[str, Rehearsal], batch: Sequence[Arrival]) -> None:
    for rehearsal in rehearsals.values():
        await rehearsal.arrive(batch, batch[-1].created_at)


def _may_open(arrival: Arrival) -> bool:
    """Whether something may follow from it at once: what opens nothing can wait for the next, and saves its time."""
    mark = arrival.mark
    return mark.kind in ("complaint", "question", "praise") or mark.influence != "none" or arrival.mention.revision > 0


def _print_json(rehearsals: dict[str, Rehearsal]) -> None:
    def lines(name: str, rehearsal: Rehearsal) -> Any:
        return ((sent.at, name, sent) for sent in rehearsal.sent)

    for at, name, sent in heapq.merge(*(lines(n, r) for n, r in rehearsals.items()), key=lambda one: one[0]):
        incident = sent.incident
        print_json(
            {
                "policy": name,
                "at": rfc3339(datetime.fromtimestamp(at / 1000, UTC)),
                "reason": sent.reason,
                "receiver": sent.receiver,
                "brand": incident.brand,
                "incident": incident.key,
                "scope": incident.scope,
                "kind": incident.kind,
                "severity": incident.severity,
                "post_count": incident.post_count,
                "author_count": incident.author_count,
            }
        )
    print_json(
        {
            "summary": {
                name: {"notifications": len(r.sent), "incidents": r.opened, "bursts": r.bursts}
                for name, r in rehearsals.items()
            }
        }
    )


def _print_table(rehearsals: dict[str, Rehearsal], reader: MarkReader) -> None:
    counts = reader.counts
    click.echo(
        f"{counts.marks:,} marks, {counts.unmatched:,} posts of no brand, {counts.bad:,} lines not read", err=True
    )
    print_rows([_row(name, r) for name, r in rehearsals.items()], _COLUMNS, as_json=False, empty="no policy")


def _row(name: str, rehearsal: Rehearsal) -> dict[str, Any]:
    receivers = Counter(sent.receiver for sent in rehearsal.sent)
    return {
        "policy": name,
        "notifications": len(rehearsal.sent),
        "pages": sum(_is_page(rehearsal, sent.receiver, sent.reason) for sent in rehearsal.sent),
        "incidents": rehearsal.opened,
        "bursts": rehearsal.bursts,
        "lead_time": _lead_time(rehearsal),
        "receivers": ", ".join(f"{receiver} {count}" for receiver, count in receivers.most_common()),
    }


def _is_page(rehearsal: Rehearsal, receiver: str, reason: str) -> bool:
    """Whether it wakes somebody: by a channel that pages, or because nobody has taken it."""
    return reason == "escalation" or rehearsal.policy.receivers[receiver].kind in _PAGING


def _lead_time(rehearsal: Rehearsal) -> str:
    """From the first post of a burst to the first time that anybody was told of it: half of the bursts were sooner."""
    first: dict[str, int] = {}
    for sent in rehearsal.sent:
        if sent.incident.id in rehearsal.began:
            first.setdefault(sent.incident.id, sent.at)
    if not first:
        return "-"
    median = statistics.median(at - rehearsal.began[incident] for incident, at in first.items())
    return format_duration(timedelta(seconds=round(median / 1000)))
