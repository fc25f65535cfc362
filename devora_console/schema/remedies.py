"""What to do about a difference: SQL where SQL restores the recorded state, words where it cannot.

Names in a catalogue are quoted already, so a remedy may be pasted as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Properties = dict[str, Any]

_FILES = "`devora-console schema sql` prints the version that creates it"
_ENABLE = {"O": "ENABLE", "D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def create(kind: str, name: str, thing: Properties) -> str:
    """How to bring back an object that is missing."""
    maker = _CREATE.get(kind)
    return maker(name, thing) if maker else f"create it again: {_FILES}"


def drop(kind: str, name: str, thing: Properties) -> str:
    """What to do about an object nobody recorded; the console never drops it by itself."""
    table, short = thing.get("table"), thing.get("name")
    match kind:
        case "constraint" | "column":
            sql = f"ALTER TABLE {table} DROP {kind.upper()} {short};"
        case "trigger" | "policy":
            sql = f"DROP {kind.upper()} {short} ON {table};"
        case _:
            sql = f"DROP {kind.upper()} {name};"
    return f"made by no version, so if it is not wanted: {sql}"


def mend(kind: str, name: str, aspect: str, before: Properties, now: Properties) -> str:
    """How to turn one property back to what was recorded.

    For an entry of a map (a grantee's rights, a token's dictionaries) ``before`` and ``now`` hold key and value.
    """
    if aspect == "grants" and "key" in before:
        return _rights(kind, name, before["key"], before["value"], now["value"])
    if aspect == "owner":
        return f"ALTER {kind.upper()} {name} OWNER TO {before['owner']};"
    mender = _MEND.get(kind)
    sql = mender(name, aspect, before) if mender else None
    return sql or f"make it as it was: {_FILES}"


def _create_column(name: str, thing: Properties) -> str:
    null = " NOT NULL" if thing["not_null"] else ""
    default = f" DEFAULT {thing['default']}" if thing.get("default") else ""
    column = f"{thing['name']} {thing['type']}{default}{null}"
    return f"its data is lost, an empty one: ALTER TABLE {thing['table']} ADD COLUMN {column};"


def _create_constraint(name: str, thing: Properties) -> str:
    return f"ALTER TABLE {thing['table']} ADD CONSTRAINT {thing['name']} {thing['definition']};"


def _create_trigger(name: str, thing: Properties) -> str:
    sql = f"{thing['definition']};"
    return sql if thing["enabled"] == "O" else f"{sql} {_enable(thing)}"


def _create_policy(name: str, thing: Properties) -> str:
    kind = "" if thing["permissive"] else " AS RESTRICTIVE"
    using = f" USING ({thing['using']})" if thing.get("using") else ""
    check = f" WITH CHECK ({thing['with_check']})" if thing.get("with_check") else ""
    head = f"CREATE POLICY {thing['name']} ON {thing['table']}{kind} FOR {thing['command']} TO {thing['roles']}"
    return f"{head}{using}{check};"


_CREATE: dict[str, Callable[[str, Properties], str]] = {
    "column": _create_column,
    "constraint": _create_constraint,
    "index": lambda name, thing: f"{thing['definition']};",
    "policy": _create_policy,
    "role": lambda name, thing: f"CREATE ROLE {name} NOLOGIN; then grant again: {_FILES}",
    "table": lambda name, thing: f"its rows are lost: restore a backup, or create it empty: {_FILES}",
    "trigger": _create_trigger,
}


def _mend_column(name: str, aspect: str, before: Properties) -> str | None:
    head = f"ALTER TABLE {before['table']} ALTER COLUMN {before['name']}"
    if aspect == "type":
        return f"{head} TYPE {before['type']};"
    if aspect == "not_null":
        return f"{head} {'SET' if before['not_null'] else 'DROP'} NOT NULL;"
    if aspect == "default":
        return f"{head} SET DEFAULT {before['default']};" if before.get("default") else f"{head} DROP DEFAULT;"
    return None


def _mend_constraint(name: str, aspect: str, before: Properties) -> str:
    head = f"ALTER TABLE {before['table']}"
    if aspect == "validated":
        return f"{head} VALIDATE CONSTRAINT {before['name']};"
    return f"{head} DROP CONSTRAINT {before['name']}; {_create_constraint(name, before)}"


def _mend_index(name: str, aspect: str, before: Properties) -> str:
    return f"REINDEX INDEX CONCURRENTLY {name};" if aspect == "valid" else f"DROP INDEX {name}; {before['definition']};"


def _mend_policy(name: str, aspect: str, before: Properties) -> str:
    return f"DROP POLICY {before['name']} ON {before['table']}; {_create_policy(name, before)}"


def _mend_role(name: str, aspect: str, before: Properties) -> str:
    attribute = {"superuser": "SUPERUSER", "bypasses_row_security": "BYPASSRLS"}[aspect]
    return f"as a superuser: ALTER ROLE {name} {'' if before[aspect] else 'NO'}{attribute};"


def _mend_table(name: str, aspect: str, before: Properties) -> str | None:
    verbs = {
        "row_security": ("ENABLE", "DISABLE"),
        "row_security_forced": ("FORCE", "NO FORCE"),
    }.get(aspect)
    return f"ALTER TABLE {name} {verbs[not before[aspect]]} ROW LEVEL SECURITY;" if verbs else None


def _mend_mapping(name: str, aspect: str, before: Properties) -> str:
    head = f"ALTER TEXT SEARCH CONFIGURATION {name}"
    if not before.get("value"):
        return f"{head} DROP MAPPING FOR {before['key']};"
    return f"{head} ALTER MAPPING FOR {before['key']} WITH {before['value']};"


def _mend_trigger(name: str, aspect: str, before: Properties) -> str:
    if aspect == "enabled":
        return _enable(before)
    return f"DROP TRIGGER {before['name']} ON {before['table']}; {_create_trigger(name, before)}"


def _mend_view(name: str, aspect: str, before: Properties) -> str | None:
    if aspect == "options":
        return f"ALTER VIEW {name} SET ({before['options']});" if before["options"] else None
    return f"CREATE OR REPLACE VIEW {name} AS {' '.join(before['definition'].split())}"


_MEND: dict[str, Callable[[str, str, Properties], str | None]] = {
    "column": _mend_column,
    "constraint": _mend_constraint,
    "index": _mend_index,
    "materialized view": lambda name, aspect, before: (
        f"REFRESH MATERIALIZED VIEW {name};" if aspect == "populated" else None
    ),
    "policy": _mend_policy,
    "role": _mend_role,
    "table": _mend_table,
    "text search configuration": _mend_mapping,
    "trigger": _mend_trigger,
    "view": _mend_view,
}


def _enable(thing: Properties) -> str:
    return f"ALTER TABLE {thing['table']} {_ENABLE[thing['enabled']]} TRIGGER {thing['name']};"


def _rights(kind: str, name: str, grantee: str, before: str | None, now: str | None) -> str:
    old, new = set((before or "").split(", ")) - {""}, set((now or "").split(", ")) - {""}
    place = f"{kind.upper()} {name}" if kind in {"schema", "function"} else f"TABLE {name}"
    option = " WITH GRANT OPTION"
    steps = []
    if new - old:
        taken = ", ".join(sorted({right.removesuffix(option) for right in new - old}))
        steps.append(f"REVOKE {taken} ON {place} FROM {grantee};")
    if old - new:
        given = ", ".join(sorted({right.removesuffix(option) for right in old - new}))
        steps.append(f"GRANT {given} ON {place} TO {grantee};")
    return " ".join(steps)
