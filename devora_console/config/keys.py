"""The keys there are: their dotted names, their environment variables, and how a given value is judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from devora_console.config.given import Given
from devora_console.config.secret import Dsn, Secret
from devora_console.config.settings import Settings
from devora_console.config.variables import SiteVariables
from devora_console.core.safetext import one_line

GENERIC_PREFIX = "DEVORA_CONSOLE__"
# The application's own names for what it shares with the console.
APPLICATION_VARIABLES = {
    "POSTGRES_DSN": "postgres.dsn",
    "MONGO_URL": "mongo.url",
    "DB_NAME": "mongo.database",
    "POSTHOG_API_KEY": "analytics.posthog_api_key",
    "POSTHOG_HOST": "analytics.posthog_host",
    "POSTHOG_PERSONAL_API_KEY": "analytics.posthog_personal_api_key",
    "OPENAI_API_KEY": "search.openai_api_key",
    "ENVIRONMENT": "environment",
}
PROFILE_VARIABLE = "DEVORA_CONSOLE_PROFILE"
CONFIG_VARIABLE = "DEVORA_CONSOLE_CONFIG"


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that can be configured, or (``derived``) that the loader works out."""

    name: str
    field: FieldInfo
    derived: bool

    @property
    def section(self) -> str:
        """The table it stands in; '' at the top."""
        return self.name.rpartition(".")[0]

    @property
    def leaf(self) -> str:
        """Its name within the table."""
        return self.name.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable every key has."""
        return GENERIC_PREFIX + self.name.upper().replace(".", "__")


@cache
def catalogue() -> Mapping[str, Key]:
    """Every key of the settings by dotted name, in their order."""
    found: dict[str, Key] = {}
    for name, model_field in Settings.model_fields.items():
        annotation = model_field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner = annotation.model_fields.items()
            found |= {f"{name}.{leaf}": _key(f"{name}.{leaf}", leaf_field) for leaf, leaf_field in inner}
        else:
            found[name] = _key(name, model_field)
    return found


def _key(name: str, field: FieldInfo) -> Key:
    extra = field.json_schema_extra
    return Key(name, field, isinstance(extra, dict) and bool(extra.get("derived")))


@cache
def settable() -> Mapping[str, Key]:
    """The keys that may be given."""
    return {name: key for name, key in catalogue().items() if not key.derived}


@cache
def sections() -> tuple[str, ...]:
    """The names of the tables."""
    return tuple(dict.fromkeys(key.section for key in settable().values() if key.section))


def shown_key(*parts: str) -> str:
    """A key as it may be shown: a name that is no plain word (a connection string, say) is not."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) else "<not a plain name>" for part in parts)


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'dsn'?`` when ``word`` resembles one of ``known``, else ''."""
    near = get_close_matches(word.lower(), list(known), 1, 0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def unknown_key(section: str, leaf: str) -> str:
    """What to say of a key that does not exist: the nearest name in its table, else its right table."""
    siblings = [key.leaf for key in settable().values() if key.section == section]
    hint = suggestion(leaf, siblings if section else [*siblings, *sections()])
    homes = [key.section for key in settable().values() if key.leaf == leaf.lower() and key.section]
    if not hint and homes:
        hint = f"; it belongs to [{homes[0]}]"
    if not hint and siblings:
        hint = f"; there are {', '.join(siblings)}"
    return f"unknown key{hint}"


def judged(given: Given) -> tuple[object, str]:
    """The value as the settings hold it and '', or None and what is wrong with it. Never quotes the value."""
    adapter = _adapter(given.key)
    value = given.value.reveal()
    try:
        if given.is_text:
            return adapter.validate_python(_plain(given.key, str(value))), ""
        if is_table(given.key) and isinstance(value, dict):
            return adapter.validate_python(value), ""
        if not isinstance(value, bool | int | float | str):
            return None, f"should be {expected(given.key)}, not {_kind(value)}"
        return adapter.validate_json(json.dumps(value), strict=True), ""
    except ValidationError as error:
        return None, _reason(error, given.key)


def _plain(key: str, text: str) -> str:
    """Text for a number or a yes is forgiving about space around it; text for text is taken as it is."""
    return text if expected(key) == "text" else text.strip()


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    field = catalogue()[name].field
    # hide_input_in_errors does not reach a bare adapter: only `msg` of its errors is ever used.
    kind: Any = Annotated[field.annotation, field]
    return TypeAdapter(kind)


def is_table(name: str) -> bool:
    """Whether the key holds values by name, so that one source adds to another."""
    return SiteVariables in _kinds(catalogue()[name].field.annotation)


def is_secret(name: str) -> bool:
    """Whether the key holds a secret or a connection string."""
    return any(kind is Secret or kind is Dsn for kind in _kinds(catalogue()[name].field.annotation))


def _kinds(annotation: Any) -> set[Any]:
    inner = getattr(annotation, "__args__", ())
    return {annotation}.union(*(_kinds(argument) for argument in inner)) if inner else {annotation}


def expected(name: str) -> str:
    """The kind of value the key takes, in words."""
    kinds = _kinds(catalogue()[name].field.annotation)
    words_of = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (SiteVariables, "a table of texts"),
    )
    for kind, words in words_of:
        if kind in kinds:
            return words
    return "text"


def _kind(value: object) -> str:
    names = {
        dict: "a table",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "a date or time")


def _reason(error: ValidationError, name: str) -> str:
    detail = error.errors(include_input=False, include_url=False, include_context=True)
    kinds = {"bool_type", "bool_parsing", "float_type", "float_parsing", "int_type", "int_parsing"} | {
        "int_from_float", "string_type", "path_type", "int_parsing_size", "secret_type"
    }  # fmt: skip
    first = detail[0]
    if first["type"] in ("value_error", "assertion_error"):
        return "cannot be read"  # such a message may quote what it could not read
    if first["type"] in kinds:
        return f"should be {expected(name)}"
    return one_line(first["msg"].replace("Input should be", "should be").replace("String should", "should"), 300)
