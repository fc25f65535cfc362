"""Read a mapping file: its shape checked by pydantic, its sense by us, every error with file, key and nearest name."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from devora_console.core.problems import ConsoleError, usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.mapping import (
    Absent,
    Child,
    Collection,
    Column,
    Key,
    Mapping,
    Owner,
    Policy,
    Reference,
    WhenAbsent,
    parse_pointer,
)
from devora_console.migration.mapping_sense import check_sense

Pointer = Annotated[tuple[str, ...], BeforeValidator(parse_pointer)]
Type = Literal["text", "uuid", "bool", "int4", "int8", "numeric", "timestamptz", "jsonb"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=False)


class _Value(_Strict):
    value: bool | int | str


class _From(_Strict):
    source: Pointer = Field(alias="from")


_When = Literal["error", "null", "objectid_time", "owner"] | _Value | _From


class _Reference(_Strict):
    collection: str
    dangling: Literal["quarantine", "null"] = "quarantine"


class _Column(_Strict):
    type: Type
    path: Pointer | None = None
    missing: _When = "error"
    null: _When = "error"
    usual: Literal["null", "missing"] = "null"
    compute: Literal["octets", "latest"] | None = None
    of: Pointer = ()
    field: Pointer = ()
    constant: bool | int | str | None = None
    parent: str | None = None
    references: _Reference | None = None
    naive: Literal["utc", "refuse"] = "utc"
    nul: Literal["replace", "quarantine"] = "replace"
    values: dict[str, str] = {}
    values_rule: str = "value_mapped"
    secret: bool = False


class _Key(_Strict):
    column: str
    type: Literal["uuid", "text"]
    path: Pointer | None = None
    derive: bool = False


class _Owner(_Strict):
    collection: str
    reference: str
    take: dict[str, str]
    sole: dict[str, str] = {}
    sole_rule: str = "ambiguous"


class _Child(_Strict):
    path: Pointer
    table: str
    parent: str
    ordinal: str
    key: _Key
    columns: dict[str, _Column]
    extra: str | None = None


class _Collection(_Strict):
    name: str
    policy: Policy
    required: bool = False
    table: str = ""
    key: _Key | None = None
    source_id: str | None = None
    extra: str | None = None
    rank: str | None = None
    secrets: tuple[Pointer, ...] = ()
    columns: dict[str, _Column] = {}
    children: tuple[_Child, ...] = ()
    owner: _Owner | None = None


class _File(_Strict):
    format: Literal[1]
    name: str
    unmapped: Literal["archive", "ignore", "refuse"] = "archive"
    collections: tuple[_Collection, ...]


def builtin_mapping() -> Mapping:
    """Devora's own mapping, which the package brings."""
    text = resources.files("devora_console.migration").joinpath("maps/devora.toml").read_text("utf-8")
    return parse_mapping(text, "devora.toml (built in)")


def load_mapping(path: Path | None) -> Mapping:
    """The mapping of a file, or the built-in one. Raises ConsoleError (exit 2) naming file, line and key."""
    if path is None:
        return builtin_mapping()
    shown = one_line(str(path), 160)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise usage_error("mapping_unreadable", f"{shown}: {error.strerror or 'cannot be read'}", "") from None
    except UnicodeDecodeError:
        raise usage_error("mapping_encoding", f"{shown}: not UTF-8", "Save the file as UTF-8") from None
    return parse_mapping(text, shown)


