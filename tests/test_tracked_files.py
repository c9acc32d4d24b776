"""What no file of ours may hold: a place on somebody's machine, a package host, an address in a lock."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Written in pieces, so that this file passes its own test.
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|home/\w+|root|Users/\w+)" + "/")
PACKAGE_HOST = re.compile(
    "|".join(("pypi" + r"\.org", "python" + "hosted", r"repo1?\.maven", r"deb\.debian" + r"\.org"))
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files are ours is not known")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def lines_matching(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_path_of_a_machine_and_no_package_host() -> None:
    assert not lines_matching(MACHINE_PATH, tracked())
    assert not lines_matching(PACKAGE_HOST, tracked())


def test_locks_hold_hashes_and_no_address() -> None:
    locks = [path for path in tracked() if path.suffix == ".lock"]
    assert locks
    assert not lines_matching(re.compile("://"), locks)
    for lock in locks:
        text = lock.read_text()
        assert text.count("--hash=sha256:") >= len(re.findall(r"^\S+==", text, re.MULTILINE)), lock


def test_a_source_file_is_one_subject() -> None:
    """Above 450 lines a file has two."""
    long = [path for path in tracked() if path.suffix == ".py" and len(path.read_text().splitlines()) > 450]
    assert not long
