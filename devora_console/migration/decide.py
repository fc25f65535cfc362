"""Decide what concerns the whole source: contenders, owners, references, and who falls with whom.

Collections are taken in the order of the mapping, parents before children: first the owners of documents that name
none, then references, and only then the contest for keys, among documents that could migrate. The contest goes by
age: the oldest document (by the rank column, then by ``_id``) has its keys, every other keeps its own only if no
older one that migrates has any of them. So a refused document holds no key, and no decision depends on the order of
looking.
"""

from __future__ import annotations

from itertools import groupby

from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Collection, Mapping, pointer
from devora_console.migration.owners import count_rule, derive_owner

_HELD_BY = {
    "migrated": "an older document has this key already",
    "foreign": "a row of the target that is not of this migration has this key already",
    "extra": "a row whose document has vanished from the source has this key until it is pruned",
}


def decide(ledger: Ledger, mapping: Mapping, primary_names: dict[str, str]) -> None:
    """Settle every document's fate. ``primary_names``: collection to the name of its primary key constraint."""
    _claimed_twice(ledger)
    _elements_met_twice(ledger)
    for collection in mapping.mapped():
        if collection.owner is not None:
            derive_owner(ledger, mapping, collection, collection.owner)
        _references(ledger, collection)
        _contest(ledger, collection, primary_names[collection.name])
        if any(c.reference is not None and c.reference.collection == collection.name for c in collection.columns):
            _references(ledger, collection)  # whoever refers to a loser of the same collection
        _elements(ledger, collection)
    for collection in mapping.mapped():
        _dangling(ledger, collection)


def fall(ledger: Ledger, mapping: Mapping) -> list[tuple[str, int]]:
    """After the target has refused documents: (collection, number) of those that fall with them."""
    before = _quarantined(ledger)
    for collection in mapping.mapped():
        _references(ledger, collection)
    return sorted(_quarantined(ledger) - before)


def _quarantined(ledger: Ledger) -> set[tuple[str, int]]:
    return set(ledger.db.execute("SELECT collection, id FROM document WHERE fate = 'quarantined'"))


def _claimed_twice(ledger: Ledger) -> None:
    """Unique keys that are met more than once: few, whatever the source holds."""
    ledger.db.execute("DROP TABLE IF EXISTS claimed_twice")
    ledger.db.execute(
        "CREATE TEMP TABLE claimed_twice AS SELECT name, key FROM claim GROUP BY 1, 2 HAVING count(*) > 1"
    )


def _contest(ledger: Ledger, collection: Collection, primary: str) -> None:
    """For each key that several could have, the oldest keeps it; the others go to quarantine and name it."""
    names = {"collection": collection.name, "primary": primary}
    ledger.db.execute("DROP TABLE IF EXISTS contested")
    ledger.db.execute(
        """
        CREATE TEMP TABLE contested AS
        WITH twice AS MATERIALIZED (
            SELECT :primary AS name, pk AS key FROM document
             WHERE collection = :collection AND pk IS NOT NULL GROUP BY pk HAVING count(*) > 1
            UNION ALL
            SELECT name, key FROM claimed_twice),
        claims AS (
            SELECT d.id, t.key, t.name
              FROM twice t CROSS JOIN document d ON d.collection = :collection AND d.pk = t.key
             WHERE t.name = :primary AND d.fate IN ('migrated', 'foreign', 'extra')
            UNION ALL
            SELECT d.id, c.key, c.name
              FROM twice t CROSS JOIN claim c ON c.name = t.name AND c.key = t.key
              CROSS JOIN document d ON d.id = c.document
             WHERE d.collection = :collection AND d.fate IN ('migrated', 'foreign', 'extra'))
        SELECT id, name, key FROM claims
         WHERE (name, key) IN (SELECT name, key FROM claims GROUP BY 1, 2 HAVING count(DISTINCT id) > 1)
        """,
        names,
    )
    rows = ledger.db.execute(
        """
        SELECT d.id, d.source_id, d.fate, c.name, c.key FROM contested c JOIN document d ON d.id = c.id
         ORDER BY d.fate = 'migrated', d.rank IS NULL, d.rank, d.source_id, d.id, c.name, c.key
        """
    )
    holders: dict[tuple[str, str], tuple[str, str]] = {}
    losers: list[tuple[str, str, int]] = []
    for (number, source_id, fate), claims in groupby(rows, key=lambda row: row[:3]):
        keys = [(name, key) for _, _, _, name, key in claims]
        lost = next((key for key in keys if key in holders), None) if fate == "migrated" else None
        if lost is None:
            for key in keys:
                holders.setdefault(key, (source_id, fate))
        else:
            holder, kind = holders[lost]
            losers.append((lost[0], f"{_HELD_BY[kind]}: {holder}", number))
    ledger.db.executemany(
        "UPDATE document SET fate = 'quarantined', rule = 'unique_contender', constraint_name = ?, message = ?"
        " WHERE id = ?",
        losers,
    )


