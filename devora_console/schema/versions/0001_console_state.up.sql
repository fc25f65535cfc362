-- what: the console's own state: applied versions, migration runs, checkpoints, quarantine, archive, leases
-- requires: nothing
-- transaction: yes
--
-- The application never reads this schema: no role but the owner gets USAGE on it.

CREATE SCHEMA devora_console;
REVOKE ALL ON SCHEMA devora_console FROM PUBLIC;
COMMENT ON SCHEMA devora_console IS 'State of Devora Console, and the partitions of public.embeddings';

CREATE TABLE devora_console.schema_version (
    version            integer     PRIMARY KEY,
    name               text        NOT NULL,
    checksum           text        NOT NULL,
    applied_at         timestamptz NOT NULL,
    applied_by         text        NOT NULL,
    server_version_num integer     NOT NULL,
    catalog            jsonb
);
COMMENT ON TABLE devora_console.schema_version IS 'One row per applied version; checksum is the SHA-256 of its up file';
COMMENT ON COLUMN devora_console.schema_version.catalog IS 'The catalogue as it stood when this version was done; check compares with the newest';

CREATE TABLE devora_console.run (
    run             uuid PRIMARY KEY,
    kind            text,
    state           text,
    mapping_name    text,
    mapping_hash    text,
    source_identity text,
    schema_version  integer,
    started_at      timestamptz,
    finished_at     timestamptz,
    updated_at      timestamptz,
    holder          text,
    epoch           bigint,
    summary         jsonb
);

CREATE TABLE devora_console.checkpoint (
    run            uuid REFERENCES devora_console.run (run) ON DELETE CASCADE,
    collection     text,
    phase          text,
    documents      bigint,
    rows           bigint,
    last_source_id text,
    updated_at     timestamptz,
    PRIMARY KEY (run, collection, phase)
);

CREATE TABLE devora_console.document (
    collection   text,
    source_id    text,
    fate         text,
    target_table text,
    pk           text,
    digest       bytea,
    run          uuid,
    PRIMARY KEY (collection, source_id),
    CONSTRAINT chk_document_fate CHECK (fate IN ('migrated', 'quarantined', 'archived'))
);
CREATE INDEX idx_document_target ON devora_console.document (target_table, pk);

CREATE TABLE devora_console.quarantine (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection      text,
    source_id       text,
    run             uuid,
    path            text,
    rule            text  NOT NULL,
    sqlstate        text,
    constraint_name text,
    message         text  NOT NULL,
    raw_bson        bytea NOT NULL,
    first_seen      timestamptz,
    last_seen       timestamptz,
    attempts        integer,
    resolved_at     timestamptz,
    resolved_by     text,
    reason          text
);
CREATE UNIQUE INDEX idx_quarantine_open
    ON devora_console.quarantine (collection, source_id) WHERE resolved_at IS NULL;

CREATE TABLE devora_console.archive (
    collection  text,
    source_id   text,
    document    json  NOT NULL,
    raw_bson    bytea NOT NULL,
    digest      bytea NOT NULL,
    run         uuid,
    archived_at timestamptz,
    PRIMARY KEY (collection, source_id)
);

CREATE TABLE devora_console.lease (
    name        text   PRIMARY KEY,
    epoch       bigint NOT NULL,
    holder      text,
    run         uuid,
    acquired_at timestamptz,
    renewed_at  timestamptz
);
