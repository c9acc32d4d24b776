"""`hikeshi backtest policy` and `hikeshi explain`, as somebody types them: the contract's lines, words for people."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.errors import ConfigurationError
from workers.cli.main import cli

BRANDS = """
brands:
  - name: Acme
    id: acme
    keywords: [Acme, アクメ]
    exclude: [acme klein]
    languages: [ja, en]
    burst: {authors: 20, within: 10m}
"""
ROUTES = """
receivers:
  - {name: desk, console: {}}
  - {name: pager, console: {}}
route:
  receivers: [desk]
  language: ja
  repeat_interval: %s
  routes:
    - match: {severity: [high, critical]}
      receivers: [desk, pager]
"""
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FIELDS = ["policy", "at", "reason", "receiver", "brand", "incident", "scope", "kind", "severity", "post_count",
          "author_count"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "brands.yaml").write_text(BRANDS, "utf-8")
    (tmp_path / "routes.yaml").write_text(ROUTES % "4h", "utf-8")
    (tmp_path / "calm.yaml").write_text(ROUTES % "9d", "utf-8")
    return tmp_path


def moment(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def mark(number: int, seconds: float, kind: str = "complaint", **fields: Any) -> dict[str, Any]:
    """As on the topic; each by another author."""
    mention = {"id": str(number), "brand": "acme", "text": f"Acme {number}", "created_at": moment(seconds),
               "author": {"id": f"u{number}"}}  # fmt: skip
    return {"schema_version": 1, "mention": mention, "kind": kind, "severity": "low", **fields}


def run(*arguments: Any, given: str | None = None) -> list[str]:
    found = CliRunner().invoke(cli, [str(a) for a in arguments], input=given, catch_exceptions=False,
                               standalone_mode=False)  # fmt: skip
    return found.stdout.splitlines()


def test_the_contracts_lines_for_marks(folder: Path) -> None:
    file = folder / "marks.jsonl.gz"
    rows = [mark(n, n) for n in range(25)] + [mark(90, 40, "neutral")]
    rows.reverse()  # event time counts, not the file's order
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    lines = run("backtest", "policy", file, "--config", folder, "--json", "--routes", folder / "routes.yaml",
                "--routes", folder / "calm.yaml")  # fmt: skip
    *sent, last = map(json.loads, lines)
    assert [*sent[0]] == FIELDS
    assert [one["at"] for one in sent] == sorted(one["at"] for one in sent)
    burst = next(one for one in sent if one["policy"] == "calm")
    assert burst["incident"] == "acme/care/burst"
    assert (burst["at"], burst["reason"], burst["scope"], burst["author_count"]) == (
        "2026-03-01T09:00:19.000Z", "first", "burst", 20,
    )  # fmt: skip
    calm = sum(one["policy"] == "calm" for one in sent)
    assert last["summary"]["calm"] == {"notifications": calm, "incidents": 26, "bursts": 1}


def test_posts_are_matched_and_marked_here(folder: Path) -> None:
    posts = [
        {"data": {"id": "1", "text": "アクメの充電器が発火した", "created_at": moment(0), "lang": "ja"}},
        {"id": "2", "text": "nothing of ours", "created_at": moment(1)},
    ]
    file = folder / "posts.jsonl"
    newer = json.dumps(mark(3, 2, schema_version=9))
    file.write_text("\n".join(map(json.dumps, posts)) + f"\nno JSON\n{newer}\n", "utf-8")
    *sent, last = map(json.loads, run("backtest", "policy", file, "--config", folder, "--json"))
    assert {(one["incident"], one["kind"]) for one in sent} == {("acme/care/1", "complaint")}
    assert last["summary"]["routes"]["incidents"] == 1
    shown = run("backtest", "policy", file, "--config", folder)
    assert shown[0].split()[:4] == ["POLICY", "NOTIFICATIONS", "PAGES", "INCIDENTS"]
    assert [*folder.glob("*.db*")] == []


def test_what_is_wrong_is_said_before_anything_runs(folder: Path) -> None:
    file = folder / "marks.jsonl"
    file.write_text(json.dumps(mark(1, 1)), "utf-8")
    (folder / "bad.yaml").write_text("route: {receivers: [nobody]}", "utf-8")
    twin = folder / "deeper"
    twin.mkdir()
    (twin / "calm.yaml").write_text(ROUTES % "1h", "utf-8")
    for routes, fault in (
        (["bad.yaml"], "receivers"),
        (["gone.yaml"], "no such file"),
        (["calm.yaml", "deeper/calm.yaml"], "two files are called calm"),
    ):
        given = [part for name in routes for part in ("--routes", folder / name)]
        with pytest.raises(ConfigurationError, match=fault):
            run("backtest", "policy", file, "--config", folder, *given)
    with pytest.raises(ConfigurationError, match="can't be read"):
        run("backtest", "policy", folder / "none.jsonl", "--config", folder)


def test_explain_says_each_step_with_its_reason(folder: Path) -> None:
    lines = [
        {"text": "アクメの充電器が発火した。返金して", "author": {"username": "taro", "followers": 12}},
        {"id": "7", "text": "acme klein ist schön", "lang": "en", "created_at": moment(0)},
        {"id": "8", "text": "Acme gefällt mir", "lang": "de", "created_at": moment(0)},
        mark(9, 5, "neutral"),
    ]
    given = "\n".join([*map(json.dumps, lines), "no JSON"])
    first, masked, german, neutral, broken = map(json.loads, run("explain", "--config", folder, "--json", given=given))
    assert (first["brand"], first["match"]["reason"], first["mark"]["kind"]) == ("acme", "keyword", "complaint")
    assert first["incident"]["key"] == "acme/care/1"
    assert first["mark"]["reasons"]
    assert {plan["receiver"] for plan in first["receivers"]} == {"desk", "pager"}
    assert all(plan["at"] and plan["why"] and plan["route"] for plan in first["receivers"])
    assert "exclude" in masked["reason"]
    assert "its language is de" in german["reason"]
    assert (neutral["incident"], neutral["reason"]) == (None, "neutral: opens no incident")
    assert "error" in broken
    shown = "\n".join(run("explain", "--config", folder, given=given))
    assert "desk       first at" in shown
    assert "incident   acme/care/1" in shown


def test_explain_follows_a_burst(folder: Path) -> None:
    given = "\n".join(json.dumps(mark(n, n)) for n in range(21))
    *_, last = map(json.loads, run("explain", "-", "--config", folder, "--json", given=given))
    assert last["incident"]["status"] == "merged"
    assert last["incident"]["merged_into"]["key"] == "acme/care/burst"
    assert last["incident"]["merged_into"]["reasons"][0].startswith("20人が苦情を投稿")