def _references(ledger: Ledger, collection: Collection) -> None:
    """Refuse documents whose references lead nowhere, or to a refused document, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for column in collection.columns:
            if column.reference is None or column.reference.dangling != "quarantine":
                continue
            _loose(ledger, collection, column.name, column.reference.collection)
            names = {"target": column.reference.collection, "path": pointer(column.path or (column.name,))}
            refused = ledger.db.execute(_REFUSE_LOOSE, names).rowcount
            changed = changed or (refused > 0 and column.reference.collection == collection.name)


def _loose(ledger: Ledger, collection: Collection, name: str, target: str) -> None:
    """References of documents that migrate to what does not: (document, key, the refused document of that key)."""
    ledger.db.execute("DROP TABLE IF EXISTS loose")
    ledger.db.execute(_LOOSE, {"collection": collection.name, "name": name, "target": target})


# Keys are looked up once each, however many documents refer by them: the index of references gives them in order.
# CROSS JOIN and INDEXED BY fix the order of work, as nothing is known of how much there is.
_LOOSE = """
CREATE TEMP TABLE loose AS
WITH lost AS MATERIALIZED (
    SELECT k.key, (SELECT min(p.source_id) FROM document p INDEXED BY document_pk
                    WHERE p.collection = :target AND p.pk = k.key AND p.fate = 'quarantined') AS parent
      FROM (SELECT DISTINCT key FROM reference WHERE collection = :target AND name = :name) AS k
     WHERE NOT EXISTS (SELECT 1 FROM document p WHERE p.collection = :target AND p.pk = k.key
                                                AND p.fate IN ('migrated', 'foreign')))
SELECT r.document, r.key, lost.parent
  FROM lost CROSS JOIN reference r ON r.collection = :target AND r.key = lost.key AND r.name = :name
  CROSS JOIN document d ON d.id = r.document AND d.collection = :collection AND d.fate = 'migrated'
"""
_REFUSE_LOOSE = """
UPDATE document
   SET fate = 'quarantined',
       rule = CASE WHEN found.parent IS NULL THEN 'reference_missing' ELSE 'parent_quarantined' END,
       path = :path,
       message = CASE WHEN found.parent IS NULL
                 THEN 'no document in ' || :target || ' has the id ' || found.key
                 ELSE 'the document it belongs to is in quarantine: ' || :target || ' ' || found.parent END
  FROM loose AS found
 WHERE document.id = found.document
"""


def _elements_met_twice(ledger: Ledger) -> None:
    """The elements whose id another document's element has too: few, so that no index over all of them is needed."""
    ledger.db.execute("DROP TABLE IF EXISTS shared_element")
    ledger.db.execute(
        "CREATE TEMP TABLE shared_element AS"
        " SELECT d.collection, e.* FROM element e JOIN document d ON d.id = e.document"
        " WHERE (e.child, e.key) IN (SELECT child, key FROM element GROUP BY 1, 2 HAVING count(*) > 1)"
    )
    ledger.db.execute("CREATE INDEX temp.shared_element_key ON shared_element (collection, child, key)")


def _elements(ledger: Ledger, collection: Collection) -> None:
    """Array elements that share an id across documents: the oldest document keeps it, the others derive theirs."""
    for child in range(len(collection.children)):
        names = {"collection": collection.name, "child": child}
        ledger.db.execute("DROP TABLE IF EXISTS twice")
        ledger.db.execute(
            """
            CREATE TEMP TABLE twice AS
            SELECT document, child, ordinal FROM (
                SELECT e.document, e.child, e.ordinal,
                       row_number() OVER (PARTITION BY e.key ORDER BY d.fate = 'migrated', d.rank IS NULL, d.rank,
                                                                      d.source_id, d.id) AS place, d.fate
                  FROM shared_element e JOIN document d ON d.id = e.document
                 WHERE e.collection = :collection AND d.fate IN ('migrated', 'foreign') AND e.child = :child
                   AND EXISTS (SELECT 1 FROM shared_element o
                                WHERE o.collection = e.collection AND o.child = e.child AND o.key = e.key
                                  AND o.document <> e.document))
             WHERE place > 1 AND fate = 'migrated'
            """,
            names,
        )
        ledger.db.execute("INSERT INTO derived SELECT document, child, ordinal FROM twice")
        count_rule(ledger, "twice", "id_duplicate")


def _dangling(ledger: Ledger, collection: Collection) -> None:
    """References that may lead nowhere become null; the original value is kept beside the row."""
    for column in collection.columns:
        if column.reference is None or column.reference.dangling != "null":
            continue
        _loose(ledger, collection, column.name, column.reference.collection)
        ledger.db.execute("INSERT OR IGNORE INTO dropped SELECT document, :name FROM loose", {"name": column.name})
        count_rule(ledger, "loose", "dangling_reference")
