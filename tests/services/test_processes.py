"""Worker processes can be started although the screens hold stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from devora_console.services.migrating import ready_for_processes

class Captured:
    def write(self, text): return len(text)
    def flush(self): pass
    def fileno(self): return -1  # as Textual has it

sys.stderr = Captured()
ready_for_processes()
assert isinstance(sys.stderr, Captured)
with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
    print(pool.submit(abs, -7).result())
"""


def test_worker_processes_start_while_stderr_is_no_file(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "7")
