"""The bootstrap as text, for a superuser who runs psql. It holds no password: psql asks, or gets a variable."""

from __future__ import annotations

from devora_console.schema.bootstrap import WANTED
from devora_console.schema.versions import ROLES


def _quoted(name: str) -> str:
    """An identifier as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """A string literal; the script sets standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


_HEAD = """\
-- Prepares a PostgreSQL server for Devora. A superuser runs it, as often as one likes:
--   psql -d postgres -v ON_ERROR_STOP=1 -f FILE
-- and then gives the owner (and the application's login) a password. psql asks for it and sends it encrypted:
--   psql -d postgres -c '\\password OWNER'
\\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET standard_conforming_strings = on;
"""
# {name} and {own} are literals, {kind} is ours: psql runs what format() makes of them on the server.
_ROLE = """\
SELECT format('CREATE ROLE %I {kind}', {name})
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) \\gexec"""
_DATABASE = """\
SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', {name}, {own})
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {name}) \\gexec"""
_EXTENSION = """\
SELECT format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA public', {name})
 WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = {name}) \\gexec"""
_TAIL = """\
-- For the view slow_queries (then restart PostgreSQL; keep what is in the list already):
--   ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';
"""


def bootstrap_sql(*, database: str, owner: str, app_login: str | None = None) -> str:
    """The same steps as :func:`bootstrap`, for psql. Names may hold anything but control characters (ValueError)."""
    for name in (database, owner, app_login or ""):
        if any(ord(char) < 32 for char in name):
            raise ValueError("a name holds a control character")
    db, own, groups = _quoted(database), _quoted(owner), ", ".join(ROLES)
    lines = [_role(owner, "LOGIN"), *(_role(role, "NOLOGIN") for role in ROLES)]
    lines.append(f"GRANT app_user TO {own};")
    if app_login is not None:
        lines += [_role(app_login, "LOGIN"), f"GRANT app_user TO {_quoted(app_login)};"]
    lines += [
        _DATABASE.format(name=_literal(database), own=_literal(owner)),
        f"ALTER DATABASE {db} OWNER TO {own};",
        f"GRANT CONNECT ON DATABASE {db} TO {groups};",
        f"\\connect {db}",
        "SET client_min_messages = warning;",
        "SET standard_conforming_strings = on;",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {own};",
        f"GRANT USAGE ON SCHEMA public TO {groups};",
        "-- Extensions the server has; the schema works without those it has not.",
        *(_EXTENSION.format(name=_literal(name)) for name in WANTED),
    ]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _role(name: str, kind: str) -> str:
    return _ROLE.format(name=_literal(name), kind=kind)
