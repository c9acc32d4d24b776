"""`hikeshi backtest`: how good is it, on your own labelled rows, and on your own past?"""

import json
from pathlib import Path
from typing import Final

import click

from schemas.errors import ConfigurationError
from workers.classifier import backtest
from workers.classifier.model import Post, load_classifier
from workers.cli.backtest_policy import policy
from workers.cli.output import print_json

_SHOWN_FAULTS: Final = 20


@click.group()
def command() -> None:
    """Measure the program on a file of yours. Nothing is stored or sent."""


command.add_command(policy)


@command.command("classifier")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def classifier(file: Path, as_json: bool) -> int:
    """Print precision and recall per kind and language, the confusion matrix and the reliability of the scores.

    FILE holds JSON lines `{"text": …, "lang"?: …, "kind": …}`; `label` is read in place of `kind`, and negative,
    positive and other as complaint, praise and neutral.

    \b
    Example:
      hikeshi backtest classifier labelled.jsonl
    """
    posts, kinds = _read(file)
    found = backtest.report(kinds, load_classifier().classify(posts))
    if as_json:
        print_json(found)
    else:
        click.echo(backtest.as_text(found))
    return 0


def _read(file: Path) -> tuple[list[Post], list[str]]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: can't be read: {error}; check the path") from error
    posts, kinds, faults = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(line)
        if isinstance(row, str):
            faults.append(f"{file}:{number}: {row}")
        else:
            posts.append(row[0])
            kinds.append(row[1])
    if faults:
        raise ConfigurationError("\n".join(faults[:_SHOWN_FAULTS]))
    return posts, kinds


def _row(line: str) -> tuple[Post, str] | str:
    """The post and its kind, or what is wrong with the line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "is not JSON; one object a line"
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return "text: is missing or not a string; add it"
    label = row.get("kind", row.get("label"))
    kind = backtest.kind_of(label) if isinstance(label, str) else None
    if kind is None:
        return f"kind: {label!r} is none of ours; use complaint, question, praise, promotion, neutral or irrelevant"
    lang = row.get("lang")
    return Post(text=row["text"], lang=lang if isinstance(lang, str) else None), kind
