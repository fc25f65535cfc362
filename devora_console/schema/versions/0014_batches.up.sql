-- what: a checkpoint for every batch of a run, what steers a run from another terminal, what a run knows of its target
-- requires: nothing
-- transaction: yes
--
-- One checkpoint per collection would have made the workers of a run queue for it. A batch is some consecutive pieces
-- of the source; its checkpoint is written in the transaction that brings its rows.

ALTER TABLE devora_console.checkpoint
    DROP CONSTRAINT checkpoint_pkey,
    DROP COLUMN last_source_id,
    ADD COLUMN piece  integer NOT NULL DEFAULT 0,
    ADD COLUMN pieces integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (run, collection, phase, piece);
COMMENT ON COLUMN devora_console.checkpoint.piece IS 'The first piece of the source that the batch holds, counted within the collection';
COMMENT ON COLUMN devora_console.checkpoint.pieces IS 'How many consecutive pieces, from that one on';

ALTER TABLE devora_console.run
    ADD COLUMN fingerprint text,
    ADD COLUMN progress    jsonb;
COMMENT ON COLUMN devora_console.run.fingerprint IS 'Of source, mapping and decisions: a later run with the same one need not look at committed batches again';
COMMENT ON COLUMN devora_console.run.progress IS 'The last snapshot of the runner, for whoever looks from elsewhere';

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
