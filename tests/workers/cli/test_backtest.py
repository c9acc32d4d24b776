"""`hikeshi backtest classifier`: figures for a labelled file, every fault of a bad one at once."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from schemas.errors import ConfigurationError
from workers.cli.main import cli

ROWS = [
    {"text": "my order never arrived and nobody answers", "lang": "en", "kind": "complaint"},
    {"text": "届いたら割れていました", "label": "negative"},
    {"text": "thank you, great service!", "label": "positive"},
]


def _file(folder: Path, lines: list[str]) -> str:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def test_figures_as_json_and_as_a_table(tmp_path: Path) -> None:
    file = _file(tmp_path, [json.dumps(row) for row in ROWS] + [""])
    found = CliRunner().invoke(cli, ["backtest", "classifier", "--json", file], catch_exceptions=False)
    assert json.loads(found.output.splitlines()[-1])["rows"] == 3
    shown = CliRunner().invoke(cli, ["backtest", "classifier", file], catch_exceptions=False)
    assert "precision" in shown.output


def test_all_faults_are_named_with_their_lines(tmp_path: Path) -> None:
    file = _file(tmp_path, ["{", '{"text": 1}', '{"text": "a", "kind": "banana"}', "[" * 5000])
    with pytest.raises(ConfigurationError) as caught:
        CliRunner().invoke(cli, ["backtest", "classifier", file], catch_exceptions=False, standalone_mode=False)
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in str(caught.value).splitlines()] == ["1", "2", "3", "4"]
