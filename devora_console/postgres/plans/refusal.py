"""Why there is no plan, in words, from the server's refusal."""

from __future__ import annotations

import re

import asyncpg

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.plans.lexer import Kind
from devora_console.postgres.plans.statement import Statement
from devora_console.postgres.watch.guest import why_not

_WITH_VALUES = "Put values in the place of $1 ...: explain --sql TEXT"
# A constant directly after these is part of a type's literal: interval '1 day'.
_LITERAL_TYPES = frozenset((
    "date", "time", "timestamp", "timestamptz", "timetz", "interval", "numeric", "decimal", "bit", "varbit",
    "bytea", "text", "json", "jsonb", "inet", "cidr", "uuid", "point", "box", "circle", "polygon", "line",
    "path", "lseg", "macaddr", "money", "xml", "bool", "boolean", "precision", "zone", "varying",
))  # fmt: skip
_DENIED = re.compile(r"permission denied for ([a-z ]+?) (.+)", re.DOTALL)


def no_plan(
    error: asyncpg.PostgresError, statement: Statement, *, seconds: float, analyze: bool, user: str, search_path: str
) -> Unknown:
    """The reason, by SQLSTATE; the server's own words are kept, made safe."""
    raw = str(error.args[0]) if error.args else ""  # without DETAIL and HINT
    said = one_line(raw, 300)
    path = one_line(search_path, 100)
    if isinstance(error, asyncpg.QueryCanceledError):
        return _cancelled(said, seconds, analyze)
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Unknown("a relation of the statement is locked by another session just now", "See: devora-console locks")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return _denied(raw, said, statement, user)
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return Unknown(
            f"stopped, as it writes: {said}; nothing was changed", "Without --analyze it is planned, and not run"
        )
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.InvalidSchemaNameError):
        return Unknown(
            f"{said} (search_path {path})", "Give the search_path of the application: --search-path 'app, public'"
        )
    if statement.parameters and (why := _parameters(error, said, statement)):
        return why
    if isinstance(error, asyncpg.PostgresSyntaxError):
        if "at end of input" in said:
            return Unknown(f"the text is cut off, or not a whole statement: {said}")
        return Unknown(f"not a statement with a plan: {said}")
    if 'language "plpgsql"' in said:
        return Unknown("statements with parameters are planned through PL/pgSQL, which this database does not have")
    if isinstance(error, asyncpg.UndefinedFunctionError | asyncpg.UndefinedObjectError):
        return Unknown(
            f"{said} (search_path {path})", "Give the application's search_path: --search-path 'app, public'"
        )
    return why_not(error, seconds)


def _cancelled(said: str, seconds: float, analyze: bool) -> Unknown:
    if "statement timeout" not in said:
        return Unknown(f"somebody ended it: {said}")
    if analyze:
        return Unknown(f"it did not end within {seconds:g} s, and was cancelled", "Allow it more: --seconds S")
    return Unknown(
        f"not planned within {seconds:g} s: the server is busy, or planning calls a slow function of the database",
        "Allow it more: --seconds S",
    )


def _denied(raw: str, said: str, statement: Statement, user: str) -> Unknown:
    found = _DENIED.fullmatch(raw)
    if found is None:
        return Unknown(f"not allowed: {said}")
    kind, name = found[1], _quoted(found[2])
    rights = {
        "schema": f"USAGE ON SCHEMA {name}",
        "function": f"EXECUTE ON FUNCTION {name}",
        "language": f"USAGE ON LANGUAGE {name}",
        "foreign server": f"USAGE ON FOREIGN SERVER {name}",
    }
    right = rights.get(kind)
    if right is None:
        verb = statement.writes
        right = f"{f'SELECT, {verb}' if verb not in ('', 'MERGE') else 'SELECT'} ON {name}"
    return Unknown(
        f"not allowed: {said}; EXPLAIN needs the rights of the statement", f"GRANT {right} TO {_quoted(user)}"
    )


def _quoted(name: str) -> str:
    """A name as SQL text, for a person to read and copy."""
    plain = one_line(name, 130)
    return plain if re.fullmatch(r"[a-z_][a-z0-9_]*", plain) else quoted(plain)


def _parameters(error: asyncpg.PostgresError, said: str, statement: Statement) -> Unknown | None:
    """What goes wrong because constants were replaced by ``$n``."""
    if isinstance(error, asyncpg.PostgresSyntaxError):
        for token, after in zip(statement.tokens, statement.tokens[1:], strict=False):
            if token.kind is Kind.WORD and token.value in _LITERAL_TYPES and after.kind is Kind.PARAMETER:
                return Unknown(
                    f"'{token.value} {after.text}' is not SQL: "
                    f"{after.text} stands for a constant that belongs to its type",
                    _WITH_VALUES,
                )
        return Unknown(f"with $n in the place of constants it is not SQL any more: {said}", _WITH_VALUES)
    if isinstance(
        error, asyncpg.AmbiguousFunctionError | asyncpg.IndeterminateDatatypeError | asyncpg.AmbiguousParameterError
    ):
        return Unknown(f"the types of its parameters cannot be told without values: {said}", _WITH_VALUES)
    if isinstance(error, asyncpg.UndefinedFunctionError | asyncpg.DatatypeMismatchError):
        return Unknown(
            f"{said}; the type PostgreSQL takes a parameter to be may differ from the application's", _WITH_VALUES
        )
    return None
