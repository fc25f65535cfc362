"""What could be written into the mapping file, as TOML to copy, with the count behind it. Proposals, not decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from devora_console.migration.mapping import Absent, Collection, Column, Policy, WhenAbsent, parse_pointer, pointer
from devora_console.migration.profile_names import is_private
from devora_console.migration.profile_paths import STAR
from devora_console.migration.profile_snapshot import ColumnVerdict, PathProfile, Proposal

_MOST = 20  # proposals for loose fields of one collection
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_INT4 = 2**31


def proposals_of(
    collection: Collection,
    named: bool,
    documents: int,
    paths: Sequence[PathProfile],
    columns: Sequence[ColumnVerdict],
) -> tuple[Proposal, ...]:
    """For refused values a rule, for fields that no column takes a column, for an unmapped collection its policy."""
    if not _sayable(collection.name):
        return ()
    if not named:
        return (_policy(collection, documents, paths),)
    if collection.policy is not Policy.MAP:
        return ()
    observed = {path.path: path for path in paths}
    loose = [path for path in paths if path.loose and _sayable(path.path) and _place(collection, path)][:_MOST]
    used = {column.name for column in collection.columns}
    used |= {column.name for child in collection.children for column in child.columns}
    return (
        *(proposal for verdict in columns for proposal in _column(collection, verdict, observed.get(verdict.path))),
        *(_loose(collection, path, used) for path in loose),
    )


def _policy(collection: Collection, documents: int, paths: Sequence[PathProfile]) -> Proposal:
    """The collection named, with the policy it has anyway and the secrets its field names give away."""
    policy = Policy.ARCHIVE if collection.policy is Policy.REFUSE else collection.policy
    secrets = [path.path for path in paths if _secret(path.path) and _sayable(path.path)]
    lines = ["[[collections]]", f"name = {quoted(collection.name)}", f'policy = "{policy}"']
    if secrets:
        lines.append(f"secrets = [{', '.join(map(quoted, secrets))}]")
    reason = f"{collection.name}: {documents} documents, and the mapping does not name it; map, archive or ignore"
    return Proposal(collection.name, reason, "\n".join(lines))


def _secret(path: str) -> bool:
    above, _, name = path.rpartition("/")
    return is_private(name) and not any(map(is_private, above.split("/")))


def _column(collection: Collection, verdict: ColumnVerdict, path: PathProfile | None) -> Iterator[Proposal]:
    column = _mapped(collection, verdict)
    if column is None:
        return
    of = f"of {verdict.of} {'elements' if f'/{STAR}/' in verdict.path else 'documents'}"
    absent = verdict.refused.get("not_null", verdict.refused.get("reference_missing", {}))
    changes: dict[str, str] = {}
    reasons: list[str] = []
    for state, when in (("missing", column.missing), ("null", column.null)):
        if state in absent and when.how is Absent.ERROR:
            changes[state] = _stand_in(collection, column)
            caveat = ": only if the table lets it be null" if changes[state] == '"null"' else ""
            reasons.append(f"{state} in {absent[state]} {of}{caveat}")
    naive = path.strings.iso_naive if path and path.strings else 0
    if naive and not column.naive_is_utc and column.type == "timestamptz":
        changes["naive"] = '"utc"'
        reasons.append(f"{naive} {of} have a date without a zone: if the application wrote UTC")
    if "nul" in verdict.refused:
        changes["nul"] = '"replace"'
        reasons.append(f"{sum(verdict.refused['nul'].values())} {of} hold NUL")
    variants = _variants(path, column)
    if variants:
        changes["values"] = f"{{ {', '.join(f'{quoted(a)} = {quoted(b)}' for a, b in variants.items())} }}"
        assert path is not None
        assert path.values is not None
        reasons.append(
            f"{sum(path.values[value] for value in variants)} {of} have a value that differs from another in case"
        )
    if changes:
        reason = f"{collection.name}, {verdict.path}: {'; '.join(reasons)}"
        yield Proposal(collection.name, reason, _toml(collection, verdict, column, changes))


def _mapped(collection: Collection, verdict: ColumnVerdict) -> Column | None:
    columns = collection.columns
    for child in collection.children:
        if child.table == verdict.table:
            columns = child.columns
    return next((column for column in columns if column.name == verdict.column and column.path), None)


def _stand_in(collection: Collection, column: Column) -> str:
    """What the mapping has for columns of this kind elsewhere; a null is right only where the table allows one."""
    if column.type == "timestamptz":
        created = next((c.path for c in collection.columns if c.name == "created_at" and c.path), None)
        if created is not None and column.name == "updated_at":
            return f"{{ from = {quoted(pointer(created))} }}"
        return '"objectid_time"'
    return "{ value = false }" if column.type == "bool" else '"null"'


def _variants(path: PathProfile | None, column: Column) -> dict[str, str]:
    """Values that differ from a much more frequent one only in case."""
    if path is None or path.values is None or column.type != "text":
        return {}
    mapped = dict(column.values)
    best: dict[str, str] = {}
    for value in path.values:  # the most frequent first
        best.setdefault(value.casefold(), value)
    found = {value: best[value.casefold()] for value in path.values if value != best[value.casefold()]}
    return {value: target for value, target in found.items() if value not in mapped and _sayable(value)}


def _toml(collection: Collection, verdict: ColumnVerdict, column: Column, changes: dict[str, str]) -> str:
    """The whole column, to take the place of the one the mapping has."""
    place = "collections.columns" if verdict.table == collection.table else "collections.children.columns"
    lines = [
        f"[{place}.{_key(column.name)}]",
        f'type = "{column.type}"',
        f"path = {quoted(pointer(column.path or ()))}",
    ]
    said = {
        "missing": _when(column.missing),
        "null": _when(column.null),
        "usual": quoted(column.usual) if column.usual != "null" else None,
        "naive": None if column.naive_is_utc else '"refuse"',
        "nul": quoted(column.nul) if column.nul != "replace" else None,
        "references": _reference(column),
        "secret": "true" if column.secret else None,
    }
    if column.values or "values" in changes:
        pairs = ", ".join(f"{quoted(source)} = {quoted(target)}" for source, target in column.values)
        added = changes.get("values", "{  }")[2:-2]
        said["values"] = f"{{ {', '.join(part for part in (pairs, added) if part)} }}"
        said["values_rule"] = quoted(column.values_rule)
    said |= {key: value for key, value in changes.items() if key != "values"}
    lines += [f"{key} = {value}" for key, value in said.items() if value is not None]
    return "\n".join(lines)


def _when(when: WhenAbsent) -> str | None:
    if when.how is Absent.ERROR:
        return None
    if when.how is Absent.VALUE:
        value = when.value
        return f"{{ value = {str(value).lower() if isinstance(value, bool | int) else quoted(str(value))} }}"
    if when.how is Absent.FROM:
        return f"{{ from = {quoted(pointer(when.value))} }}"
    return quoted(when.how)


def _reference(column: Column) -> str | None:
    if column.reference is None:
        return None
    dangling = "" if column.reference.dangling == "quarantine" else f", dangling = {quoted(column.reference.dangling)}"
    return f"{{ collection = {quoted(column.reference.collection)}{dangling} }}"


def _place(collection: Collection, path: PathProfile) -> tuple[str, str, tuple[str, ...]] | None:
    """(TOML table, PostgreSQL table, path) where a column for a loose field would stand; None: in no row of its own."""
    parts = parse_pointer(path.path)
    for child in collection.children:
        prefix = (*child.path, STAR)
        if parts[: len(prefix)] == prefix:
            inner = parts[len(prefix) :]
            return None if STAR in inner else ("collections.children.columns", child.table, inner)
    return None if STAR in parts else ("collections.columns", collection.table, parts)


def _loose(collection: Collection, path: PathProfile, used: set[str]) -> Proposal:
    """A column for a field that no column takes: of the one type all its values have, else jsonb."""
    found = _place(collection, path)
    assert found is not None
    place, table, inner = found
    name = re.sub(r"[^a-z0-9]+", "_", "_".join(inner).lower()).strip("_0123456789")[:50] or "field"
    name = next(each for each in (name, *(f"{name}_{n}" for n in range(2, 9999))) if each not in used)
    used.add(name)
    lines = [
        f"[{place}.{_key(name)}]",
        f'type = "{_type(path)}"',
        f"path = {quoted(pointer(inner))}",
        'missing = "null"',
        'null = "null"',
    ]
    if path.hidden:
        lines.append("secret = true")
    count = path.present if path.of is None else f"{path.present} of {path.of}"
    reason = f"{collection.name}, {path.path}: {count} have it and no column takes it; needs a column in {table}"
    return Proposal(collection.name, reason, "\n".join(lines))


def _type(path: PathProfile) -> str:
    kinds = {kind for kind in path.types if kind != "null"}
    text = path.strings
    if kinds == {"string"} and text is not None:
        if text.uuids == text.count:
            return "uuid"
        return "timestamptz" if text.iso_zoned + text.iso_naive == text.count else "text"
    if kinds in ({"date"}, {"date", "string"}) and (text is None or text.iso_zoned + text.iso_naive == text.count):
        return "timestamptz"
    if kinds == {"bool"}:
        return "bool"
    numbers = path.numbers
    if numbers is not None and kinds <= {"int", "long", "double", "decimal"} and not numbers.not_finite:
        if "decimal" in kinds or numbers.integral is False:
            return "numeric"
        low, high = numbers.low, numbers.high
        small = low is not None and high is not None and -_INT4 <= low <= high < _INT4
        return "int4" if small else "int8"
    return "jsonb"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name)


def _sayable(text: str) -> bool:
    """Whether TOML can hold the text: half surrogates (bytes that are not UTF-8) it cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def quoted(text: str) -> str:
    """A TOML string that stands on one line and holds nothing a terminal would act on.

    >>> print(quoted('a"b\\n\\u202e'))
    "a\\"b\\u000A\\u202E"
    """
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}"
