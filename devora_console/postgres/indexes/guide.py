"""The guide's two questions about indexes, which fail as written, corrected and asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, Guest

_NAMES = (
    "As written it fails with 42703: pg_stat_user_indexes has no tablename and indexname; the columns are relname and"
    " indexrelname."
)
_QUESTIONS = (
    ("index_guide_usage", "Use of indexes", _NAMES),
    (
        "index_guide_unused",
        "Indexes never scanned",
        f"{_NAMES} The underscore of '%_pkey' stands for any character, so it is escaped. The list is no verdict:"
        " it does not look at the age of the statistics, and it holds unique indexes and those of foreign keys;"
        " indexes --unused does, and leaves them out.",
    ),
)


@dataclass(frozen=True, slots=True)
class Guided:
    """One question of the guide: the SQL that works, what was corrected, and the answer."""

    name: str
    sql: str
    corrected: str
    rows: tuple[Mapping[str, object], ...] | Unknown


async def guide(guest: Guest) -> tuple[Guided, ...]:
    """Both questions with their answers. Raises ConsoleError when the line is lost."""
    found = []
    for file, name, corrected in _QUESTIONS:
        lines = sql(HERE, file).splitlines()
        text = "\n".join(line for line in lines if not line.startswith("--")).strip() + ";"
        rows = await guest.ask(file, seconds=20.0)
        answer = rows if isinstance(rows, Unknown) else tuple(dict(row) for row in rows)
        found.append(Guided(name, text, corrected, answer))
    return tuple(found)
