"""This side of the connections: configuration, Python, terminal, disk."""

from __future__ import annotations

import codecs
import locale
import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from devora_console.config.load import Effective
from devora_console.config.paths import config_path, state_dir
from devora_console.config.secret import Secret
from devora_console.doctor.check import Answer, Check, check_of, failed, passed, unknown, warned

_GIB = 1024**3
_WARN_FREE, _FAIL_FREE = _GIB, _GIB // 10
_COLUMNS, _LINES = 80, 24


def configuration(effective: Effective, environ: Mapping[str, str]) -> list[Check]:
    """Which files count, what is odd in them, and whether others can read their secrets."""
    secrets = effective.settings.secrets()
    if effective.files:
        where = passed(", ".join(str(path) for path in effective.files))
    else:
        where = passed(f"no file; the environment and built-in values count (would be read: {config_path(environ)})")
    profile = f"profile {effective.profile}, " if effective.profile else ""
    kind = "production, read-only" if effective.settings.production else effective.settings.environment
    found = [
        check_of("config.files", "configuration files", where, secrets),
        check_of("config.environment", "environment", passed(profile + kind), secrets),
        check_of("config.permissions", "permissions of the files", _permissions(effective), secrets),
    ]
    odd = [problem for problem in effective.problems if problem.code != "config_exposed"]
    answer = passed("nothing odd")
    if odd:
        answer = warned("; ".join(problem.message for problem in odd), "; ".join(p.remedy for p in odd if p.remedy))
    return [*found, check_of("config.warnings", "warnings of the configuration", answer, secrets)]


def _permissions(effective: Effective) -> Answer:
    if os.name != "posix":
        return unknown("file permissions are judged on POSIX systems only")
    if not effective.files:
        return passed("no file")
    open_files, modes = [], []
    for path in effective.files:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            return unknown(f"{path}: {error.strerror}")
        modes.append(f"{path.name} {mode:04o}")
        if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP) and _holds_secrets(effective, path):
            open_files.append(path)
    if open_files:
        names = " ".join(str(path) for path in open_files)
        return warned(f"others can read or change the secrets in {names} ({', '.join(modes)})", f"chmod 600 {names}")
    return passed(", ".join(modes))


def _holds_secrets(effective: Effective, path: Path) -> bool:
    """Whether a secret in effect comes from ``path``: origins name the file, perhaps with its line."""
    holders: dict[str, Secret | None] = {
        "postgres.dsn": effective.settings.postgres.dsn,
        "postgres.superuser_dsn": effective.settings.postgres.superuser_dsn,
        "mongo.url": effective.settings.mongo.url,
        "analytics.posthog_api_key": effective.settings.analytics.posthog_api_key,
        "analytics.posthog_personal_api_key": effective.settings.analytics.posthog_personal_api_key,
        "cutover.notify_url": effective.settings.cutover.notify_url,
        "search.openai_api_key": effective.settings.search.openai_api_key,
        "embed.api_key": effective.settings.embed.api_key,
        "rag.api_key": effective.settings.rag.api_key,
    }
    found = [key for key, secret in holders.items() if secret is not None and secret.secrets()]
    if effective.settings.extra_secrets:
        found.append("extra_secrets")
    return any(path.name in effective.origins[key].where for key in found)


def runtime() -> list[Check]:
    """Python and the system under it."""
    version = platform.python_version()
    enough = sys.version_info >= (3, 11)
    answer = passed(version) if enough else failed(version, "Install Python 3.11 or newer")
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return [check_of("python.version", "Python", answer), check_of("system.platform", "system", passed(system))]


def terminal(environ: Mapping[str, str]) -> list[Check]:
    """What the screens will have to live with."""
    return [
        check_of("terminal.kind", "terminal", _kind(environ)),
        check_of("terminal.encoding", "text encoding", _encoding()),
        check_of("terminal.way", "way to the terminal", passed(_way(environ))),
        check_of("terminal.colour", "colour", passed(_colour(environ))),
    ]


def _kind(environ: Mapping[str, str]) -> Answer:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return passed("not a terminal: the screens need one, commands do not")
    term = environ.get("TERM", "")
    columns, lines = shutil.get_terminal_size()
    size = f"{term or 'TERM is not set'}, {columns}x{lines}"
    if term in {"", "dumb"}:
        return warned(size, "Set TERM to what your terminal is, for instance: export TERM=xterm-256color")
    if columns < _COLUMNS or lines < _LINES:
        return warned(size, f"Make the window at least {_COLUMNS}x{_LINES}; the screens are cut off in a smaller one")
    return passed(size)


def _encoding() -> Answer:
    name = locale.getencoding()
    try:
        utf8 = codecs.lookup(name).name == "utf-8"
    except LookupError:
        utf8 = False
    if utf8 or sys.flags.utf8_mode:
        return passed("UTF-8")
    remedy = "export LANG=C.UTF-8 (or another UTF-8 locale); until then signs are shown in ASCII"
    return warned(f"{name}, not UTF-8", remedy)


def _way(environ: Mapping[str, str]) -> str:
    ways = [name for variable, name in (("TMUX", "tmux"), ("STY", "screen")) if environ.get(variable)]
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        ways.append("SSH")
    return "inside " + ", over ".join(ways) if ways else "direct"


def _colour(environ: Mapping[str, str]) -> str:
    if "NO_COLOR" in environ:
        return "off: NO_COLOR is set"
    return "24 bit" if environ.get("COLORTERM") in {"truecolor", "24bit"} else "as the terminal says"


def disk(environ: Mapping[str, str]) -> list[Check]:
    """Free space where the console itself writes: its state, and scratch files while it surveys a source."""
    return [
        check_of("disk.state", "free space for the console's state", free_space(state_dir(environ))),
        check_of("disk.scratch", "free space for scratch files", free_space(Path(tempfile.gettempdir()))),
    ]


def free_space(path: Path) -> Answer:
    """Judge the free space of the file system that holds ``path``, or would once it is made."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        usage = shutil.disk_usage(place)
    except OSError as error:
        return unknown(f"{place}: {error.strerror}", "Make the folder accessible")
    value = f"{usage.free / _GIB:.1f} GiB free of {usage.total / _GIB:.1f} GiB at {place}"
    if usage.free < _FAIL_FREE:
        return failed(value, "Free some space, or point TMPDIR and DEVORA_CONSOLE_HOME to another disk")
    if usage.free < _WARN_FREE:
        return warned(value, "Less than 1 GiB is free: a large migration may fill it")
    return passed(value)
