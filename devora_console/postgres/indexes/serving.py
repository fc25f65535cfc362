"""Whether an index finds rows by some columns already: the one question before another is suggested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.indexes.facts import Catalogue, IndexFacts, KeyColumn
from devora_console.postgres.indexes.foreign_keys import serves


def serving(
    catalogue: Catalogue, table_oid: int, keys: Sequence[KeyColumn], *, nulls: bool = False, usable: bool = True
) -> IndexFacts | None:
    """The index of the table that finds rows by these columns already; with ``usable`` False one that would, were it
    valid. ``nulls``: it has to find NULL too.
    """
    classes = None if isinstance(catalogue.opclasses, Unknown) else dict(catalogue.opclasses)
    numbered = [(key.attnum, key) for key in keys]
    for index in catalogue.indexes.values():
        if index.table_oid != table_oid or index.usable is not usable:
            continue
        whole = replace(index, valid=True, ready=True, live=True)
        if nulls and (index.method != "btree" or index.has_predicate):
            continue
        if serves(whole, numbered, classes) is not False:
            return index
    return None


def still(advice: Advice, catalogue: Catalogue) -> Advice:
    """Without what has been made since."""
    left = [
        each
        for each in advice.suggestions
        if each.table_oid in catalogue.tables
        and serving(catalogue, each.table_oid, each.keys, nulls=each.nulls) is None
    ]
    return replace(advice, suggestions=tuple(left))
