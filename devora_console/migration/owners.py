"""The owner of a document that names none: what the documents that refer to it and will migrate agree on."""

from __future__ import annotations

from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping import Collection, Mapping, Owner


def derive_owner(ledger: Ledger, mapping: Mapping, collection: Collection, owner: Owner) -> None:
    """Derive the owner from the documents that refer to this one and will migrate themselves."""
    names = {"collection": collection.name, "referrer": owner.collection, "reference": owner.reference}
    db = ledger.db
    db.execute("DROP TABLE IF EXISTS referrer")
    db.execute(
        """
        CREATE TEMP TABLE referrer AS
        SELECT d.id AS document, p.id AS parent, p.pk AS parent_key, p.fate AS fate, p.source_id AS source_id
          FROM document d
          JOIN reference r ON r.collection = :collection AND r.key = d.pk AND r.name = :reference
          JOIN document p ON p.id = r.document AND p.collection = :referrer AND p.fate IN ('migrated', 'quarantined')
         WHERE d.collection = :collection AND d.fate = 'migrated'
           AND EXISTS (SELECT 1 FROM waits_for_owner w WHERE w.document = d.id)
        """,
        names,
    )
    db.execute("CREATE INDEX temp.referrer_document ON referrer (document)")
    referrer = mapping.collection(owner.collection)
    key = referrer.key.column if referrer.key else ""
    for target, source in owner.take:
        _take(ledger, collection, target, "" if source == key else source)
    for target, source in owner.sole:
        _sole(ledger, collection, target, "" if source == key else source, owner.sole_rule)


def _take(ledger: Ledger, collection: Collection, target: str, source: str) -> None:
    """All referrers that migrate must agree on the value. ``source`` is a reference of theirs; empty: their key."""
    names = {"collection": collection.name, "target": target, "source": source}
    ledger.db.execute("DROP TABLE IF EXISTS candidate")
    ledger.db.execute(
        """
        CREATE TEMP TABLE candidate AS
        SELECT document, count(DISTINCT value) AS owners, min(value) AS key, count(*) AS referrers
          FROM (SELECT r.document, CASE :source WHEN '' THEN r.parent_key ELSE
                       (SELECT v.key FROM reference v WHERE v.document = r.parent AND v.name = :source) END AS value
                  FROM referrer r WHERE r.fate = 'migrated')
         GROUP BY document
        """,
        names,
    )
    ledger.db.execute("CREATE UNIQUE INDEX temp.candidate_document ON candidate (document)")
    ledger.db.execute(
        """
        UPDATE document SET fate = 'quarantined',
               rule = CASE WHEN found.owners > 1 THEN 'owner_ambiguous'
                           WHEN found.refused IS NOT NULL THEN 'parent_quarantined' ELSE 'owner_missing' END,
               path = '/' || :target,
               message = CASE WHEN found.owners > 1
                              THEN 'the ' || found.referrers || ' documents that refer to it name ' || found.owners
                                   || ' owners'
                              WHEN found.refused IS NOT NULL
                              THEN 'the document it belongs to is in quarantine: ' || found.refused
                              ELSE 'it names no owner and no document refers to it' END
          FROM (SELECT d.id, c.owners, c.referrers,
                       (SELECT min(r.source_id) FROM referrer r WHERE r.document = d.id) AS refused
                  FROM document d
                  JOIN waits_for_owner w ON w.document = d.id AND w.name = :target
                  LEFT JOIN candidate c ON c.document = d.id
                 WHERE d.collection = :collection AND d.fate = 'migrated' AND coalesce(c.owners, 0) <> 1) AS found
         WHERE document.id = found.id
        """,
        names,
    )
    _settle(ledger, collection, target, "owner_derived", "SELECT document, key FROM candidate WHERE owners = 1", source)


def _sole(ledger: Ledger, collection: Collection, target: str, source: str, rule: str) -> None:
    """The one referrer's value; null under ``rule`` when there are several."""
    one = (
        "SELECT r.document, min(CASE :source WHEN '' THEN r.parent_key ELSE"
        " (SELECT v.key FROM reference v WHERE v.document = r.parent AND v.name = :source) END) AS key"
        " FROM referrer r WHERE r.fate = 'migrated' GROUP BY r.document HAVING count(*) = 1"
    )
    several = (
        "SELECT r.document, NULL AS key FROM referrer r WHERE r.fate = 'migrated'"
        " GROUP BY r.document HAVING count(*) > 1"
    )
    _settle(ledger, collection, target, f"{target.removesuffix('_id')}_derived", one, source)
    _settle(ledger, collection, target, rule, several, source)


def _settle(ledger: Ledger, collection: Collection, target: str, rule: str, chosen: str, source: str) -> None:
    """Record the decided values, as columns set, as references, and as a rule applied."""
    reference = next((c.reference for c in collection.columns if c.name == target and c.reference), None)
    names = {
        "collection": collection.name,
        "target": target,
        "source": source,
        "refers": reference.collection if reference else None,
    }
    db = ledger.db
    db.execute("DROP TABLE IF EXISTS settled")
    db.execute(
        f"""
        CREATE TEMP TABLE settled AS
        SELECT chosen.document, chosen.key FROM ({chosen}) AS chosen
          JOIN document d ON d.id = chosen.document AND d.fate = 'migrated' AND d.collection = :collection
          JOIN waits_for_owner w ON w.document = d.id AND w.name = :target
        """,
        names,
    )
    db.execute("INSERT OR REPLACE INTO set_column SELECT document, :target, key FROM settled", names)
    db.execute(
        "INSERT INTO reference SELECT document, :target, :refers, key FROM settled"
        " WHERE key IS NOT NULL AND :refers IS NOT NULL",
        names,
    )
    count_rule(ledger, "settled", rule)


def count_rule(ledger: Ledger, table: str, rule: str) -> None:
    """One application of ``rule`` more for each row of a temporary table."""
    ledger.db.execute(
        f"""
        UPDATE document SET counts = json_set(counts, '$."' || :rule || '"',
               coalesce(json_extract(counts, '$."' || :rule || '"'), 0) + found.times)
          FROM (SELECT document, count(*) AS times FROM {table} GROUP BY document) AS found
         WHERE document.id = found.document
        """,
        {"rule": rule},
    )
