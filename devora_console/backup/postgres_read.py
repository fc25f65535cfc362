"""A dump of PostgreSQL, read to its last byte: pg_dump's archives through pg_restore, plain SQL as it stands."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from devora_console.backup.child import run
from devora_console.backup.model import Content, Finding, Form
from devora_console.backup.sqltext import SqlText, TableRows, read_sql, shown
from devora_console.backup.stop import Stop
from devora_console.backup.unsound import Unsound, shown_path
from devora_console.core.problems import usage_error

_ARCHIVE = b"PGDMP"
_GZIP = b"\x1f\x8b"
_LISTED = re.compile(
    r"^;\s+(Archive created at|dbname:|Dumped from database version:|Dumped by pg_dump version:) (.+)$"
)
# Of pg_restore: what it says when the file ends before it should.
_CUT = ("end of file", "unexpected end", "too short", "unexpected eof", "could not find block", "offset in file header")


@dataclass(frozen=True, slots=True)
class Read:
    """What a dump turned out to hold, and what it says of where it is from."""

    contents: tuple[Content, ...]
    database: str | None
    server_version: str | None
    tool_version: str | None
    created: datetime | None
    notes: tuple[str, ...] = ()


def form_of(path: Path) -> Form | None:
    """Whether a file or folder is one of pg_dump's, by its first bytes; None when it is neither."""
    if path.is_dir():
        return Form.PG_ARCHIVE if any((path / name).exists() for name in ("toc.dat", "toc.dat.gz")) else None
    with path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith((_ARCHIVE, b"toc.dat\x00")):
        return Form.PG_ARCHIVE
    if head.startswith(_GZIP):
        try:
            with gzip.open(path, "rb") as stream:
                head = stream.read(512)
        except (EOFError, OSError, zlib.error):
            return Form.PLAIN_SQL if ".sql" in path.name else None
    return Form.PLAIN_SQL if head.lstrip().startswith(b"--") or ".sql" in path.name else None


def read_postgres(path: Path, form: Form, pg_restore: Path, environ: Mapping[str, str], stop: Stop) -> Read:
    """Read all of it. Raises :class:`Unsound`, or ConsoleError (exit 2) when this user may not read it."""
    if path.is_file() and path.stat().st_size == 0:
        raise Unsound(Finding.EMPTY, f"{shown_path(path)} has no byte in it")
    text = _archive(path, pg_restore, environ, stop) if form is Form.PG_ARCHIVE else _plain(path, stop)
    listed = _listing(path, pg_restore, environ, stop) if form is Form.PG_ARCHIVE else {}
    created = listed.get("Archive created at")
    return Read(
        tuple(_content(table, text.encoding) for table in text.tables),
        listed.get("dbname:"),
        _version(listed.get("Dumped from database version:") or text.server_version),
        _version(listed.get("Dumped by pg_dump version:") or text.tool_version),
        _created(created) if created else None,
        _notes(text),
    )


def tool_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program needs that connects to nothing: our environment without libpq's and the servers' variables."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("PG", "POSTGRES_", "MONGO_", "DEVORA_CONSOLE")) and not name.endswith("_API_KEY")
    }
    return {**kept, "LC_ALL": "C"}


def _content(table: TableRows, encoding: str) -> Content:
    # In another encoding the same rows are other bytes: their digest would be compared in vain.
    digest = None if table.inserts or encoding != "UTF8" else table.digest.hex()
    return Content(
        shown(table.schema, table.name),
        table.count,
        None if table.inserts else table.digest.bytes,
        digest,
        table.columns,
    )


def _notes(text: SqlText) -> tuple[str, ...]:
    inserts = [shown(each.schema, each.name) for each in text.tables if each.inserts]
    return (
        (f"rows of {len(inserts)} tables are INSERTs and are not counted before they are restored",) if inserts else ()
    )


def _archive(path: Path, pg_restore: Path, environ: Mapping[str, str], stop: Stop) -> SqlText:
    """pg_restore reads every block and writes the rows as text: a truncated file fails here, never with --list."""
    found: list[SqlText] = []
    ended = run(
        [str(pg_restore), "--data-only", "--file=-", str(path)],
        stop,
        environment=tool_environment(environ),
        read=lambda stream: found.append(read_sql(stream, stop)),
    )
    if ended.code:
        raise _refusal(path, ended.why)
    text = found[0]
    if text.cut:
        raise Unsound(Finding.TRUNCATED, f"{shown_path(path)} ends {text.cut} rows")
    return text


def _refusal(path: Path, why: str) -> Unsound:
    said = why.removeprefix("pg_restore: ").removeprefix("error: ")
    words = said.lower()
    where = shown_path(path)
    if "unsupported version" in words or "unrecognized archive format" in words:
        remedy = "Install PostgreSQL client programs as new as the pg_dump that wrote it"
        return Unsound(Finding.NEWER, f"{where} is of a newer pg_dump than pg_restore here can read ({said})", remedy)
    if any(each in words for each in _CUT):
        return Unsound(Finding.TRUNCATED, f"{where} ends too early ({said})")
    return Unsound(Finding.UNREADABLE, f"{where} cannot be read to its end ({said})")


def _listing(path: Path, pg_restore: Path, environ: Mapping[str, str], stop: Stop) -> dict[str, str]:
    lines: list[bytes] = []
    ended = run(
        [str(pg_restore), "--list", str(path)],
        stop,
        environment={**tool_environment(environ), "TZ": "UTC"},
        read=lambda stream: lines.extend(line for line in stream if line.startswith(b";")),
    )
    if ended.code:
        raise _refusal(path, ended.why)
    found = (_LISTED.match(line.decode("utf-8", "replace").rstrip()) for line in lines)
    return {match[1]: match[2].strip() for match in found if match}


def _created(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _version(text: str | None) -> str | None:
    return text.split()[0] if text else None


def open_plain(path: Path) -> IO[bytes]:
    """The text of a plain dump, unpacked when it is gzipped. Raises OSError."""
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb", buffering=1024 * 1024)  # type: ignore[return-value]


def _plain(path: Path, stop: Stop) -> SqlText:
    where = shown_path(path)
    try:
        with open_plain(path) as stream:
            text = read_sql(stream, stop)
    except EOFError:
        raise Unsound(Finding.TRUNCATED, f"{where}: the compressed stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Unsound(Finding.UNREADABLE, f"{where} is no sound gzip file ({error})") from None
    except OSError as error:
        raise usage_error(
            "backup_unreadable", f"{where}: {error.strerror or 'cannot be read'}", "Make it readable for this user"
        ) from None
    if text.cluster:
        raise Unsound(
            Finding.UNREADABLE,
            f"{where} is a dump of a whole cluster (pg_dumpall), which is not judged here",
            "Dump the database: devora-console backup postgres",
        )
    if text.cut:
        raise Unsound(Finding.TRUNCATED, f"{where} ends {text.cut} rows, without the mark that ends them")
    if not text.lines:
        raise Unsound(Finding.EMPTY, f"{where} has nothing in it: the pg_dump before gzip may have failed unseen")
    if not text.dump:
        raise Unsound(Finding.UNREADABLE, f"{where} is not what pg_dump writes")
    if not text.trailer:
        raise Unsound(
            Finding.TRUNCATED, f"{where} lacks pg_dump's last words ('PostgreSQL database dump complete'): cut off"
        )
    return text
