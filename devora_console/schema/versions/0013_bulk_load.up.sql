-- what: the record of the indexes, keys and triggers that a bulk load has set aside
-- requires: nothing
-- transaction: yes
--
-- A row is written in the transaction that drops the thing and deleted in the one that makes it again, so that what
-- a killed load has left out comes back with the next run. Definitions are what the catalogue prints with the search
-- path pg_catalog: every name in them is qualified.

CREATE TABLE devora_console.set_aside (
    number       bigint      GENERATED ALWAYS AS IDENTITY,
    kind         text        NOT NULL,
    table_name   text        NOT NULL,
    name         text        NOT NULL,
    definition   text        NOT NULL,
    attach       text,
    afterwards   text[]      NOT NULL,
    tablespace   text        NOT NULL,
    valid        boolean     NOT NULL,
    keys         text[]      NOT NULL,
    takes_part   text,
    columns      text[]      NOT NULL,
    function     text,
    added        boolean     NOT NULL DEFAULT false,
    set_aside_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT set_aside_pkey PRIMARY KEY (number),
    CONSTRAINT uq_set_aside_thing UNIQUE (table_name, kind, name),
    CONSTRAINT chk_set_aside_kind CHECK (kind IN ('unique', 'index', 'foreign_key', 'trigger'))
);
COMMENT ON TABLE devora_console.set_aside IS 'What a bulk load has dropped and not yet made again; empty at rest';
COMMENT ON COLUMN devora_console.set_aside.definition IS 'The statement that makes it';
COMMENT ON COLUMN devora_console.set_aside.attach IS 'For a unique constraint: what makes one of its index';
COMMENT ON COLUMN devora_console.set_aside.afterwards IS 'What follows: comments, statistics targets, the state of a trigger';
COMMENT ON COLUMN devora_console.set_aside.tablespace IS 'Of an index; empty: that of the database';
COMMENT ON COLUMN devora_console.set_aside.valid IS 'Of a foreign key: false if it was NOT VALID before';
COMMENT ON COLUMN devora_console.set_aside.takes_part IS 'Of a unique key: the condition under which a row counts';
COMMENT ON COLUMN devora_console.set_aside.added IS 'A foreign key that is back and waits to be validated';
