-- what: search documents: one text per project, conversation, message and file that every kind of search shares
-- requires: nothing
-- transaction: yes
--
-- A document is a row of its own, with the user in its key, for two reasons. Messages and files do not hold their
-- user, so a search under row security had to join them to their parents before it could throw away what is not the
-- user's. And @@ is not leakproof: under a policy PostgreSQL does not use the text index at all. Partitions by user
-- keep the index of a search small; the functions that search run as the owner and name the user themselves.
--
-- A document's vector is that of its entity behind the words around it: title (weight A), context (C: the
-- conversation's title, the project's name), body (D; a project's description B). Title and context come first, so
-- that a body of any length leaves them their places. Vectors of projects, conversations and messages are taken from
-- their rows, never parsed again; a file's is parsed when its text changes, and kept when only its name does.
-- Old versions of a file (is_current is false) and what is deleted, or hangs on what is deleted, have no document. A
-- conversation outlives its project.
--
-- Inserts and deletes are handled once per statement. Updates are handled per row, because only such a trigger has a
-- condition: a message that arrives touches last_message_at of its conversation and must not pay for it here. A bulk
-- load sets all of them aside and fills the documents at its end.

CREATE TABLE public.search_documents (
    user_id       uuid        NOT NULL,
    entity_type   text        NOT NULL,
    entity_id     uuid        NOT NULL,
    parent_id     uuid,
    title         text        NOT NULL,
    context       text        NOT NULL,
    language      text,
    happened_at   timestamptz NOT NULL,
    search_vector tsvector    NOT NULL,
    content_hash  text        NOT NULL,
    folded_title  text        GENERATED ALWAYS AS (public.devora_fold(title)) STORED,
    CONSTRAINT search_documents_pkey PRIMARY KEY (user_id, entity_type, entity_id),
    CONSTRAINT chk_document_type CHECK (entity_type IN ('project', 'conversation', 'message', 'file'))
) PARTITION BY HASH (user_id);
COMMENT ON TABLE public.search_documents IS 'What searches look through; made from projects, project_files, conversations and messages by triggers';
COMMENT ON COLUMN public.search_documents.parent_id IS 'Of a message: its conversation; of a file or conversation: its project';
COMMENT ON COLUMN public.search_documents.context IS 'Stands in front of the body: title of the conversation, name of the project';
COMMENT ON COLUMN public.search_documents.folded_title IS 'What searches with typing errors compare: to fold a title takes longer than to compare it';
COMMENT ON COLUMN public.search_documents.content_hash IS 'Of context, title and body, which an embedding is made of';

DO $body$
BEGIN
    FOR part IN 0..31 LOOP
        EXECUTE format(
            'CREATE TABLE devora_console.%I PARTITION OF public.search_documents
                 FOR VALUES WITH (MODULUS 32, REMAINDER %s)',
            'search_documents_p' || lpad(part::text, 2, '0'), part);
    END LOOP;
END
$body$;
-- To plan a comparison with it, every value in its statistics would be compared: half a millisecond per word.
ALTER TABLE public.search_documents ALTER COLUMN folded_title SET STATISTICS 0;

-- STABLE, as convert_to is: an IMMUTABLE one would not be put in line, and calling it takes longer than its hash.
CREATE FUNCTION devora_console.content_hash(context text, title text, body text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
AS $body$
    SELECT left(encode(sha256(convert_to(
        context || chr(31) || title || chr(31) || coalesce(body, ''), 'UTF8')), 'hex'), 32)
$body$;

-- What the documents should be. head is the vector of title and context, place the row's place in its table.
CREATE VIEW devora_console.project_documents AS
    SELECT p.user_id, 'project'::text AS entity_type, p.id AS entity_id, NULL::uuid AS parent_id,
           p.name::text AS title, ''::text AS context, NULL::text AS language, p.created_at AS happened_at,
           coalesce(p.search_vector, ''::tsvector) AS search_vector,
           devora_console.content_hash('', p.name::text, p.description) AS content_hash,
           p.ctid AS place
      FROM public.projects p
     WHERE p.deleted_at IS NULL;
CREATE VIEW devora_console.conversation_documents AS
    SELECT c.user_id, 'conversation'::text AS entity_type, c.id AS entity_id, p.id AS parent_id,
           c.title::text AS title, coalesce(p.name::text, '') AS context, NULL::text AS language,
           c.created_at AS happened_at,
           coalesce(c.search_vector, ''::tsvector)
           || coalesce(setweight(ts_filter(p.search_vector, '{a}'), 'C'), ''::tsvector) AS search_vector,
           devora_console.content_hash(coalesce(p.name::text, ''), c.title::text, NULL) AS content_hash,
           c.ctid AS place
      FROM public.conversations c
      LEFT JOIN public.projects p ON p.id = c.project_id AND p.deleted_at IS NULL
     WHERE c.deleted_at IS NULL;
CREATE VIEW devora_console.message_documents AS
    SELECT c.user_id, 'message'::text AS entity_type, m.id AS entity_id, m.conversation_id AS parent_id,
           ''::text AS title, concat_ws(' · ', nullif(c.title::text, ''), p.name::text) AS context,
           NULL::text AS language, m.timestamp AS happened_at,
           coalesce(setweight(c.search_vector, 'C'), ''::tsvector)
           || coalesce(setweight(ts_filter(p.search_vector, '{a}'), 'C'), ''::tsvector)
           || coalesce(m.search_vector, ''::tsvector) AS search_vector,
           devora_console.content_hash(
               concat_ws(' · ', nullif(c.title::text, ''), p.name::text), '', m.content) AS content_hash,
           m.ctid AS place
      FROM public.messages m
      JOIN public.conversations c ON c.id = m.conversation_id AND c.deleted_at IS NULL
      LEFT JOIN public.projects p ON p.id = c.project_id AND p.deleted_at IS NULL;
CREATE VIEW devora_console.file_documents AS
    SELECT p.user_id, 'file'::text AS entity_type, f.id AS entity_id, f.project_id AS parent_id,
           f.name::text AS title, p.name::text AS context, f.language::text AS language,
           f.created_at AS happened_at,
           setweight(public.devora_vector(f.name::text), 'A')
           || coalesce(setweight(ts_filter(p.search_vector, '{a}'), 'C'), ''::tsvector)
           || public.devora_vector(f.content) AS search_vector,
           devora_console.content_hash(p.name::text, f.name::text, f.content) AS content_hash,
           f.ctid AS place,
           setweight(public.devora_vector(f.name::text), 'A')
           || coalesce(setweight(ts_filter(p.search_vector, '{a}'), 'C'), ''::tsvector) AS head
      FROM public.project_files f
      JOIN public.projects p ON p.id = f.project_id AND p.deleted_at IS NULL
     WHERE f.is_current;

-- Makes the documents of these entities what they should be; those that should have none are not its concern.
-- A statement for each kind, which differ in nothing else: one for all would start all four views at every call.
-- One plan for every call: all it ever does is to look up rows by their keys. Without the other settings a plan made
-- while the tables are small reads conversations from end to end for each message.
DO $body$
BEGIN
    EXECUTE format($put$
CREATE FUNCTION devora_console.put_documents(kind text, ids uuid[]) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $function$
BEGIN
    IF cardinality(ids) = 0 THEN
        RETURN;%s
    END IF;
END
$function$ $put$, (SELECT string_agg(format($branch$
    ELSIF kind = %1$L THEN
        INSERT INTO public.search_documents AS d
               (user_id, entity_type, entity_id, parent_id, title, context, language, happened_at, search_vector,
                content_hash)
        SELECT s.user_id, s.entity_type, s.entity_id, s.parent_id, s.title, s.context, s.language, s.happened_at,
               s.search_vector, s.content_hash
          FROM devora_console.%2$I s WHERE s.entity_id = ANY (ids)
            ON CONFLICT (user_id, entity_type, entity_id) DO UPDATE
           SET (parent_id, title, context, language, happened_at, search_vector, content_hash)
             = (excluded.parent_id, excluded.title, excluded.context, excluded.language, excluded.happened_at,
                excluded.search_vector, excluded.content_hash)
         WHERE (d.parent_id, d.title, d.context, d.language, d.happened_at, d.content_hash, d.search_vector)
               IS DISTINCT FROM (excluded.parent_id, excluded.title, excluded.context, excluded.language,
                                 excluded.happened_at, excluded.content_hash, excluded.search_vector);$branch$,
            made.kind, made.kind || '_documents'), '')
        FROM unnest(ARRAY['message', 'conversation', 'file', 'project']) AS made (kind)));
END
$body$;

-- New titles and contexts for files whose text has not changed: the body's part of their vectors is kept.
CREATE FUNCTION devora_console.retitle_files(ids uuid[]) RETURNS void
    LANGUAGE sql
AS $body$
    UPDATE public.search_documents d
       SET parent_id = s.parent_id, title = s.title, context = s.context, language = s.language,
           happened_at = s.happened_at, content_hash = s.content_hash,
           search_vector = s.head || ts_filter(d.search_vector, '{d}')
      FROM devora_console.file_documents s
     WHERE s.entity_id = ANY (ids)
       AND d.user_id = s.user_id AND d.entity_type = 'file' AND d.entity_id = s.entity_id
$body$;

CREATE FUNCTION devora_console.drop_documents(owner uuid, kind text, ids uuid[]) RETURNS void
    LANGUAGE plpgsql
AS $body$
BEGIN
    IF cardinality(ids) > 0 THEN
        EXECUTE format(
            'DELETE FROM public.search_documents WHERE user_id = %L AND entity_type = %L AND entity_id = ANY ($1)',
            owner, kind) USING ids;
    END IF;
END
$body$;

-- The parent is locked as the trigger on last_message_at locks it: whoever renames or deletes it meanwhile either
-- waits and then finds the new rows, or has been waited for and is seen here: the ids are there when all are locked,
-- and put_documents looks anew.
CREATE FUNCTION devora_console.documents_added() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF TG_TABLE_NAME = 'messages' THEN
        PERFORM devora_console.put_documents('message', ARRAY(
            SELECT a.id FROM added a JOIN public.conversations c ON c.id = a.conversation_id
             ORDER BY c.id FOR NO KEY UPDATE OF c));
    ELSIF TG_TABLE_NAME = 'project_files' THEN
        PERFORM devora_console.put_documents('file', ARRAY(
            SELECT a.id FROM added a JOIN public.projects p ON p.id = a.project_id
             ORDER BY p.id FOR NO KEY UPDATE OF p));
    ELSIF TG_TABLE_NAME = 'conversations' THEN
        PERFORM devora_console.put_documents('conversation', ARRAY(SELECT a.id FROM added a));
    ELSE
        PERFORM devora_console.put_documents('project', ARRAY(SELECT a.id FROM added a));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION devora_console.project_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    files  uuid[] := '{}';
    moved  boolean := (OLD.id, OLD.user_id) IS DISTINCT FROM (NEW.id, NEW.user_id);
    talks  uuid[];
BEGIN
    IF moved OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) OR OLD.name IS DISTINCT FROM NEW.name THEN
        files := ARRAY(SELECT f.id FROM public.project_files f WHERE f.project_id IN (OLD.id, NEW.id));
    END IF;
    IF OLD.deleted_at IS NULL AND (moved OR NEW.deleted_at IS NOT NULL) THEN
        PERFORM devora_console.drop_documents(OLD.user_id, 'project', ARRAY[OLD.id]);
        PERFORM devora_console.drop_documents(OLD.user_id, 'file', files);
    END IF;
    IF NEW.deleted_at IS NULL THEN
        PERFORM devora_console.put_documents('project', ARRAY[NEW.id]);
        IF moved OR OLD.deleted_at IS NOT NULL THEN
            PERFORM devora_console.put_documents('file', files);
        ELSIF cardinality(files) > 0 THEN
            PERFORM devora_console.retitle_files(files);
        END IF;
    END IF;
    -- The name is context of its conversations and their messages, as long as it lives.
    IF OLD.id <> NEW.id OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
       OR OLD.name IS DISTINCT FROM NEW.name THEN
        talks := ARRAY(SELECT c.id FROM public.conversations c WHERE c.project_id = NEW.id);
        PERFORM devora_console.put_documents('conversation', talks);
        PERFORM devora_console.put_documents(
            'message', ARRAY(SELECT m.id FROM public.messages m WHERE m.conversation_id = ANY (talks)));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION devora_console.conversation_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    moved boolean := (OLD.id, OLD.user_id) IS DISTINCT FROM (NEW.id, NEW.user_id);
    said  uuid[] := '{}';
BEGIN
    IF moved OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
       OR (OLD.title, OLD.project_id) IS DISTINCT FROM (NEW.title, NEW.project_id)
       OR OLD.search_vector IS DISTINCT FROM NEW.search_vector THEN
        said := ARRAY(SELECT m.id FROM public.messages m WHERE m.conversation_id IN (OLD.id, NEW.id));
    END IF;
    IF OLD.deleted_at IS NULL AND (moved OR NEW.deleted_at IS NOT NULL) THEN
        PERFORM devora_console.drop_documents(OLD.user_id, 'conversation', ARRAY[OLD.id]);
        PERFORM devora_console.drop_documents(OLD.user_id, 'message', said);
    END IF;
    IF NEW.deleted_at IS NULL THEN
        PERFORM devora_console.put_documents('conversation', ARRAY[NEW.id]);
        PERFORM devora_console.put_documents('message', said);
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION devora_console.message_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    before uuid;
BEGIN
    IF (OLD.id, OLD.conversation_id) IS DISTINCT FROM (NEW.id, NEW.conversation_id) THEN
        SELECT c.user_id INTO before FROM public.conversations c WHERE c.id = OLD.conversation_id;
        PERFORM devora_console.drop_documents(before, 'message', ARRAY[OLD.id]);
    END IF;
    PERFORM devora_console.put_documents('message', ARRAY[NEW.id]);
    RETURN NULL;
END
$body$;

CREATE FUNCTION devora_console.file_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    before uuid;
    moved  boolean := (OLD.id, OLD.project_id) IS DISTINCT FROM (NEW.id, NEW.project_id);
BEGIN
    IF OLD.is_current AND (moved OR NOT NEW.is_current) THEN
        SELECT p.user_id INTO before FROM public.projects p WHERE p.id = OLD.project_id;
        PERFORM devora_console.drop_documents(before, 'file', ARRAY[OLD.id]);
    END IF;
    IF moved OR NOT OLD.is_current OR OLD.content IS DISTINCT FROM NEW.content THEN
        PERFORM devora_console.put_documents('file', ARRAY[NEW.id]);
    ELSE
        PERFORM devora_console.retitle_files(ARRAY[NEW.id]);
    END IF;
    RETURN NULL;
END
$body$;

-- Before the row goes, because what hangs on it goes with it and cannot tell its user any more.
CREATE FUNCTION devora_console.parent_leaves() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF TG_TABLE_NAME = 'projects' THEN
        PERFORM devora_console.drop_documents(
            OLD.user_id, 'file', ARRAY(SELECT f.id FROM public.project_files f WHERE f.project_id = OLD.id));
        PERFORM devora_console.drop_documents(OLD.user_id, 'project', ARRAY[OLD.id]);
    ELSE
        PERFORM devora_console.drop_documents(
            OLD.user_id, 'message', ARRAY(SELECT m.id FROM public.messages m WHERE m.conversation_id = OLD.id));
        PERFORM devora_console.drop_documents(OLD.user_id, 'conversation', ARRAY[OLD.id]);
    END IF;
    RETURN OLD;
END
$body$;

CREATE FUNCTION devora_console.children_gone() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    part record;
BEGIN
    IF TG_TABLE_NAME = 'messages' THEN
        FOR part IN SELECT c.user_id, array_agg(g.id) AS ids
                      FROM gone g JOIN public.conversations c ON c.id = g.conversation_id GROUP BY c.user_id LOOP
            PERFORM devora_console.drop_documents(part.user_id, 'message', part.ids);
        END LOOP;
    ELSE
        FOR part IN SELECT p.user_id, array_agg(g.id) AS ids
                      FROM gone g JOIN public.projects p ON p.id = g.project_id GROUP BY p.user_id LOOP
            PERFORM devora_console.drop_documents(part.user_id, 'file', part.ids);
        END LOOP;
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION devora_console.entities_emptied() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    DELETE FROM public.search_documents d
     WHERE d.entity_type = CASE TG_TABLE_NAME WHEN 'messages' THEN 'message' WHEN 'project_files' THEN 'file'
                                              WHEN 'conversations' THEN 'conversation' ELSE 'project' END;
    RETURN NULL;
END
$body$;

CREATE TRIGGER keep_documents_added AFTER INSERT ON public.projects
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION devora_console.documents_added();
CREATE TRIGGER keep_documents_added AFTER INSERT ON public.project_files
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION devora_console.documents_added();
CREATE TRIGGER keep_documents_added AFTER INSERT ON public.conversations
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION devora_console.documents_added();
CREATE TRIGGER keep_documents_added AFTER INSERT ON public.messages
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION devora_console.documents_added();

-- Conditions are a flat list: only such a one is printed the same after a dump and restore.
CREATE TRIGGER keep_documents_changed AFTER UPDATE ON public.projects
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
             OR OLD.user_id IS DISTINCT FROM NEW.user_id
             OR OLD.name::text IS DISTINCT FROM NEW.name::text
             OR OLD.description IS DISTINCT FROM NEW.description
             OR OLD.created_at IS DISTINCT FROM NEW.created_at
             OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
             OR OLD.search_vector IS DISTINCT FROM NEW.search_vector)
    EXECUTE FUNCTION devora_console.project_changed();
