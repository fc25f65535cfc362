"""The text that pg_dump and pg_restore write, read for its rows: which tables, how many lines, complete or cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from devora_console.backup.digest import ContentDigest
from devora_console.backup.stop import Stop

_COPY = re.compile(rb"COPY (.+?)(?: \((.*)\))? FROM stdin;")
_HEADER = re.compile(rb"-- (?:Data for )?Name: ")
_DATA = re.compile(rb"-- Data for Name: (.*); Type: TABLE DATA; Schema: (.*?);")
_FROM = re.compile(rb"-- Dumped from database version (\S+)")
_BY = re.compile(rb"-- Dumped by pg_dump version (\S+)")
_ENCODING = re.compile(rb"SET client_encoding = '(\w+)';")
_TRAILER = b"-- PostgreSQL database dump complete"
_CLUSTER = b"-- PostgreSQL database cluster dump"
_BATCH = 1000


@dataclass(slots=True)
class TableRows:
    """The rows of one table; ``count`` is None when they are INSERTs, which are not counted."""

    schema: str
    name: str
    columns: tuple[str, ...]
    digest: ContentDigest = field(default_factory=ContentDigest)
    inserts: bool = False

    @property
    def count(self) -> int | None:
        """Its rows."""
        return None if self.inserts else self.digest.count


@dataclass(slots=True)
class SqlText:
    """What was read. ``cut`` says in words where a text ends that is not whole; it is None for a whole one."""

    tables: list[TableRows] = field(default_factory=list)
    cut: str | None = None
    trailer: bool = False
    cluster: bool = False
    dump: bool = False
    server_version: str | None = None
    tool_version: str | None = None
    encoding: str = "UTF8"
    lines: int = 0
    heading: tuple[str, str] = ("", "")


def read_sql(stream: IO[bytes], stop: Stop) -> SqlText:
    """Read a dump's text to its end."""
    found = SqlText()
    in_data = False
    for line in stream:
        found.lines += 1
        if found.lines % _BATCH == 0:
            stop.check()
        if line.startswith(b"--"):
            in_data = _comment(found, line, in_data)
        elif in_data and line.startswith(b"COPY ") and (begin := _COPY.fullmatch(line.rstrip(b"\r\n"))):
            table = _table(begin)
            found.tables.append(table)
            if not _rows(stream, table, found, stop):
                found.cut = f"within the rows of {shown(table.schema, table.name)}, after {table.digest.count}"
                return found
        elif in_data and line.startswith(b"INSERT INTO "):
            # The next lines may be anything, as values have line ends of their own: the heading told the name.
            schema, name = found.heading
            found.tables.append(TableRows(schema, name, (), inserts=True))
            in_data = False
        elif encoding := _ENCODING.match(line):
            found.encoding = encoding[1].decode()
    return found


def _comment(found: SqlText, line: bytes, in_data: bool) -> bool:
    """Take a comment in; tells whether rows of a table follow."""
    if _HEADER.match(line):
        data = _DATA.match(line)
        if data:
            name, schema = (part.decode("utf-8", "surrogateescape") for part in data.groups())
            found.heading = (schema, name)
        return data is not None
    text = line.rstrip()
    if text == _TRAILER:
        found.trailer = True
    elif text.startswith(_CLUSTER):
        found.cluster = True
    elif text == b"-- PostgreSQL database dump":
        found.dump = True
    elif version := _FROM.match(line):
        found.server_version = version[1].decode("utf-8", "replace")
    elif version := _BY.match(line):
        found.tool_version = version[1].decode("utf-8", "replace")
    return in_data


def _rows(stream: IO[bytes], table: TableRows, found: SqlText, stop: Stop) -> bool:
    """Read rows up to the mark that ends them; False when the text ends before."""
    batch: list[bytes] = []
    for line in stream:
        found.lines += 1
        if line == b"\\.\n":
            table.digest.add(batch)
            return True
        if not line.endswith(b"\n"):
            break
        batch.append(line[:-1])
        if len(batch) >= _BATCH:
            stop.check()
            table.digest.add(batch)
            batch.clear()
    table.digest.add(batch)
    return False


def _table(begin: re.Match[bytes]) -> TableRows:
    names = list(identifiers(begin[1].decode("utf-8", "surrogateescape")))
    columns = tuple(identifiers(begin[2].decode("utf-8", "surrogateescape"))) if begin[2] else ()
    return TableRows(names[0] if len(names) > 1 else "", names[-1], columns)


def identifiers(text: str) -> Iterator[str]:
    """The names of a list as pg_dump writes it, without their quotes.

    >>> list(identifiers('public."Odd ""one"" x"')), list(identifiers('id, "user", x'))
    (['public', 'Odd "one" x'], ['id', 'user', 'x'])
    """
    for match in re.finditer(r'"((?:[^"]|"")*)"|([^\s",.()]+)', text):
        yield match[2] if match[2] is not None else match[1].replace('""', '"')


def shown(schema: str, name: str) -> str:
    """A table's name, as keys of counts have it: quoted where it is no plain word.

    >>> shown('public', 'users'), shown('public', 'Odd name')
    ('public.users', 'public."Odd name"')
    """
    return ".".join(
        part if re.fullmatch(r"[a-z_][a-z0-9_]*", part) else '"' + part.replace('"', '""') + '"'
        for part in (schema, name)
        if part
    )
