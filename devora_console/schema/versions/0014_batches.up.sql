-- what: committed batches of a run, what steers a run from another terminal, and what a run knows of its target
-- requires: nothing
-- transaction: yes
--
-- Takes the place of checkpoint, which had one row per collection: several workers would have queued for it.

DROP TABLE devora_console.checkpoint;

CREATE TABLE devora_console.batch (
    run          uuid REFERENCES devora_console.run (run) ON DELETE CASCADE,
    collection   text,
    piece        integer,
    pieces       integer     NOT NULL,
    documents    bigint      NOT NULL,
    rows         bigint      NOT NULL,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (run, collection, piece)
);
COMMENT ON TABLE devora_console.batch IS 'Batches of documents that are in the target, written in the transaction that brought them there';
COMMENT ON COLUMN devora_console.batch.pieces IS 'How many consecutive pieces of the source, from piece on';

ALTER TABLE devora_console.run
    ADD COLUMN fingerprint text,
    ADD COLUMN uniques     jsonb,
    ADD COLUMN progress    jsonb;
COMMENT ON COLUMN devora_console.run.fingerprint IS 'Of source, mapping and decisions: a later run with the same one need not look at committed batches again';
COMMENT ON COLUMN devora_console.run.uniques IS 'Unique keys of the target as they are when no load is under way';

CREATE TABLE devora_console.steering (
    name            text    PRIMARY KEY,
    paused          boolean NOT NULL DEFAULT false,
    rows_per_second double precision,
    workers         integer,
    batch_bytes     bigint,
    changed_by      text,
    changed_at      timestamptz
);
COMMENT ON TABLE devora_console.steering IS 'What people want of the running migration; NULL leaves it to the console';
