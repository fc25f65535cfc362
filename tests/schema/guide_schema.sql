-- A stand-in for a schema made by hand from the migration guide: the same names, none of our record.
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar(255) NOT NULL UNIQUE,
                    updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE user_settings (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users (id));
CREATE TABLE projects (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users (id), name varchar(500),
                       updated_at timestamptz, deleted_at timestamptz, search_vector tsvector);
CREATE TABLE project_files (id uuid PRIMARY KEY, project_id uuid REFERENCES projects (id));
CREATE TABLE conversations (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id), last_message_at timestamptz);
CREATE TABLE messages (id uuid PRIMARY KEY, conversation_id uuid REFERENCES conversations (id), content text,
                       search_vector tsvector);
CREATE TABLE invoices (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id));
CREATE TABLE system_config (id varchar(50) PRIMARY KEY, updated_by uuid REFERENCES users (id));
CREATE TABLE analytics_events (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id), session_id uuid);
CREATE TABLE search_queries (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id));
CREATE TABLE embeddings (id uuid PRIMARY KEY, text_content text);
CREATE INDEX idx_users_email ON users (email);
CREATE INDEX idx_projects_search ON projects USING gin (search_vector);
CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
CREATE POLICY projects_user_isolation ON projects FOR ALL
    USING (user_id = current_setting('app.user_id')::uuid);
CREATE VIEW user_with_subscription_details AS SELECT u.id, u.email FROM users u;
CREATE FUNCTION get_user_project_count(p_user_id uuid) RETURNS integer LANGUAGE sql STABLE AS
$$ SELECT count(*)::integer FROM projects WHERE user_id = p_user_id $$;
CREATE MATERIALIZED VIEW mv_daily_user_activity AS SELECT user_id, count(*) AS events FROM analytics_events GROUP BY 1;
CREATE UNIQUE INDEX idx_mv_daily_activity ON mv_daily_user_activity (user_id);
GRANT SELECT ON users, projects TO app_user;