CREATE TRIGGER keep_documents_changed AFTER UPDATE ON public.project_files
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
             OR OLD.project_id IS DISTINCT FROM NEW.project_id
             OR OLD.name::text IS DISTINCT FROM NEW.name::text
             OR OLD.language::text IS DISTINCT FROM NEW.language::text
             OR OLD.created_at IS DISTINCT FROM NEW.created_at
             OR OLD.is_current IS DISTINCT FROM NEW.is_current
             OR OLD.content IS DISTINCT FROM NEW.content)
    EXECUTE FUNCTION devora_console.file_changed();
CREATE TRIGGER keep_documents_changed AFTER UPDATE ON public.conversations
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
             OR OLD.user_id IS DISTINCT FROM NEW.user_id
             OR OLD.project_id IS DISTINCT FROM NEW.project_id
             OR OLD.title::text IS DISTINCT FROM NEW.title::text
             OR OLD.created_at IS DISTINCT FROM NEW.created_at
             OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
             OR OLD.search_vector IS DISTINCT FROM NEW.search_vector)
    EXECUTE FUNCTION devora_console.conversation_changed();
CREATE TRIGGER keep_documents_changed AFTER UPDATE ON public.messages
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
             OR OLD.conversation_id IS DISTINCT FROM NEW.conversation_id
             OR OLD.timestamp IS DISTINCT FROM NEW.timestamp
             OR OLD.content IS DISTINCT FROM NEW.content
             OR OLD.search_vector IS DISTINCT FROM NEW.search_vector)
    EXECUTE FUNCTION devora_console.message_changed();

