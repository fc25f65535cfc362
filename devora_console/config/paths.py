"""Where the console's own files live. ``DEVORA_CONSOLE_HOME`` puts all of them under one directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import PlatformDirs

from devora_console.core.problems import usage_error

APP = "devora-console"
HOME_VARIABLE = "DEVORA_CONSOLE_HOME"
CONFIG_NAME = "config.toml"


def _place(kind: str, environ: Mapping[str, str] | None) -> Path:
    home = (os.environ if environ is None else environ).get(HOME_VARIABLE, "")
    if home:
        return expanded(Path(home)).absolute() / kind
    dirs = PlatformDirs(APP, appauthor=False)
    places = {
        "config": dirs.user_config_path,
        "data": dirs.user_data_path,
        "state": dirs.user_state_path,
        "log": dirs.user_log_path,
    }
    return places[kind]


def expanded(path: Path) -> Path:
    """``path`` with a leading ``~`` replaced, or as it is when there is no such home."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """The user's configuration file, whether it exists or not."""
    return _place("config", environ) / CONFIG_NAME


def data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """For what must last: journals, recordings, local event backups. Not created here."""
    return _place("data", environ)


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """For what may be lost without harm: positions, histories. Not created here."""
    return _place("state", environ)


def log_dir(environ: Mapping[str, str] | None = None) -> Path:
    """For log files. Not created here."""
    return _place("log", environ)


def current_directory(cwd: Path | None) -> Path:
    """``cwd``, or the process's own; raises ConsoleError (exit 2) when that has been removed."""
    try:
        return (cwd or Path.cwd()).absolute()
    except FileNotFoundError:
        raise usage_error("cwd", "the current directory no longer exists", "Change to another directory") from None
