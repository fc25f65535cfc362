"""The version files themselves."""

from __future__ import annotations

import hashlib

import asyncpg
import pytest

from devora_console.schema import LATEST, versions
from devora_console.schema.versions import EXTENSIONS, ROLES
from tests.schema.conftest import Database

CONSOLE = {
    "schema_version": "version integer, name text, checksum text, applied_at timestamp with time zone,"
    " applied_by text, server_version_num integer, catalog jsonb",
    "run": "run uuid, kind text, state text, mapping_name text, mapping_hash text, source_identity text,"
    " schema_version integer, started_at timestamp with time zone, finished_at timestamp with time zone,"
    " updated_at timestamp with time zone, holder text, epoch bigint, summary jsonb,"
    " fingerprint text, progress jsonb",
    "checkpoint": "run uuid, collection text, phase text, documents bigint, rows bigint,"
    " updated_at timestamp with time zone, piece integer, pieces integer",
    "steering": "name text, paused boolean, rows_per_second double precision, workers integer, batch_bytes bigint,"
    " changed_by text, changed_at timestamp with time zone",
    "document": "collection text, source_id text, fate text, target_table text, pk text, digest bytea, run uuid",
    "quarantine": "id bigint, collection text, source_id text, run uuid, path text, rule text, sqlstate text,"
    " constraint_name text, message text, raw_bson bytea, first_seen timestamp with time zone,"
    " last_seen timestamp with time zone, attempts integer, resolved_at timestamp with time zone,"
    " resolved_by text, reason text",
    "archive": "collection text, source_id text, document json, raw_bson bytea, digest bytea, run uuid,"
    " archived_at timestamp with time zone",
    "set_aside": "number bigint, kind text, table_name text, name text, definition text, attach text,"
    " afterwards text[], tablespace text, valid boolean, keys text[], takes_part text, columns text[], function text,"
    " added boolean, set_aside_at timestamp with time zone",
    "lease": "name text, epoch bigint, holder text, run uuid, acquired_at timestamp with time zone,"
    " renewed_at timestamp with time zone",
}


def test_files_are_numbered_described_and_reversible() -> None:
    assert [version.number for version in versions()] == list(range(1, LATEST + 1))
    for version in versions():
        assert version.what, version.label
        assert version.down.startswith("-- what: "), version.label
        assert version.checksum == hashlib.sha256(version.up.encode()).hexdigest()
    assert set(EXTENSIONS) == {"unaccent", "pg_trgm", "vector", "pg_stat_statements"}
    assert ROLES == ("app_user", "admin_role", "metrics_role")


async def test_creates_names_exactly_what_an_apply_leaves(applied: Database) -> None:
    connection = await applied.as_owner()
    rows = await connection.fetch(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('public', 'devora_console') AND NOT c.relispartition AND c.relkind IN ('r','p','v','m')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
    )
    named = {
        (made.schema, made.name)
        for version in versions()
        for made in version.creates
        if made.kind in {"table", "view", "materialized view"}
    }
    assert {(row[0], row[1]) for row in rows} == named
    functions = await connection.fetch(
        "SELECT p.proname FROM pg_proc p"
        " WHERE p.pronamespace IN ('public'::regnamespace, 'devora_console'::regnamespace)"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    )
    assert {row[0] for row in functions} == {
        made.name for version in versions() for made in version.creates if made.kind == "function"
    }


async def test_console_tables_have_the_columns_the_migration_relies_on(applied: Database) -> None:
    connection = await applied.as_owner()
    found = {}
    for table in CONSOLE:
        found[table] = await connection.fetchval(
            "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)"
            " FROM pg_attribute WHERE attrelid = to_regclass('devora_console.' || $1)"
            " AND attnum > 0 AND NOT attisdropped",
            table,
        )
    assert found == CONSOLE


async def test_every_foreign_key_has_an_index(applied: Database) -> None:
    connection = await applied.as_owner()
    missing = await connection.fetch(
        "SELECT k.conrelid::regclass::text, k.conname FROM pg_constraint k"
        " WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS ("
        "  SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL"
        "  AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)"
    )
    assert [tuple(row) for row in missing] == []


async def test_no_index_is_the_beginning_of_another(applied: Database) -> None:
    connection = await applied.as_owner()
    rows = await connection.fetch(
        "SELECT i.indexrelid::regclass::text AS name, i.indrelid::regclass::text AS place, am.amname, i.indisunique,"
        " pg_get_expr(i.indpred, i.indrelid) AS predicate,"
        " ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) n) AS keys"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam"
        " WHERE c.relnamespace IN ('public'::regnamespace, 'devora_console'::regnamespace) AND NOT c.relispartition"
    )
    redundant = [
        (short["name"], long["name"])
        for short in rows
        for long in rows
        if short["name"] != long["name"]
        and (short["place"], short["amname"], short["predicate"]) == (long["place"], long["amname"], long["predicate"])
        and long["keys"][: len(short["keys"])] == short["keys"]
        and not short["indisunique"]
    ]
    assert redundant == []


async def test_tables_keep_what_the_application_and_the_migration_rely_on(applied: Database) -> None:
    connection = await applied.as_owner()
    names = {
        row[0]
        for row in await connection.fetch(
            "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            " UNION ALL SELECT relname::text FROM pg_class WHERE relkind = 'i'"
        )
    }
    assert names >= {
        "users_pkey",
        "users_email_lower_key",
        "users_stripe_customer_id_key",
        "invoices_stripe_invoice_id_key",
        "uq_user_settings_user",
        "chk_subscription_status",
        "chk_project_name_length",
        "chk_file_name_not_empty",
        "chk_message_role",
        "chk_invoice_status",
        "chk_amount_positive",
        "chk_only_one_config",
        "chk_entity_type",
    }
    with_source = await connection.fetch(
        "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public'"
        " AND column_name IN ('source_id', 'source_extra') GROUP BY 1 HAVING count(*) = 2 ORDER BY 1"
    )
    assert [row[0] for row in with_source] == [
        "conversations",
        "invoices",
        "messages",
        "project_files",
        "projects",
        "system_config",
        "user_settings",
        "users",
    ]


async def test_emails_are_unique_whatever_their_case(applied: Database) -> None:
    connection = await applied.as_owner()
    await connection.execute("INSERT INTO users (email, hashed_password) VALUES ('Ana@x.fr', 'x')")
    with pytest.raises(asyncpg.UniqueViolationError) as error:
        await connection.execute("INSERT INTO users (email, hashed_password) VALUES ('ana@X.fr', 'x')")
    assert error.value.constraint_name == "users_email_lower_key"


async def test_embeddings_are_partitioned_out_of_sight(applied: Database) -> None:
    connection = await applied.as_owner()
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'public.embeddings'::regclass"
    )
    assert len(rows) == 32
    assert all(row["name"].startswith("devora_console.embeddings_p") for row in rows)
    dimensions = await connection.fetchval(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'embeddings'::regclass AND attname = 'embedding_vector'"
    )
    assert dimensions == "vector"
    # Indexes are made per model and dimension, when there are vectors.
    assert await connection.fetchval("SELECT to_regclass('idx_embeddings_vector')") is None
