"""SQL for the digests of stored rows: PostgreSQL's side of :func:`~devora_console.migration.rows.digest`."""

from __future__ import annotations

from devora_console.migration.plan import CollectionPlan, TablePlan
from devora_console.migration.target import quoted

_SEND = {
    "uuid": "uuid_send",
    "bool": "boolsend",
    "int4": "int4send",
    "int8": "int8send",
    "numeric": "numeric_send",
    "timestamptz": "timestamptz_send",
    "jsonb": "jsonb_send",
}


def send(name: str, kind: str) -> str:
    """SQL for a column's binary form."""
    return f"{_SEND[kind]}({quoted(name)})" if kind in _SEND else f"textsend({quoted(name)}::text)"


def body_sql(plan: TablePlan) -> str:
    """SQL for a row's fields as COPY BINARY carries them; the columns must be in scope unqualified."""
    parts = (send(name, kind) for name, kind in zip(plan.names, plan.types, strict=True))
    return " || ".join(f"coalesce(int4send(octet_length({part})) || {part}, '\\xffffffff'::bytea)" for part in parts)


def bucket_sql(plan: TablePlan) -> str:
    """SQL for a row's bucket; see :func:`~devora_console.migration.work.compare.bucket_of`."""
    key = f"uuid_send({quoted(plan.key.column)})"
    if plan.types[plan.key_index] != "uuid":
        key = f"decode(md5({quoted(plan.key.column)}::text), 'hex')"
    return f"((get_byte({key}, 0) << 4) | (get_byte({key}, 1) >> 4))"


def documents_sql(plan: CollectionPlan) -> str:
    """SQL for (key as text, digest) of stored documents, whole, for the keys (as text) in ``$1``."""
    root = plan.root
    key = quoted(root.key.column)
    # All names are the catalogue's, quoted.
    parts = [f"int4send(1) || (SELECT {body_sql(root)} FROM (SELECT t.*) AS r)"]  # noqa: S608
    for child in plan.children:
        # The digest covers the number of rows and the rows in the order of the array.
        parts.append(
            f"(SELECT int4send(count(*)::int) || coalesce(string_agg(b, ''::bytea ORDER BY o), ''::bytea)"  # noqa: S608
            f" FROM (SELECT {body_sql(child.table)} AS b, {quoted(child.child.ordinal_column)} AS o"
            f" FROM public.{quoted(child.table.table)} c WHERE c.{quoted(child.child.parent_column)} = t.{key}) AS e)"
        )
    kind = quoted(root.types[root.key_index])
    return (
        f"SELECT t.{key}::text, decode(md5({' || '.join(parts)}), 'hex') FROM public.{quoted(root.table)} t"  # noqa: S608
        f" WHERE t.{key} = ANY ($1::text[]::{kind}[])"
    )
