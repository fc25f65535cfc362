"""libpq's two files: the service file (``pg_service.conf``) and the password file (``.pgpass``)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from devora_console.config.conninfo import ConninfoError
from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line

_DEFAULT_SOCKET_DIRECTORIES = frozenset({"", "/var/run/postgresql", "/run/postgresql", "/tmp"})  # noqa: S108
_FIELDS = 5


def service_parameters(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The parameters that a service stands for. Raises ConninfoError when no service file names it.

    Looks where libpq looks: ``PGSERVICEFILE`` or ``~/.pg_service.conf``, then ``pg_service.conf`` in
    ``PGSYSCONFDIR``.
    """
    explicit = environ.get("PGSERVICEFILE")
    home = _home(environ)
    places = [Path(explicit)] if explicit else [home / ".pg_service.conf"] if home else []
    if environ.get("PGSYSCONFDIR"):
        places.append(Path(environ["PGSYSCONFDIR"]) / "pg_service.conf")
    for place in places:
        text = _text(place, needed=bool(explicit) and place == places[0])
        found = _section(text, name, place)
        if found is not None:
            return found
    looked = ", ".join(one_line(str(place)) for place in places) or "any service file"
    raise ConninfoError(f"service '{one_line(name, 60)}' is not defined in {looked}")


def _section(text: str, name: str, place: Path) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            found = {} if line == f"[{name}]" else None
        elif found is not None:
            key, equals, value = line.partition("=")
            where = f"{one_line(str(place))}:{number}"
            if not equals or not re.fullmatch(r"\w+", key):
                raise ConninfoError(f"{where}: not of the form name=value")
            if key == "service":
                raise ConninfoError(f"{where}: a service cannot name another service")
            found[key] = value
    return found


def password_for(
    places: Sequence[tuple[str, int]], database: str, user: str, passfile: str, environ: Mapping[str, str]
) -> tuple[str, list[Problem]]:
    """The password file's word for the first of ``places`` (host, port) it knows, '' when there is none.

    Problems: a file that others can read is left alone, as libpq does, and so are further hosts that have
    another password, because the driver takes one.
    """
    home = _home(environ)
    chosen = passfile or environ.get("PGPASSFILE", "")
    path = Path(chosen) if chosen else home / ".pgpass" if home else None
    mode = None if path is None else _mode(path)
    if path is None or mode is None or not stat.S_ISREG(mode):
        return "", []
    shown = one_line(str(path))
    if os.name == "posix" and mode & 0o077:
        return "", [Problem("passfile_open", f"{shown}: others can read it, so it is not used", f"chmod 600 {shown}")]
    try:
        lines = [_fields(line) for line in _text(path, needed=True).split("\n")]
    except ConninfoError as error:
        return "", [Problem("passfile_unreadable", str(error), "Make the file readable for this user")]
    found = [word for host, port in places if (word := _lookup(lines, host, port, database, user)) is not None]
    if len(set(found)) > 1:
        note = "has different passwords for the hosts of one connection; the first is used"
        return found[0], [Problem("passfile_hosts", f"{shown}: {note}", "Give all hosts the same password")]
    return (found[0], []) if found else ("", [])


def _fields(line: str) -> list[str]:
    line = line.removesuffix("\r")
    if not line or line.startswith("#"):
        return []
    # Colons and backslashes are escaped by a backslash; the password is what remains.
    return re.findall(r"((?:\\.|[^:\\]|\\$)*)(?::|$)", line)[:_FIELDS]


def _lookup(lines: Sequence[list[str]], host: str, port: int, database: str, user: str) -> str | None:
    # A socket goes by its directory's name; the default one also by 'localhost'.
    names = {host, "localhost"} if host in _DEFAULT_SOCKET_DIRECTORIES else {host}
    wanted = (names, {str(port)}, {database}, {user})
    for line in lines:
        if len(line) == _FIELDS and all(
            given == "*" or re.sub(r"\\(.)", r"\1", given) in accepted
            for given, accepted in zip(line, wanted, strict=False)
        ):
            return re.sub(r"\\(.)", r"\1", line[-1])
    return None


def _home(environ: Mapping[str, str]) -> Path | None:
    if environ.get("HOME"):
        return Path(environ["HOME"])
    try:
        return Path.home()
    except RuntimeError:
        return None


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError:
        return None  # not there, or not for us to see: as good as not there


def _text(path: Path, *, needed: bool) -> str:
    reason = ""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        if not needed:
            return ""
        reason = "does not exist"
    except OSError as error:
        reason = one_line(error.strerror or "cannot be read")
    raise ConninfoError(f"{one_line(str(path))}: {reason}")
