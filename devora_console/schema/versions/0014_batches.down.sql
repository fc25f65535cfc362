-- what: back to one checkpoint per collection; forgets which batches are committed, and how runs were steered

DROP TABLE IF EXISTS devora_console.steering;
ALTER TABLE IF EXISTS devora_console.run
    DROP COLUMN IF EXISTS fingerprint,
    DROP COLUMN IF EXISTS progress;
DO $body$
BEGIN
    IF to_regclass('devora_console.checkpoint') IS NOT NULL THEN
        DELETE FROM devora_console.checkpoint;
        ALTER TABLE devora_console.checkpoint
            DROP CONSTRAINT IF EXISTS checkpoint_pkey,
            DROP COLUMN IF EXISTS piece,
            DROP COLUMN IF EXISTS pieces,
            ADD COLUMN IF NOT EXISTS last_source_id text;
        ALTER TABLE devora_console.checkpoint ADD PRIMARY KEY (run, collection, phase);
    END IF;
END
$body$;
