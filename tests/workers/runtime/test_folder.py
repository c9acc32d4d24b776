"""The data folder: made, tried and locked."""

import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from workers.runtime.folder import in_use, locked_folder

ROOT = Path(__file__).parents[3]
HOLD = "import sys\nfrom pathlib import Path\nfrom workers.runtime.folder import locked_folder\n"
HOLD += "with locked_folder(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"


def test_a_second_process_is_refused_until_the_first_ends_however_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert in_use(folder)
    with pytest.raises(ConfigurationError, match=rf"in use by another `hikeshi run` \(process {holder.pid}\)"), \
            locked_folder(folder):  # fmt: skip
        pass
    holder.kill()
    holder.communicate()
    assert not in_use(folder)
    with locked_folder(folder):
        assert in_use(folder)
    assert not in_use(tmp_path)


def test_a_folder_that_can_not_be_written_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "data", Path("/proc/hikeshi")):
        with pytest.raises(ConfigurationError, match=r"can't be written.*--data"), locked_folder(folder):
            pass
