"""The shape of a catalogue's file: which keys there are, and what each may hold; not what they mean together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from devora_console.config.faults import KIND_WORDS, Fault
from devora_console.config.keys import suggestion
from devora_console.config.locate import Place
from devora_console.core.safetext import one_line

_Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
_Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,39}$")]
_Words = Annotated[str, Field(min_length=1, max_length=400)]
_Sql = Annotated[str, Field(min_length=1, max_length=20_000)]
_Pointer = Annotated[str, Field(pattern=r"^(/[^/]+)+$", max_length=400)]
_Data = dict[str, Any]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True, allow_inf_nan=False)


class StepShape(_Shape):
    """One find or aggregate of MongoDB."""

    collection: Annotated[str, Field(min_length=1, max_length=255)]
    find: _Data | None = None
    aggregate: Annotated[list[_Data], Field(min_length=1)] | None = None
    project: _Data | None = None
    sort: dict[str, Literal[1, -1]] | None = None
    limit: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    answer: _Pointer | None = None
    take: _Pointer | None = None
    name: _Name | None = Field(default=None, alias="as")
    key: _Pointer | None = None
    value: _Pointer | None = None


class ParameterShape(_Shape):
    """What stands for a name."""

    name: _Name
    about: _Words = "-"
    postgres: _Sql
    mongo: Annotated[list[StepShape], Field(min_length=1)]
    take: Literal["word"] | None = None


class SearchShape(_Shape):
    """A question for the console's search."""

    text: _Words
    method: Literal["fts", "trigram", "semantic", "hybrid"]
    kinds: Literal["all", "projects", "conversations", "messages", "files"] = "all"
    limit: Annotated[int, Field(ge=1, le=200)] = 20


class PostgresShape(_Shape):
    """How PostgreSQL is asked: exactly one of the two."""

    sql: _Sql | None = None
    search: SearchShape | None = None


class QuestionShape(_Shape):
    """One question."""

    id: _Id
    title: _Words
    about: str = ""
    answer: Literal["ids", "count", "none"]
    mongo: Annotated[list[StepShape], Field(min_length=1)] | None = None
    mongo_missing: _Words | None = None
    postgres: PostgresShape | None = None
    postgres_missing: _Words | None = None


class FileShape(_Shape):
    """The file."""

    format: Literal[1]
    name: _Id
    parameter: list[ParameterShape] = []
    question: list[QuestionShape] = []


_TABLES: Mapping[tuple[str, ...], type[_Shape]] = {
    (): FileShape,
    ("parameter",): ParameterShape,
    ("parameter", "mongo"): StepShape,
    ("question",): QuestionShape,
    ("question", "mongo"): StepShape,
    ("question", "postgres"): PostgresShape,
    ("question", "postgres", "search"): SearchShape,
}


def shaped(data: Mapping[str, Any]) -> FileShape | list[Fault]:
    """The file's contents in their shape, or all that is wrong with it."""
    try:
        return FileShape.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        # A key that is misspelt is also missing: that it is there under another name says more.
        misspelt = {each["loc"][:-1] for each in found if each["type"] == "extra_forbidden"}
        return [_fault(each) for each in found if each["type"] != "missing" or each["loc"][:-1] not in misspelt]


def _fault(error: ErrorDetails) -> Fault:
    place: Place = tuple(part for part in error["loc"] if isinstance(part, int | str))
    return Fault(place, _reason(error, place))


def _reason(error: ErrorDetails, place: Place) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _keys(place[:-1])
        return f"unknown key{suggestion(str(place[-1]), known) or '; there are ' + ', '.join(known)}"
    if kind == "literal_error":
        return f"should be {error.get('ctx', {}).get('expected', 'another value')}"
    if kind == "string_pattern_mismatch":
        pointers = {"answer", "take", "key", "value"}
        return "should be a pointer such as '/id'" if place[-1] in pointers else "should be a short plain name"
    return KIND_WORDS.get(kind) or one_line(error["msg"].replace("Input should", "should"), 200)


def _keys(table: Place) -> list[str]:
    model = _TABLES.get(tuple(part for part in table if isinstance(part, str)), FileShape)
    return [field.alias or name for name, field in model.model_fields.items()]