CREATE TRIGGER keep_documents_leaving BEFORE DELETE ON public.projects
    FOR EACH ROW EXECUTE FUNCTION devora_console.parent_leaves();
CREATE TRIGGER keep_documents_leaving BEFORE DELETE ON public.conversations
    FOR EACH ROW EXECUTE FUNCTION devora_console.parent_leaves();
CREATE TRIGGER keep_documents_gone AFTER DELETE ON public.project_files
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION devora_console.children_gone();
CREATE TRIGGER keep_documents_gone AFTER DELETE ON public.messages
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION devora_console.children_gone();

CREATE TRIGGER keep_documents_emptied AFTER TRUNCATE ON public.projects
    FOR EACH STATEMENT EXECUTE FUNCTION devora_console.entities_emptied();
CREATE TRIGGER keep_documents_emptied AFTER TRUNCATE ON public.project_files
    FOR EACH STATEMENT EXECUTE FUNCTION devora_console.entities_emptied();
CREATE TRIGGER keep_documents_emptied AFTER TRUNCATE ON public.conversations
    FOR EACH STATEMENT EXECUTE FUNCTION devora_console.entities_emptied();
CREATE TRIGGER keep_documents_emptied AFTER TRUNCATE ON public.messages
    FOR EACH STATEMENT EXECUTE FUNCTION devora_console.entities_emptied();

