-- what: the eleven tables of Devora
-- requires: nothing
-- transaction: yes
--
-- Migrated tables carry source_id (the document's _id as text) and source_extra (fields without a column).
-- ordinal is the position in the array the row was embedded in. Membership tests are written on text so that
-- their definition reads the same after a dump and restore.

CREATE TABLE public.users (
    id                  uuid         NOT NULL DEFAULT gen_random_uuid(),
    email               varchar(255) NOT NULL,
    hashed_password     varchar(255) NOT NULL,
    full_name           varchar(255),
    is_active           boolean      NOT NULL DEFAULT true,
    is_admin            boolean      NOT NULL DEFAULT false,
    stripe_customer_id  varchar(255),
    subscription_status varchar(50)  NOT NULL DEFAULT 'inactive',
    subscription_id     varchar(255),
    current_period_end  timestamptz,
    created_at          timestamptz  NOT NULL DEFAULT now(),
    updated_at          timestamptz  NOT NULL DEFAULT now(),
    last_login_at       timestamptz,
    deleted_at          timestamptz,
    source_id           text,
    source_extra        jsonb,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_stripe_customer_id_key UNIQUE (stripe_customer_id),
    CONSTRAINT chk_subscription_status CHECK (
        subscription_status::text IN ('inactive', 'active', 'canceled', 'past_due', 'trialing')
    )
);
COMMENT ON TABLE public.users IS 'Accounts, with their subscription';

CREATE TABLE public.user_settings (
    id                 uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id            uuid        NOT NULL,
    openrouter_api_key text,
    github_token       text,
    vercel_token       text,
    preferences        jsonb       DEFAULT '{}'::jsonb,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    source_id          text,
    source_extra       jsonb,
    CONSTRAINT user_settings_pkey PRIMARY KEY (id),
    CONSTRAINT uq_user_settings_user UNIQUE (user_id),
    CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE public.user_settings IS 'One row per user; the application encrypts the tokens';

CREATE TABLE public.projects (
    id              uuid         NOT NULL DEFAULT gen_random_uuid(),
    user_id         uuid         NOT NULL,
    name            varchar(500) NOT NULL,
    description     text,
    project_type    varchar(100),
    conversation_id uuid,
    github_repo_url text,
    vercel_url      text,
    search_vector   tsvector,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    source_id       text,
    source_extra    jsonb,
    CONSTRAINT projects_pkey PRIMARY KEY (id),
    CONSTRAINT projects_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_project_name_length CHECK (char_length(name::text) >= 1)
);
COMMENT ON TABLE public.projects IS 'Projects of users; deleted_at marks the deleted ones';
-- conversations.project_id already refers back, conversations are loaded after projects, and the source holds
-- projects whose conversation is gone.
COMMENT ON COLUMN public.projects.conversation_id IS 'The conversation it came from; no foreign key, verification counts the orphans';

CREATE TABLE public.project_files (
    id              uuid         NOT NULL DEFAULT gen_random_uuid(),
    project_id      uuid         NOT NULL,
    name            varchar(500) NOT NULL,
    content         text,
    language        varchar(50),
    file_size_bytes integer,
    version         integer      NOT NULL DEFAULT 1,
    is_current      boolean      NOT NULL DEFAULT true,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    ordinal         integer,
    source_id       text,
    source_extra    jsonb,
    CONSTRAINT project_files_pkey PRIMARY KEY (id),
    CONSTRAINT project_files_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE,
    CONSTRAINT chk_file_name_not_empty CHECK (char_length(name::text) > 0)
);
COMMENT ON TABLE public.project_files IS 'Files of a project, embedded in it before';

CREATE TABLE public.conversations (
    id              uuid         NOT NULL DEFAULT gen_random_uuid(),
    user_id         uuid         NOT NULL,
    project_id      uuid,
    title           varchar(500) NOT NULL,
    search_vector   tsvector,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    last_message_at timestamptz,
    deleted_at      timestamptz,
    source_id       text,
    source_extra    jsonb,
    CONSTRAINT conversations_pkey PRIMARY KEY (id),
    CONSTRAINT conversations_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT conversations_project_id_fkey
        FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE SET NULL
);
COMMENT ON TABLE public.conversations IS 'Threads of messages';

CREATE TABLE public.messages (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    conversation_id uuid        NOT NULL,
    role            varchar(50) NOT NULL,
    content         text        NOT NULL,
    model_used      varchar(100),
    tokens_used     integer,
    search_vector   tsvector,
    timestamp       timestamptz NOT NULL DEFAULT now(),
    ordinal         integer,
    source_id       text,
    source_extra    jsonb,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_conversation_id_fkey
        FOREIGN KEY (conversation_id) REFERENCES public.conversations (id) ON DELETE CASCADE,
    CONSTRAINT chk_message_role CHECK (role::text IN ('user', 'assistant', 'system'))
);
COMMENT ON TABLE public.messages IS 'Messages of a conversation, embedded in it before';

CREATE TABLE public.invoices (
    id                uuid           NOT NULL DEFAULT gen_random_uuid(),
    user_id           uuid           NOT NULL,
    stripe_invoice_id varchar(255)   NOT NULL,
    amount            numeric(10, 2) NOT NULL,
    currency          varchar(3)     NOT NULL DEFAULT 'EUR',
    status            varchar(50)    NOT NULL,
    invoice_pdf       text,
    created_at        timestamptz    NOT NULL DEFAULT now(),
    paid_at           timestamptz,
    source_id         text,
    source_extra      jsonb,
    CONSTRAINT invoices_pkey PRIMARY KEY (id),
    CONSTRAINT invoices_stripe_invoice_id_key UNIQUE (stripe_invoice_id),
    CONSTRAINT invoices_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_invoice_status CHECK (status::text IN ('paid', 'open', 'void', 'uncollectible', 'draft')),
    CONSTRAINT chk_amount_positive CHECK (amount >= 0)
);
COMMENT ON TABLE public.invoices IS 'Stripe invoices';

-- No first row: the migration brings the source's own, and a made-up one would stand in its way.
CREATE TABLE public.system_config (
    id                              varchar(50)  NOT NULL DEFAULT 'system_config',
    stripe_api_key_encrypted        text,
    stripe_webhook_secret_encrypted text,
    stripe_test_mode                boolean      NOT NULL DEFAULT true,
    resend_api_key_encrypted        text,
    resend_from_email               varchar(255) DEFAULT 'noreply@devora.fun',
    subscription_price              numeric(10, 2) DEFAULT 9.90,
    free_trial_days                 integer      DEFAULT 7,
    max_failed_payments             integer      DEFAULT 3,
    updated_at                      timestamptz  NOT NULL DEFAULT now(),
    updated_by                      uuid,
    source_id                       text,
    source_extra                    jsonb,
    CONSTRAINT system_config_pkey PRIMARY KEY (id),
    CONSTRAINT system_config_updated_by_fkey
        FOREIGN KEY (updated_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT chk_only_one_config CHECK (id::text = 'system_config')
);
COMMENT ON TABLE public.system_config IS 'The one row of settings of the application';

CREATE TABLE public.analytics_events (
    id               uuid         NOT NULL DEFAULT gen_random_uuid(),
    user_id          uuid,
    event_name       varchar(255) NOT NULL,
    event_properties jsonb        DEFAULT '{}'::jsonb,
    session_id       uuid,
    ip_address       inet,
    user_agent       text,
    timestamp        timestamptz  NOT NULL DEFAULT now(),
    created_date     date         NOT NULL DEFAULT CURRENT_DATE,
    CONSTRAINT analytics_events_pkey PRIMARY KEY (id),
    CONSTRAINT analytics_events_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE SET NULL
);
COMMENT ON TABLE public.analytics_events IS 'Product events, the local copy of what goes to PostHog';

CREATE TABLE public.search_queries (
    id                uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id           uuid,
    query_text        text        NOT NULL,
    search_type       varchar(50) NOT NULL,
    results_count     integer,
    execution_time_ms integer,
    timestamp         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT search_queries_pkey PRIMARY KEY (id),
    CONSTRAINT search_queries_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE SET NULL
);
COMMENT ON TABLE public.search_queries IS 'Searches people made, to improve retrieval';

-- Hash-partitioned by user: a nearest-neighbour search for one user walks one small graph instead of filtering
-- a global one. The primary key starts with user_id, so no separate index on it. Version 11 adds the vector.
CREATE TABLE public.embeddings (
    id           uuid         NOT NULL DEFAULT gen_random_uuid(),
    user_id      uuid         NOT NULL,
    entity_type  varchar(50)  NOT NULL,
    entity_id    uuid         NOT NULL,
    chunk        integer      NOT NULL DEFAULT 0,
    text_content text         NOT NULL,
    content_hash text,
    model_name   varchar(100) NOT NULL DEFAULT 'text-embedding-ada-002',
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT embeddings_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT uq_embeddings_entity UNIQUE (user_id, entity_type, entity_id, model_name, chunk),
    CONSTRAINT embeddings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT chk_entity_type CHECK (entity_type::text IN ('project', 'conversation', 'message', 'file'))
) PARTITION BY HASH (user_id);
COMMENT ON TABLE public.embeddings IS 'Texts and their vectors for semantic search';
COMMENT ON COLUMN public.embeddings.content_hash IS 'Hash of the text that was embedded: another one means the vector is stale';

DO $body$
BEGIN
    FOR part IN 0..31 LOOP
        EXECUTE format(
            'CREATE TABLE devora_console.%I PARTITION OF public.embeddings FOR VALUES WITH (MODULUS 32, REMAINDER %s)',
            'embeddings_p' || lpad(part::text, 2, '0'), part);
    END LOOP;
END
$body$;
