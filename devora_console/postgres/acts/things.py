"""Find the object a person means, and read by its OID what an act must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.model import Kind
from devora_console.postgres.watch.guest import Guest

TABLES, INDEXES = ("r", "p", "m"), ("i", "I")
KINDS: dict[Kind, tuple[str, ...]] = {
    Kind.VACUUM: TABLES,
    Kind.ANALYZE: TABLES,
    Kind.AUTOVACUUM: TABLES,
    Kind.REINDEX: (*INDEXES, *TABLES),
    Kind.DROP_INDEX: INDEXES,
}
WORDS = {"r": "table", "p": "partitioned table", "m": "materialized view", "i": "index", "I": "partitioned index"}


@dataclass(frozen=True, slots=True)
class Thing:
    """A relation. ``about_bytes`` is from the planner's page count, as old as the last vacuum or analyze; ``live`` and
    ``dead`` are rows as the statistics count them; ``rows`` is the planner's estimate, -1 when it never looked.
    ``twin`` is another unique index that refuses the same duplicates, ``twin_same`` whether it has all the columns.
    ``maintains``: has the right MAINTAIN (17 and later).
    """

    oid: int
    schema: str
    name: str
    quoted: str
    kind: str
    temporary: bool
    partition: bool
    system: bool
    owner: str
    owned: bool
    schema_owned: bool
    database_owned: bool
    rows: float
    about_bytes: int
    options: tuple[str, ...]
    table_oid: int | None
    table_name: str | None
    valid: bool
    unique: bool
    exclusion: bool
    replica_identity: bool
    constraint_name: str | None
    foreign_keys: tuple[str, ...]
    parent: str | None
    extension: str | None
    twin: str | None
    twin_same: bool
    live: int
    dead: int
    maintains: bool

    @property
    def words(self) -> str:
        """What it is, with its name: ``table public.messages``."""
        return f"{WORDS.get(self.kind, 'relation')} {self.quoted}"

    @property
    def to_type(self) -> str:
        """What a person types to confirm: the name, or the OID of what no keyboard can type."""
        name = self.name if self.schema == "public" else f"{self.schema}.{self.name}"
        return name if one_line(name, len(name)) == name else f"oid {self.oid}"


async def find(guest: Guest, kind: Kind, written: str) -> Thing:
    """The one object of this name. Raises ConsoleError: exit 2 when there is none, or several."""
    schema, spellings = split(written)
    kinds = [*KINDS[kind]]
    rows = known(await guest.ask("act_find", schema, spellings, kinds))
    exact = [row for row in rows if row["name"] == spellings[0]] or [*rows]
    if len(exact) > 1:
        names = ", ".join(f"{row['schema']}.{row['name']}" for row in exact)
        raise usage_error("ambiguous", f"{one_line(written, 100)} could be {one_line(names, 300)}", "Name its schema")
    if not exact:
        raise usage_error(
            "no_object",
            f"there is no {_either(kind)} {one_line(written, 100)}",
            await _nearest(guest, spellings[0], kinds) or "Names are case-sensitive; write SCHEMA.NAME outside public",
        )
    thing = await read(guest, exact[0]["oid"])
    if thing is None:
        raise usage_error("no_object", f"{one_line(written, 100)} has been dropped this moment")
    return thing


async def read(guest: Guest, oid: int) -> Thing | None:
    """The object of this OID as it is now, None when it is gone."""
    rows = known(await guest.ask("act_thing", oid))
    if not rows:
        return None
    row = dict(rows[0])
    table = row["table_oid"] or oid
    may = await guest.one("act_maintain", table)
    row["maintains"] = bool(may["maintains"]) if not isinstance(may, Unknown) else False
    for name in ("options", "foreign_keys"):
        row[name] = tuple(row[name])
    return Thing(**row)


def known(found: Any) -> Any:
    """The answer. Raises ConsoleError (exit 5) when it cannot be had: an act is not begun on a guess."""
    if isinstance(found, Unknown):
        raise ConsoleError.of(ExitCode.STOPPED, "unknown", f"not begun: {found.reason}", found.remedy or "Try again")
    return found


def split(written: str) -> tuple[str | None, list[str]]:
    """(schema or None, spellings of the name) of a name as people and SQL write it; the exact spelling is first.

    >>> split('Messages'), split('public.t'), split('"a.b"."C"')
    ((None, ['Messages', 'messages']), ('public', ['t']), ('a.b', ['C']))
    """
    parts: list[str] = []
    current, quoted, plain = "", False, True
    index = 0
    while index < len(written):
        char = written[index]
        if char == '"':
            plain = False
            if quoted and written[index + 1 : index + 2] == '"':
                current, index = current + '"', index + 1
            else:
                quoted = not quoted
        elif char == "." and not quoted:
            parts.append(current)
            current, plain = "", True
        else:
            current += char
        index += 1
    parts.append(current)
    if quoted or len(parts) > 2 or not all(parts):
        raise usage_error("name", f"{one_line(written, 100)!r} is not a name", "Write NAME or SCHEMA.NAME")
    name = parts[-1]
    return parts[0] if len(parts) == 2 else None, list(dict.fromkeys([name, name.lower()] if plain else [name]))


async def _nearest(guest: Guest, name: str, kinds: list[str]) -> str:
    rows = await guest.ask("act_names", kinds)
    if isinstance(rows, Unknown):
        return ""
    near = get_close_matches(name, {row["name"] for row in rows}, 1)
    return f"Did you mean {one_line(near[0], 100)}?" if near else ""


def _either(kind: Kind) -> str:
    return {Kind.REINDEX: "index or table", Kind.DROP_INDEX: "index"}.get(kind, "table")
