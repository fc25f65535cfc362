-- what: triggers for updated_at, last_message_at and the search vectors
-- requires: nothing
-- transaction: yes
--
-- While the setting devora.loading is 'on' (SET LOCAL, the migration does) the clock triggers rest, so that
-- migrated rows keep the times of the source. Search vectors are always computed.

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
AS $body$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$body$;

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_user_settings_updated_at BEFORE UPDATE ON public.user_settings
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_projects_updated_at BEFORE UPDATE ON public.projects
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_project_files_updated_at BEFORE UPDATE ON public.project_files
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();
-- Not on last_message_at: a message that arrives changes the conversation's last message, not the conversation.
CREATE TRIGGER update_conversations_updated_at
    BEFORE UPDATE OF user_id, project_id, title, created_at, updated_at, deleted_at ON public.conversations
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_system_config_updated_at BEFORE UPDATE ON public.system_config
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_embeddings_updated_at BEFORE UPDATE ON public.embeddings
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_updated_at_column();

CREATE FUNCTION public.update_conversation_last_message() RETURNS trigger
    LANGUAGE plpgsql
AS $body$
BEGIN
    UPDATE public.conversations
       SET last_message_at = NEW.timestamp
     WHERE id = NEW.conversation_id
       AND (last_message_at IS NULL OR last_message_at < NEW.timestamp);
    RETURN NULL;
END
$body$;

CREATE TRIGGER update_conversation_timestamp AFTER INSERT ON public.messages
    FOR EACH ROW WHEN (current_setting('devora.loading', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.update_conversation_last_message();

CREATE FUNCTION public.update_projects_search_vector() RETURNS trigger
    LANGUAGE plpgsql
AS $body$
BEGIN
    NEW.search_vector :=
        setweight(public.devora_vector(NEW.name), 'A')
        || setweight(public.devora_vector(NEW.description), 'B')
        || setweight(to_tsvector('pg_catalog.simple'::regconfig, coalesce(NEW.project_type, '')), 'C');
    RETURN NEW;
END
$body$;

CREATE TRIGGER update_projects_search BEFORE INSERT OR UPDATE OF name, description, project_type ON public.projects
    FOR EACH ROW EXECUTE FUNCTION public.update_projects_search_vector();

CREATE FUNCTION public.update_conversations_search_vector() RETURNS trigger
    LANGUAGE plpgsql
AS $body$
BEGIN
    NEW.search_vector := setweight(public.devora_vector(NEW.title), 'A');
    RETURN NEW;
END
$body$;

CREATE TRIGGER update_conversations_search BEFORE INSERT OR UPDATE OF title ON public.conversations
    FOR EACH ROW EXECUTE FUNCTION public.update_conversations_search_vector();

CREATE FUNCTION public.update_messages_search_vector() RETURNS trigger
    LANGUAGE plpgsql
AS $body$
BEGIN
    NEW.search_vector := public.devora_vector(NEW.content);
    RETURN NEW;
END
$body$;

CREATE TRIGGER update_messages_search BEFORE INSERT OR UPDATE OF content ON public.messages
    FOR EACH ROW EXECUTE FUNCTION public.update_messages_search_vector();
