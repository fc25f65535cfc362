-- what: the record of embedding back-fills: runs, which rows are being worked at, and which cannot be embedded
-- requires: nothing
-- transaction: yes
--
-- A claim is a lease: whoever finds one that is over takes the row. None of it is the application's to read.

CREATE TABLE devora_console.embedding_run (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    model_name text        NOT NULL,
    state      text        NOT NULL,
    started    timestamptz NOT NULL DEFAULT now(),
    ended      timestamptz,
    ceiling    numeric,
    embedded   bigint      NOT NULL DEFAULT 0,
    failed     bigint      NOT NULL DEFAULT 0,
    tokens     bigint      NOT NULL DEFAULT 0,
    cost       numeric,
    note       text,
    CONSTRAINT embedding_run_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE devora_console.embedding_run IS 'Back-fills of embeddings; ceiling and cost in US dollars, NULL where there is no price';
CREATE INDEX idx_embedding_run_started ON devora_console.embedding_run (started DESC);

CREATE TABLE devora_console.embedding_claim (
    user_id     uuid        NOT NULL,
    entity_type text        NOT NULL,
    entity_id   uuid        NOT NULL,
    model_name  text        NOT NULL,
    claimed_by  uuid        NOT NULL,
    until       timestamptz NOT NULL,
    CONSTRAINT embedding_claim_pkey PRIMARY KEY (model_name, user_id, entity_type, entity_id)
);
COMMENT ON TABLE devora_console.embedding_claim IS 'Documents that somebody is embedding just now; claimed_by is a run';
CREATE INDEX idx_embedding_claim_until ON devora_console.embedding_claim (until);
CREATE INDEX idx_embedding_claim_by ON devora_console.embedding_claim (claimed_by);

CREATE TABLE devora_console.embedding_failure (
    user_id      uuid        NOT NULL,
    entity_type  text        NOT NULL,
    entity_id    uuid        NOT NULL,
    model_name   text        NOT NULL,
    content_hash text        NOT NULL,
    reason       text        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 1,
    at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT embedding_failure_pkey PRIMARY KEY (model_name, user_id, entity_type, entity_id)
);
COMMENT ON TABLE devora_console.embedding_failure IS 'Documents that could not be embedded, with the hash of the text that failed';
