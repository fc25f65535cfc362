"""The columns of conditions: whether an index sorts them, and how many rows a value of them leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.condition import ANY, NULL, Compared
from devora_console.postgres.indexes.facts import KeyColumn
from devora_console.postgres.watch.guest import Guest

_SORTED = frozenset("NSDBEIT")  # numbers, strings, dates, booleans, enums, network addresses, intervals
_AND = frozenset({"uuid", "bytea"})
_WIDEST = 500  # bytes on average: from some 2,700 on a btree refuses the value, and so the row
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``base`` is its type without its domain. ``key.families`` know its equality: none where no btree
    sorts it. ``width`` in bytes; ``correlation`` of its order with the table's, -1 to 1.

    Statistics are None where there are none: ``distinct`` as PostgreSQL keeps it (negative: a part of the rows),
    ``common`` values with their ``shares`` of the rows.
    """

    key: KeyColumn
    base: str
    category: str
    readable: bool
    secured: bool
    nulls: float | None
    distinct: float | None
    width: int
    correlation: float
    common: tuple[str, ...]
    shares: tuple[float, ...]

    def unfit(self, compared: Compared) -> str:
        """Why no plain index on it serves the comparison; empty when one does."""
        if not self.key.families or (self.category not in _SORTED and self.base not in _AND):
            return f"{self.key.name} is of type {self.base}, which no plain index serves"
        read_as = {self.base} | ({"text"} if self.base == "varchar" else set())
        if compared.cast and compared.cast not in read_as:
            return f"{self.key.name} is converted to {compared.cast} before it is compared"
        if self.width > _WIDEST:
            return f"{self.key.name} holds long values ({self.width} bytes on average), which may not fit an index"
        return ""

    def unknown(self, table: str) -> Unknown | None:
        """Why it is not known what a value leaves."""
        if self.secured:
            return Unknown(
                f"statistics of {table} are hidden by its row security", "Look as a role that bypasses it, or its owner"
            )
        if not self.readable:
            return Unknown(f"statistics of {table}.{self.key.name} may not be read", f"GRANT SELECT ON {table}")
        if self.distinct is None or self.nulls is None:
            return Unknown(f"{table}.{self.key.name} has no statistics yet", f"ANALYZE {table};")
        return None

    def leaves(self, compared: Compared, rows: float) -> float:
        """The part of the rows that the comparison leaves, 0 to 1, where statistics are known.

        Of an unknown value it is what values leave on average, or, if that is more, what they leave when they are asked
        for as often as rows have them: one value in most rows makes a bad index, however many others there are.
        """
        nulls, distinct = self.nulls or 0.0, self.distinct or 1.0
        if compared.how == NULL:
            return nulls
        if compared.literal is not None and compared.literal in self.common:
            return self.shares[self.common.index(compared.literal)]
        number = max(1.0, distinct if distinct > 0 else -distinct * rows)
        present = 1.0 - nulls
        rest, others = max(0.0, present - sum(self.shares)), max(0.0, number - len(self.shares))
        if compared.literal is not None and others:
            return min(1.0, rest / others)
        weighted = sum(each * each for each in self.shares) + (rest * rest / others if others else 0.0)
        one = max(present / number, weighted / present if present else 0.0)
        return min(1.0, one * (compared.values if compared.how == ANY else 1))


Columns = Mapping[tuple[int, str], Column]


async def read_columns(guest: Guest, wanted: Iterable[tuple[int, str]]) -> Columns | Unknown:
    """The columns (table oid, name) with their statistics; those that do not exist are left out."""
    pairs = sorted(set(wanted))
    oids, names = [oid for oid, _ in pairs], [name for _, name in pairs]
    rows = await guest.ask("advice_columns", oids, names, seconds=_SECONDS)
    if isinstance(rows, Unknown):
        return rows
    return {
        (row["table_oid"], row["column"]): Column(
            key=KeyColumn(
                row["attnum"], row["column"], row["quoted"], row["collation"], frozenset(row["families"] or ()), False
            ),
            base=row["base"],
            category=row["category"],
            readable=row["readable"],
            secured=row["secured"],
            nulls=row["nulls"],
            distinct=row["distinct"],
            width=row["width"] or 0,
            correlation=row["correlation"] or 0.0,
            common=tuple(row["common"] or ()),
            shares=tuple(row["shares"] or ()),
        )
        for row in rows
    }
