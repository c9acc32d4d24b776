"""Tables that stay aligned in Japanese, and text of strangers that can't steer the terminal."""

import json

import pytest

from workers.cli.output import pad, print_rows, printable, width

ROWS = [
    {"id": "1", "brand": "アクメ", "reasons": ["ﾊﾝｶｸ", "が"], "n": None},
    {"id": "22", "brand": "Acme", "reasons": [], "n": 5},
]


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("アクメ", 6), ("ｱｸﾒ", 3), ("が", 2), ("か\u3099", 2), ("👍", 2), ("", 0)]
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns
    assert width(pad(text, 10)) == 10


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, ("id", "brand", "reasons", "n"), as_json=False, empty="")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "ID  BRAND   REASONS   N",
        "1   アクメ  ﾊﾝｶｸ; が  -",
        "22  Acme              5",
    ]


def test_json_lines_hold_everything(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, ("id",), as_json=True, empty="")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], ("id",), as_json=False, empty="Nothing.")
    assert capsys.readouterr() == ("", "Nothing.\n")
    print_rows([], ("id",), as_json=True, empty="Nothing.")
    assert capsys.readouterr() == ("", "")


def test_long_cells_are_cut_on_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"id": "火" * 100}], ("id",), as_json=False, empty="")
    assert width(capsys.readouterr().out.splitlines()[1]) <= 60


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[31mred\x07\nb\u009b2J") == "a[31mred b2J"
