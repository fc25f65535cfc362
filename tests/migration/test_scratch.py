"""The private folder of a job goes away with it, or with the next one's start."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.ledger import Ledger
from devora_console.migration.scratch import Scratch

_HOLD = """
import sys
from pathlib import Path
from devora_console.migration.ledger import Ledger
with Ledger(Path(sys.argv[1])) as ledger:
    (ledger.folder / "1.bson").write_bytes(b"production")
    print(ledger.folder, flush=True)
    sys.stdin.read()
"""


def _holder(base: Path) -> tuple[subprocess.Popen[bytes], Path]:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(base)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().decode().strip())


def test_a_killed_jobs_folder_is_put_away(tmp_path: Path) -> None:
    process, left = _holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left / "1.bson").exists()
    with Ledger(tmp_path) as ledger:
        assert [*tmp_path.iterdir()] == [ledger.folder]
    assert [*tmp_path.iterdir()] == []


def test_a_living_jobs_folder_stays(tmp_path: Path) -> None:
    process, folder = _holder(tmp_path)
    with Ledger(tmp_path):
        assert (folder / "1.bson").read_bytes() == b"production"
    process.communicate()
    assert [*tmp_path.iterdir()] == []


def test_others_folders_stay(tmp_path: Path) -> None:
    (tmp_path / "devora-ledger-empty").mkdir()  # may be about to be locked
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").touch()
    (tmp_path / "devora-ledger-link").symlink_to(tmp_path / "elsewhere")
    Scratch(tmp_path).remove()
    assert {each.name for each in tmp_path.iterdir()} == {"devora-ledger-empty", "devora-ledger-link", "elsewhere"}
    assert (tmp_path / "elsewhere" / "lock").exists()


def test_it_is_private(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.path.stat().st_mode & 0o077 == 0
    scratch.remove()


def test_no_room_for_it(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError) as caught:
        Scratch(tmp_path / "missing")
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.USAGE, "scratch_unusable")
