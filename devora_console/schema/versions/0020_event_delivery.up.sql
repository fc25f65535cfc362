-- what: events on their way to PostHog: which wait, which were refused, which arrived
-- requires: nothing
-- transaction: yes
--
-- What waits is a small table that rows leave; what arrived is only ever added to. An event that is in neither was not
-- written by devora_record_events and is not sent. The functions run as the owner: the application's background task
-- writes events of all users, which row security does not allow it. It reads back only those that were recorded with a
-- spool's token, which stands in no table and which no user of the application knows.

CREATE TABLE devora_console.event_waiting (
    event_id    uuid        NOT NULL,
    spool       bytea,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    due_at      timestamptz NOT NULL DEFAULT now(),
    taken_until timestamptz NOT NULL DEFAULT '-infinity',
    attempts    integer     NOT NULL DEFAULT 0,
    refused     boolean     NOT NULL DEFAULT false,
    problem     text,
    CONSTRAINT event_waiting_pkey PRIMARY KEY (event_id),
    CONSTRAINT event_waiting_event_id_fkey
        FOREIGN KEY (event_id) REFERENCES public.analytics_events (id) ON DELETE CASCADE
) WITH (fillfactor = 50);  -- each row is changed once, when it is taken: in no index, and with room on its own page
COMMENT ON TABLE devora_console.event_waiting IS 'Events that PostHog does not have yet, or refused; spool is the SHA-256 of a token';
CREATE INDEX idx_event_waiting_due ON devora_console.event_waiting (due_at) WHERE NOT refused;
-- Rows come and go: dead ones must not pile up until a fifth of the table is dead.
ALTER TABLE devora_console.event_waiting SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE devora_console.event_delivered (
    event_id uuid        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT event_delivered_pkey PRIMARY KEY (event_id),
    CONSTRAINT event_delivered_event_id_fkey
        FOREIGN KEY (event_id) REFERENCES public.analytics_events (id) ON DELETE CASCADE
);
COMMENT ON TABLE devora_console.event_delivered IS 'Events that PostHog confirmed, with the moment of its answer';

-- An account's first events may come before its row is committed.
CREATE TABLE devora_console.event_unclaimed (
    event_id uuid        NOT NULL,
    user_id  uuid        NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT event_unclaimed_pkey PRIMARY KEY (event_id),
    CONSTRAINT event_unclaimed_event_id_fkey
        FOREIGN KEY (event_id) REFERENCES public.analytics_events (id) ON DELETE CASCADE
);
COMMENT ON TABLE devora_console.event_unclaimed IS 'Events of users that are not known yet; looked up again for a day';

CREATE TABLE devora_console.event_delivery (
    only_row     boolean     NOT NULL DEFAULT true,
    delivered_at timestamptz,
    problem      text,
    problem_at   timestamptz,
    CONSTRAINT event_delivery_pkey PRIMARY KEY (only_row),
    CONSTRAINT chk_only_row CHECK (only_row)
);
COMMENT ON TABLE devora_console.event_delivery IS 'How the last deliveries went, in one row';
INSERT INTO devora_console.event_delivery DEFAULT VALUES;

-- Whether the caller may see everybody's: the owner, an administrator, or somebody past row security.
CREATE FUNCTION devora_console.sees_all_events() RETURNS boolean
    LANGUAGE sql STABLE
AS $body$
    -- Inside a function that runs as its owner these two still tell who called.
    SELECT pg_has_role(r.oid, current_user, 'USAGE') OR pg_has_role(r.oid, 'admin_role', 'USAGE') OR r.rolbypassrls
      FROM pg_roles r WHERE r.rolname = coalesce(nullif(current_setting('role'), 'none'), session_user)
$body$;

