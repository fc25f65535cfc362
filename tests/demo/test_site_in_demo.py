"""The demo with its site: what it tells commands started from it, and that nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devora_console.cli.demo_site import standing_in
from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.demo.processes import alive, wait_gone
from devora_console.demo.settled import Settled
from devora_console.demo.site.place import Place
from tests.eventually import eventually
from tests.pty.terminal import Terminal


def test_the_demos_file_tells_a_runbook_where_the_site_is(tmp_path: Path) -> None:
    settled = Settled(tmp_path, filled=True)
    word = 'a "quoted" \\ wörd'
    settled.write_config(
        Dsn("postgresql://ana@h/devora_db"),
        Dsn("postgresql://su@h/x"),
        Dsn("mongodb://h"),
        {"site": "/x y/site", "odd": word},
    )
    found = load(config_file=settled.config, environ={}, cwd=tmp_path).settings
    assert dict(found.cutover.vars) == {"site": "/x y/site", "odd": word}
    assert found.cutover.home == tmp_path / "cutover"
    assert found.environment == "demo"
    settled.write_env(Dsn("postgresql://ana@h/devora_db"), Dsn("postgresql://su@h/x"), Dsn("mongodb://h"))
    assert dict(load(environ={}, cwd=tmp_path).settings.cutover.vars)["site"] == "/x y/site"


def test_commands_started_from_the_demo_reach_the_demo_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = {"POSTGRES_DSN": "postgresql://production/x", "PGHOST": "production", "DEVORA_CONSOLE_PROFILE": "production"}
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with standing_in(tmp_path / "console.toml", {"POSTGRES_DSN": "postgresql://demo/x"}):
        assert os.environ["POSTGRES_DSN"] == "postgresql://demo/x"
        assert os.environ["DEVORA_CONSOLE_CONFIG"] == str(tmp_path / "console.toml")
        assert not {"PGHOST", "DEVORA_CONSOLE_PROFILE"} & set(os.environ)
    assert dict(os.environ) == before


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_the_site_comes_up_beside_the_console_and_ends_with_it(how: signal.Signals, open_folder: Path) -> None:
    home = open_folder / "demo"
    terminal = Terminal("-m", "devora_console", "demo", "--keep", str(home), environ={"HOME": str(open_folder)})
    try:
        terminal.read_until(b"Over", 60)
        script = home / "site" / "site"

        def up() -> bool:
            terminal.read(0.5)
            return subprocess.run([script, "smoke"], capture_output=True, check=False).returncode == 0

        assert eventually(up, 60)
        shown = subprocess.run(
            [sys.executable, "-m", "devora_console", "config", "show", "--json"],
            cwd=home,
            env={**os.environ, "HOME": str(open_folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert str(script) in shown.stdout
        runs = [Place(home / "site").run(name) for name in ("front", "blue")]
        marks = [run.mark for run in runs if run is not None]
        assert len(marks) == 2
        assert all(alive(mark) for mark in marks)
        os.kill(terminal.pid, how)
        assert eventually(lambda: not terminal.read(0.2) and not any(alive(mark) for mark in marks), 20)
        assert all(wait_gone(mark, 1) for mark in marks)
    finally:
        terminal.close()