def parse_mapping(text: str, origin: str) -> Mapping:
    """The mapping that ``text`` says. ``origin`` names it in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise usage_error("mapping_syntax", f"{origin}: {error}", "Correct the TOML") from None
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        raise _invalid(error, data, text, origin) from None
    collections = tuple(_collection(each) for each in file.collections)
    mapping = Mapping(
        name=file.name,
        unmapped=Policy(file.unmapped),
        collections=collections,
        hash=hashlib.sha256(text.encode("utf-8")).hexdigest()[:16],
        origin=origin,
        by_name={each.name: each for each in collections},
    )
    check_sense(mapping, origin)
    return mapping


def _collection(model: _Collection) -> Collection:
    return Collection(
        name=model.name,
        policy=model.policy,
        required=model.required,
        table=model.table,
        key=_key(model.key) if model.key else None,
        columns=tuple(_column(name, column) for name, column in model.columns.items()),
        children=tuple(_child(child) for child in model.children),
        source_id_column=model.source_id,
        extra_column=model.extra,
        rank_column=model.rank,
        owner=_owner(model.owner) if model.owner else None,
        secret_paths=model.secrets + tuple(c.path for c in model.columns.values() if c.secret and c.path),
    )


def _key(model: _Key) -> Key:
    return Key(model.column, model.type, model.path, model.derive)


def _owner(model: _Owner) -> Owner:
    return Owner(
        model.collection, model.reference, tuple(model.take.items()), tuple(model.sole.items()), model.sole_rule
    )


def _child(model: _Child) -> Child:
    return Child(
        table=model.table,
        path=model.path,
        parent_column=model.parent,
        ordinal_column=model.ordinal,
        key=_key(model.key),
        columns=tuple(_column(name, column) for name, column in model.columns.items()),
        extra_column=model.extra,
    )


def _column(name: str, model: _Column) -> Column:
    return Column(
        name=name,
        type=model.type,
        path=model.path,
        missing=_when(model.missing),
        null=_when(model.null),
        usual=model.usual,
        compute=model.compute,
        of=model.of,
        field=model.field,
        constant=model.constant,
        has_constant="constant" in model.model_fields_set,
        parent=model.parent,
        reference=Reference(model.references.collection, model.references.dangling) if model.references else None,
        naive_is_utc=model.naive == "utc",
        nul=model.nul,
        values=tuple(model.values.items()),
        values_rule=model.values_rule,
        secret=model.secret,
    )


def _when(model: _When) -> WhenAbsent:
    if isinstance(model, _Value):
        return WhenAbsent(Absent.VALUE, model.value)
    if isinstance(model, _From):
        return WhenAbsent(Absent.FROM, model.source)
    return WhenAbsent(Absent(model))


def _invalid(error: ValidationError, data: dict[str, Any], text: str, origin: str) -> ConsoleError:
    first = error.errors(include_input=False, include_url=False)[0]
    path = _readable(first["loc"], data)
    line = _line(text, first["loc"])
    where = f"{origin}:{line}" if line else origin
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return usage_error("mapping_key", f"{where}: {path}: unknown key{more}", _nearest(str(first["loc"][-1]), _KEYS))
    message = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    return usage_error("mapping_value", f"{where}: {path}: {message}{more}", "The built-in mapping shows every form")


_KEYS = sorted(
    {
        info.alias or name
        for model in (_File, _Collection, _Child, _Column, _Key, _Owner, _Reference)
        for name, info in model.model_fields.items()
    }
)


_WORDS = {
    "missing": "is missing",
    "tuple_type": "should be a list",
    "string_type": "should be text",
    "bool_type": "should be true or false",
    "dict_type": "should be a table",
    "model_type": "should be a table",
}


def _nearest(word: str, words: list[str]) -> str:
    found = difflib.get_close_matches(word, words, 1)
    return f"Did you mean {found[0]!r}?" if found else ""


def _readable(loc: tuple[int | str, ...], data: Any) -> str:
    """``collections[users].columns.email.path``: positions replaced by the names people gave."""
    parts: list[str] = []
    node: Any = data
    for step in loc:
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
            name = (node.get("name") or node.get("table")) if isinstance(node, dict) else None
            parts[-1:] = [f"{parts[-1] if parts else ''}[{one_line(str(name or step), 40)}]"]
        else:
            node = node.get(step) if isinstance(node, dict) else None
            if not step.startswith(("_", "literal[")):
                parts.append(one_line(step, 40))
    return ".".join(parts)


def _line(text: str, loc: tuple[int | str, ...]) -> int | None:
    """The line of the last name of ``loc`` that can be found, looked for step by step from the outside in."""
    lines = text.splitlines()
    start, end, found = 0, len(lines), None
    headers = ["[[collections]]", "[[collections.children]]"]
    for step in loc:
        if isinstance(step, int):
            header = headers.pop(0) if headers else ""
            at = [number for number in range(start if found else 0, end) if lines[number].strip() == header]
            if step < len(at):
                start = at[step]
                end = at[step + 1] if step + 1 < len(at) else end
                found = start + 1
        elif not step.startswith(("_", "literal[", "collections")):
            named = re.compile(rf"(?:^|[\[{{,.\s]){re.escape(step)}(?:\s*=|\])")
            number = next((number for number in range(start, end) if named.search(lines[number])), None)
            if number is not None:
                start, found = number, number + 1
    return found
