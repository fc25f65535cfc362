-- What: the survey's scratch file: every document of the source, and what hangs on what. For SQLite, not PostgreSQL.
-- Serves: SQLite 3.35 and later. Cost: an empty file. Grants: none.
CREATE TABLE document (
    id INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    source_id TEXT NOT NULL,
    pk TEXT,
    rank INTEGER,
    -- migrated, quarantined, archived, ignored; and rows of the target that may contend for keys:
    -- foreign (none of ours), extra (their document has vanished from the source)
    fate TEXT NOT NULL,
    rule TEXT, path TEXT, message TEXT, constraint_name TEXT, sqlstate TEXT,
    rows TEXT,                   -- JSON: rows per table, in the order of the plan
    counts TEXT,                 -- JSON: rules applied
    seen BLOB,                   -- digest of the raw document, of those that are kept whole
    UNIQUE (collection, source_id)
);
CREATE TABLE claim (document INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE reference (document INTEGER NOT NULL, name TEXT NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL);
CREATE TABLE element (document INTEGER NOT NULL, child INTEGER NOT NULL, ordinal INTEGER NOT NULL, key BLOB NOT NULL);
CREATE TABLE place (at INTEGER PRIMARY KEY);
CREATE TABLE set_column (document INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, PRIMARY KEY (document, name));
CREATE TABLE dropped (document INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (document, name));
CREATE TABLE derived (document INTEGER NOT NULL, child INTEGER NOT NULL, ordinal INTEGER NOT NULL);
CREATE INDEX derived_document ON derived (document);
CREATE TABLE waits_for_owner (document INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (document, name))
    WITHOUT ROWID;
CREATE TABLE known (collection TEXT NOT NULL, source_id TEXT NOT NULL, fate TEXT, table_name TEXT, pk TEXT,
    PRIMARY KEY (collection, source_id)) WITHOUT ROWID;
CREATE VIEW vanished AS
SELECT k.* FROM known k
 WHERE NOT EXISTS (SELECT 1 FROM document d WHERE d.collection = k.collection AND d.source_id = k.source_id)
   AND NOT (k.fate = 'migrated' AND EXISTS (SELECT 1 FROM document m WHERE m.collection = k.collection
                                              AND m.pk = k.pk AND m.fate = 'migrated'));
