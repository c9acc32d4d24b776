"""`python -m workers.classifier.agreement`: how far a second, independent reading of our posts agrees with them."""

import json
from typing import Final

import click

from schemas.mark import KINDS, SEVERITIES
from workers.classifier import metrics
from workers.classifier.training.corpus import POSTS, Row, own_posts

READINGS: Final = POSTS.parent / "readings"


@click.command()
@click.option("--differences", is_flag=True, help="List the posts on which the two readings differ.")
def main(differences: bool) -> None:
    """Print Cohen's kappa on kind and weighted kappa on severity, for each language and all."""
    labels = {row["id"]: row for row in own_posts()}
    pairs = [(labels[row["id"]], row) for row in _readings() if row["id"] in labels]
    if not pairs:
        raise click.ClickException(f"no second readings in {READINGS}; GUIDE.md says how they are made")
    for lang in ("ja", "en", ""):
        chosen = [pair for pair in pairs if not lang or pair[0]["lang"] == lang]
        if chosen:
            click.echo(f"{lang or 'all':<4}{len(chosen):>6} posts  {_agreement(chosen)}")
    if differences:
        for label, reading in pairs:
            if label["kind"] != reading["kind"]:
                click.echo(f"{label['id']}: {label['kind']} / {reading['kind']}: {label['text']}")


def _agreement(pairs: list[tuple[Row, Row]]) -> str:
    kinds = [(KINDS.index(a["kind"]), KINDS.index(b["kind"])) for a, b in pairs]
    both = [(a, b) for a, b in pairs if a["kind"] == b["kind"] == "complaint"]
    levels = [(SEVERITIES.index(a["severity"]), SEVERITIES.index(b["severity"])) for a, b in both]
    on_kind = metrics.kappa([a for a, _ in kinds], [b for _, b in kinds], len(KINDS))
    on_severity = metrics.kappa([a for a, _ in levels], [b for _, b in levels], len(SEVERITIES), weighted=True)
    same = sum(a == b for a, b in kinds) / len(kinds)
    return f"kind: kappa {on_kind:.3f} ({same:.1%} the same); severity of complaints: weighted kappa {on_severity:.3f}"


def _readings() -> list[Row]:
    rows = []
    for path in sorted(READINGS.glob("*.jsonl")):
        rows += [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return rows


if __name__ == "__main__":
    main()
