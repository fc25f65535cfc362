"""The SQL of remedies, put together from names the server has quoted."""

from __future__ import annotations

from collections.abc import Sequence

from devora_console.postgres.indexes.facts import Catalogue, IndexFacts, TableFacts
from devora_console.postgres.names import quoted


class Names:
    """Names for what a remedy makes: none that an index or a table has already, and none twice."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._taken = {(each.schema, each.name) for each in catalogue.indexes.values()}
        self._taken |= {(each.schema, each.name) for each in catalogue.tables.values()}

    def fresh(self, schema: str, name: str, ending: str) -> str:
        """``name`` and ``ending``, numbered as the server would where that is taken."""
        found, at = shorten(name, ending), 0
        while (schema, found) in self._taken:
            at += 1
            found = shorten(name, f"{ending}{at}")
        self._taken.add((schema, found))
        return found


def drop(index: IndexFacts) -> str:
    """Drop it without blocking writers; of a partitioned index PostgreSQL cannot."""
    word = "" if index.partitioned else "CONCURRENTLY "
    return f"DROP INDEX {word}{index.quoted};"


def create(index: IndexFacts) -> str:
    """Make it again as it is defined, without blocking writers; empty where the definition is not known."""
    if index.definition is None:
        return ""
    if index.partitioned:  # the server writes ONLY, which leaves the partitions out
        head = f"CREATE {'UNIQUE ' if index.is_unique else ''}INDEX {index.quoted_name} ON "
        return f"{head}{index.definition.removeprefix(head).removeprefix('ONLY ')};"
    for head in ("CREATE UNIQUE INDEX ", "CREATE INDEX "):
        if index.definition.startswith(head):
            return f"{head}CONCURRENTLY {index.definition.removeprefix(head)};"
    return f"{index.definition};"


def create_missing(
    table: TableFacts, partitions: Sequence[TableFacts], columns: Sequence[tuple[str, str]], names: Names
) -> str:
    """A new index on ``columns`` (name, quoted), without blocking writers; for a partitioned table one partition after
    the other, as PostgreSQL offers no CONCURRENTLY for the whole.
    """
    keys = ", ".join(key for _, key in columns)
    if not table.partitioned:
        return f"CREATE INDEX CONCURRENTLY ON {table.quoted} ({keys});"
    if any(each.partitioned for each in partitions):
        return f"CREATE INDEX ON {table.quoted} ({keys});  -- blocks writes to all partitions meanwhile"
    ending = "_" + "_".join(name for name, _ in columns)[:20] + "_idx"
    name = quoted(names.fresh(table.schema, table.name, ending))
    lines = [f"CREATE INDEX {name} ON ONLY {table.quoted} ({keys});"]
    for each in partitions:
        own = quoted(names.fresh(each.schema, each.name, ending))
        lines.append(f"CREATE INDEX CONCURRENTLY {own} ON {each.quoted} ({keys});")
        lines.append(f"ALTER INDEX {quoted(table.schema)}.{name} ATTACH PARTITION {quoted(each.schema)}.{own};")
    return "\n".join(lines)


def rebuild(index: IndexFacts) -> str:
    """Build it anew beside the old one."""
    return f"REINDEX INDEX CONCURRENTLY {index.quoted};"


def shorten(name: str, ending: str) -> str:
    """``name`` and ``ending`` in the 63 bytes of an identifier.

    >>> shorten('a' * 80, '_idx')[-6:], len(shorten('é' * 80, '_idx').encode())
    ('aa_idx', 62)
    """
    room = 63 - len(ending.encode())
    return name.encode()[:room].decode(errors="ignore") + ending
