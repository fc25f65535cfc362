-- what: indexes beside the primary and unique keys
-- requires: nothing
-- transaction: yes
--
-- Names are those of the guide. Six of the guide's indexes are left out because another serves the same:
--   idx_users_stripe_customer  users_stripe_customer_id_key
--   idx_projects_user_id       idx_projects_user_created starts with user_id
--   idx_conversations_user     idx_conversations_user_updated starts with user_id
--   idx_messages_conversation  idx_messages_conv_timestamp starts with conversation_id
--   idx_invoices_user          idx_invoices_user_created starts with user_id
--   idx_invoices_stripe        invoices_stripe_invoice_id_key
-- and the guide's UNIQUE (email) is users_email_lower_key here: two spellings of one address are one account.

CREATE UNIQUE INDEX users_email_lower_key ON public.users (lower(email::text));
CREATE INDEX idx_users_email ON public.users (email);
CREATE INDEX idx_users_subscription_status
    ON public.users (subscription_status) WHERE subscription_status::text <> 'inactive';
CREATE INDEX idx_users_active ON public.users (last_login_at DESC) WHERE is_active AND deleted_at IS NULL;
CREATE INDEX idx_users_created_at ON public.users (created_at DESC);

CREATE INDEX idx_projects_user_created ON public.projects (user_id, created_at DESC);
CREATE INDEX idx_projects_active ON public.projects (user_id, updated_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_projects_search ON public.projects USING gin (search_vector);
CREATE INDEX idx_projects_type ON public.projects (project_type) WHERE project_type IS NOT NULL;
CREATE INDEX idx_projects_conversation ON public.projects (conversation_id) WHERE conversation_id IS NOT NULL;

CREATE INDEX idx_project_files_project ON public.project_files (project_id, ordinal);
CREATE INDEX idx_project_files_current ON public.project_files (project_id, name) WHERE is_current;
CREATE INDEX idx_project_files_language ON public.project_files (language);

CREATE INDEX idx_conversations_project ON public.conversations (project_id);
CREATE INDEX idx_conversations_user_updated ON public.conversations (user_id, updated_at DESC);
CREATE INDEX idx_conversations_active
    ON public.conversations (user_id, last_message_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_conversations_search ON public.conversations USING gin (search_vector);

CREATE INDEX idx_messages_conv_timestamp ON public.messages (conversation_id, timestamp DESC);
CREATE INDEX idx_messages_role ON public.messages (conversation_id, role);
CREATE INDEX idx_messages_search ON public.messages USING gin (search_vector);

CREATE INDEX idx_invoices_user_created ON public.invoices (user_id, created_at DESC);
CREATE INDEX idx_invoices_status ON public.invoices (status);

CREATE INDEX idx_system_config_updated_by ON public.system_config (updated_by);

CREATE INDEX idx_analytics_user ON public.analytics_events (user_id);
CREATE INDEX idx_analytics_event_name ON public.analytics_events (event_name);
CREATE INDEX idx_analytics_timestamp ON public.analytics_events (timestamp DESC);
CREATE INDEX idx_analytics_created_date ON public.analytics_events (created_date);
CREATE INDEX idx_analytics_properties ON public.analytics_events USING gin (event_properties);

CREATE INDEX idx_search_queries_user ON public.search_queries (user_id);
CREATE INDEX idx_search_queries_timestamp ON public.search_queries (timestamp DESC);
CREATE INDEX idx_search_queries_type ON public.search_queries (search_type);

CREATE INDEX idx_embeddings_entity ON public.embeddings (entity_type, entity_id);
