-- what: back to one checkpoint per collection; forgets which batches are committed

DROP TABLE IF EXISTS devora_console.steering;
ALTER TABLE devora_console.run
    DROP COLUMN IF EXISTS fingerprint,
    DROP COLUMN IF EXISTS uniques,
    DROP COLUMN IF EXISTS progress;
DROP TABLE IF EXISTS devora_console.batch;
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
