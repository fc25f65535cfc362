"""The SQL of remedies, put together from names the server has quoted."""

from __future__ import annotations

from devora_console.postgres.indexes.facts import IndexFacts


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
