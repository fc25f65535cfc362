-- What: the indexes of the survey's scratch file, made when it is filled. For SQLite, not PostgreSQL.
-- Serves: SQLite 3.35 and later. Cost: one sort per index. Grants: none.
CREATE INDEX document_pk ON document (collection, pk);
CREATE INDEX reference_key ON reference (collection, key, name);
CREATE INDEX reference_document ON reference (document);
CREATE INDEX claim_key ON claim (name, key);
