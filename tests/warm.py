"""Commands in processes of their own, forked from one that has loaded everything: a start costs next to nothing.

What is asked of an interpreter from its very start (streams that are closed, readers that leave, signals while it
loads) is asked of ``python -m devora_console`` instead.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_COMMANDS = Path(__file__).resolve().parents[1] / "devora_console" / "cli"
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "devora_console.cli.entry",
        *(f"devora_console.cli.{each.stem}" for each in sorted(_COMMANDS.glob("*_command.py"))),
        "devora_console.cli.cutover_run",
        "devora_console.cli.cutover_people",
        "devora_console.services.cutting",
        "devora_console.services.gates",
        "devora_console.search.rag.answer",  # the provider's client takes half a second
        "devora_console.search.rag.searching",
        "tests.search.loaded",
        "tests.cutover.consoles",
    ]
)


def command(
    arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str], said: Path, seconds: float = 120.0
) -> tuple[int, str, str]:
    """``devora-console ARGUMENTS`` in ``folder``, to its end: (exit code, stdout, stderr), which go by ``said``."""
    out, err = said.with_suffix(".out"), said.with_suffix(".err")
    process: ForkServerProcess = SERVER.Process(
        target=_main, args=(list(arguments), str(folder), dict(environ), str(out), str(err))
    )
    process.start()
    process.join(seconds)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    process.close()
    assert code is not None, f"{arguments} did not end within {seconds:.0f} s"
    texts = [each.read_text(encoding="utf-8") for each in (out, err)]
    for each in (out, err):
        each.unlink()
    return code, texts[0], texts[1]


def _main(arguments: list[str], folder: str, environ: dict[str, str], out: str, err: str) -> None:
    """In the new process: leave the test's surroundings behind, and be the command."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for target, source in (
        (0, os.open(os.devnull, os.O_RDONLY)),
        (1, os.open(out, flags, 0o600)),
        (2, os.open(err, flags, 0o600)),
    ):
        os.dup2(source, target)
        os.close(source)
    from devora_console.cli.entry import run

    sys.exit(run(arguments))