-- Writes the documents of a kind that are not as they should be and removes those that should not be; of one user,
-- or of all. Returns how many were written and removed. Vectors of files are not computed for the comparison unless
-- deeply is true: they need parsing, and only another text search configuration changes them alone.
CREATE FUNCTION public.devora_refresh_documents(of_user uuid DEFAULT NULL, deeply boolean DEFAULT false)
    RETURNS TABLE (entity_type text, written bigint, removed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
DECLARE
    source  text;
    base    text;
    scope   text := CASE WHEN of_user IS NULL THEN 'true' ELSE format('%%1$s.user_id = %L', of_user) END;
    vectors text;
    ids     uuid[];
    part    uuid[];
BEGIN
    FOR entity_type, source, base IN
        VALUES ('project', 'project_documents', 'projects'),
               ('conversation', 'conversation_documents', 'conversations'),
               ('message', 'message_documents', 'messages'), ('file', 'file_documents', 'project_files')
    LOOP
        written := 0;
        vectors := CASE WHEN entity_type <> 'file' OR deeply THEN 'd.search_vector IS DISTINCT FROM s.search_vector'
                        ELSE 'false' END;
        EXECUTE format(
            'DELETE FROM public.search_documents d WHERE d.entity_type = %1$L AND %3$s
                AND NOT EXISTS (SELECT FROM devora_console.%2$I s
                                 WHERE s.entity_id = d.entity_id AND s.user_id = d.user_id)',
            entity_type, source, format(scope, 'd'));
        GET DIAGNOSTICS removed = ROW_COUNT;
        EXECUTE format(
            'SELECT array_agg(s.entity_id)
               FROM devora_console.%2$I s
               LEFT JOIN public.search_documents d
                 ON d.user_id = s.user_id AND d.entity_type = %1$L AND d.entity_id = s.entity_id
              WHERE %3$s AND (d.entity_id IS NULL OR %4$s
                 OR (d.parent_id, d.title, d.context, d.language, d.happened_at, d.content_hash)
                    IS DISTINCT FROM (s.parent_id, s.title, s.context, s.language, s.happened_at, s.content_hash))',
            entity_type, source, format(scope, 's'), vectors) INTO ids;
        FOR start IN 0 .. coalesce(cardinality(ids), 0) - 1 BY 1000 LOOP
            part := ids[start + 1 : start + 1000];
            -- Held until the end, so that nobody's newer text is overwritten by what was read before.
            EXECUTE format('SELECT FROM public.%I b WHERE b.id = ANY ($1) ORDER BY b.id FOR SHARE', base) USING part;
            PERFORM devora_console.put_documents(entity_type, part);
            written := written + cardinality(part);
        END LOOP;
        RETURN NEXT;
    END LOOP;
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_refresh_documents(uuid, boolean) FROM PUBLIC;

-- Set-based, for a load: the documents of the rows of a kind's table that lie from one place up to another.
CREATE FUNCTION devora_console.fill_documents(kind text, first tid, past tid) RETURNS bigint
    LANGUAGE plpgsql SET jit = off
AS $body$
DECLARE
    done bigint;
BEGIN
    EXECUTE format(
        'INSERT INTO public.search_documents AS d
                (user_id, entity_type, entity_id, parent_id, title, context, language, happened_at, search_vector,
                content_hash)
         SELECT s.user_id, s.entity_type, s.entity_id, s.parent_id, s.title, s.context, s.language, s.happened_at,
               s.search_vector, s.content_hash
           FROM devora_console.%I s WHERE s.place >= $1 AND s.place < $2
             ON CONFLICT (user_id, entity_type, entity_id) DO NOTHING', kind || '_documents') USING first, past;
    GET DIAGNOSTICS done = ROW_COUNT;
    RETURN done;
END
$body$;

DO $body$
BEGIN
    PERFORM devora_console.fill_documents(kind, '(0,0)', '(4294967295,65535)')
       FROM unnest(ARRAY['project', 'conversation', 'message', 'file']) AS kind;
END
$body$;

-- A short pending list: a search reads all of it.
CREATE INDEX idx_search_documents_vector ON public.search_documents
    USING gin (search_vector) WITH (gin_pending_list_limit = 256);

ALTER TABLE public.search_documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY search_documents_user_isolation ON public.search_documents FOR SELECT TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY admin_full_access_search_documents ON public.search_documents FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
-- Read only: the triggers write, as the owner.
GRANT SELECT ON public.search_documents TO app_user, admin_role;