-- Adds those that are not there yet: [{"id", "event", "user", "session", "at", "properties"}]; how many were new.
-- A user that the users table does not have stays in the properties as $user_id, until it has.
CREATE FUNCTION public.devora_record_events(events jsonb, token text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $body$
DECLARE
    added integer;
BEGIN
    WITH given AS (
        SELECT g.id, g.event, u.id AS owner, g."user" AS said, g.session, g.at,
               CASE jsonb_typeof(g.properties) WHEN 'object' THEN g.properties ELSE '{}' END AS properties,
               g.user_id
          FROM (SELECT r.*, CASE WHEN r."user" ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                 THEN r."user"::uuid END AS user_id
                  FROM jsonb_to_recordset(events)
                       AS r (id uuid, event text, "user" text, session uuid, at timestamptz, properties jsonb)) g
          LEFT JOIN public.users u ON u.id = g.user_id
    ), stored AS (
        INSERT INTO public.analytics_events
               (id, user_id, event_name, event_properties, session_id, timestamp, created_date)
        SELECT g.id, g.owner, g.event,
               CASE WHEN g.owner IS NULL AND g.said IS NOT NULL
                    THEN g.properties || jsonb_build_object('$user_id', g.said) ELSE g.properties END,
               g.session, g.at, g.at::date
          FROM given g
            ON CONFLICT (id) DO NOTHING
        RETURNING id
    ), waiting AS (
        INSERT INTO devora_console.event_waiting (event_id, spool)
        SELECT s.id, sha256(convert_to(token, 'UTF8')) FROM stored s
    ), unclaimed AS (
        INSERT INTO devora_console.event_unclaimed (event_id, user_id)
        SELECT g.id, g.user_id FROM given g JOIN stored s ON s.id = g.id
         WHERE g.owner IS NULL AND g.user_id IS NOT NULL
    )
    SELECT count(*)::integer INTO added FROM stored;
    RETURN added;
END
$body$;

-- Gives events to users who have appeared since; how many.
CREATE FUNCTION public.devora_claim_users() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    found integer;
BEGIN
    WITH known AS (
        DELETE FROM devora_console.event_unclaimed c USING public.users u WHERE u.id = c.user_id
        RETURNING c.event_id, c.user_id
    )
    UPDATE public.analytics_events e
       SET user_id = k.user_id, event_properties = e.event_properties - '$user_id'
      FROM known k WHERE e.id = k.event_id;
    GET DIAGNOSTICS found = ROW_COUNT;
    DELETE FROM devora_console.event_unclaimed WHERE since < now() - interval '1 day';
    RETURN found;
END
$body$;

-- Takes events to be sent, oldest first, for some seconds: nobody else gets them until then. With a token those
-- recorded with it; everybody's is for who may see everybody's.
CREATE FUNCTION public.devora_take_events(most integer, seconds double precision, token text DEFAULT NULL)
    RETURNS TABLE (id uuid, person text, event text, properties jsonb, session uuid, at timestamptz, attempts integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
    every boolean := devora_console.sees_all_events();
    mine  bytea   := sha256(convert_to(token, 'UTF8'));
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT w.event_id FROM devora_console.event_waiting w
         WHERE NOT w.refused AND w.due_at <= now() AND w.taken_until <= now() AND (every OR w.spool = mine)
         ORDER BY w.due_at, w.event_id LIMIT greatest(most, 0)
           FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE devora_console.event_waiting w
           SET taken_until = now() + make_interval(secs => seconds), attempts = w.attempts + 1
          FROM due WHERE w.event_id = due.event_id
        RETURNING w.event_id, w.attempts
    )
    SELECT e.id, coalesce(e.user_id::text, e.event_properties ->> '$user_id'), e.event_name::text,
           e.event_properties - '$user_id', e.session_id, e.timestamp, t.attempts
      FROM taken t JOIN public.analytics_events e ON e.id = t.event_id
     ORDER BY e.timestamp, e.id;
END
$body$;

-- What became of events that were taken: 'delivered', 'later' (after some seconds, with why), 'refused' (for good).
CREATE FUNCTION public.devora_settle_events(
    ids uuid[], outcome text, why text DEFAULT NULL, seconds double precision DEFAULT 0, token text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    every   boolean := devora_console.sees_all_events();
    mine    bytea   := sha256(convert_to(token, 'UTF8'));
    settled integer;
BEGIN
    IF outcome = 'delivered' THEN
        WITH gone AS (
            DELETE FROM devora_console.event_waiting w
             WHERE w.event_id = ANY (ids) AND (every OR w.spool = mine)
            RETURNING w.event_id
        )
        INSERT INTO devora_console.event_delivered (event_id) SELECT g.event_id FROM gone g ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS settled = ROW_COUNT;
        UPDATE devora_console.event_delivery SET delivered_at = now() WHERE settled > 0;
        RETURN settled;
    ELSIF outcome NOT IN ('later', 'refused') THEN
        RAISE EXCEPTION 'no such outcome: %', outcome USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE devora_console.event_waiting w
       SET due_at = now() + make_interval(secs => seconds), taken_until = '-infinity',
           refused = (outcome = 'refused'), problem = left(why, 400)
     WHERE w.event_id = ANY (ids) AND (every OR w.spool = mine);
    GET DIAGNOSTICS settled = ROW_COUNT;
    UPDATE devora_console.event_delivery SET problem = left(why, 400), problem_at = now() WHERE settled > 0;
    RETURN settled;
END
$body$;

-- Lets refused events be tried again, now; how many.
CREATE FUNCTION public.devora_retry_events() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    found integer;
BEGIN
    UPDATE devora_console.event_waiting SET refused = false, due_at = now(), problem = NULL WHERE refused;
    GET DIAGNOSTICS found = ROW_COUNT;
    RETURN found;
END
$body$;

-- How many wait for PostHog; quick however many there are by now.
CREATE FUNCTION public.devora_events_waiting() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
    SELECT count(*) FROM devora_console.event_waiting w WHERE NOT w.refused
$body$;

-- How far events have come. Counts and moments only; counts every event.
CREATE FUNCTION public.devora_event_delivery()
    RETURNS TABLE (stored bigint, delivered bigint, waiting bigint, refused bigint, oldest_waiting_at timestamptz,
                   next_due_at timestamptz, delivered_at timestamptz, problem text, problem_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
    SELECT (SELECT count(*) FROM public.analytics_events),
           (SELECT count(*) FROM devora_console.event_delivered),
           w.waiting, w.refused, w.oldest, w.next, d.delivered_at, d.problem, d.problem_at
      FROM devora_console.event_delivery d,
           (SELECT count(*) FILTER (WHERE NOT w.refused) AS waiting, count(*) FILTER (WHERE w.refused) AS refused,
                   min(e.timestamp) FILTER (WHERE NOT w.refused) AS oldest, min(greatest(w.due_at, w.taken_until)) FILTER (WHERE NOT w.refused) AS next
              FROM devora_console.event_waiting w JOIN public.analytics_events e ON e.id = w.event_id) w
$body$;

REVOKE ALL ON FUNCTION
    public.devora_record_events(jsonb, text), public.devora_claim_users(),
    public.devora_take_events(integer, double precision, text),
    public.devora_settle_events(uuid[], text, text, double precision, text),
    public.devora_retry_events(), public.devora_events_waiting(), public.devora_event_delivery()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    public.devora_record_events(jsonb, text), public.devora_claim_users(),
    public.devora_take_events(integer, double precision, text),
    public.devora_settle_events(uuid[], text, text, double precision, text),
    public.devora_events_waiting(), public.devora_event_delivery()
    TO app_user, admin_role;
GRANT EXECUTE ON FUNCTION public.devora_retry_events() TO admin_role;
GRANT EXECUTE ON FUNCTION public.devora_event_delivery() TO metrics_role;
