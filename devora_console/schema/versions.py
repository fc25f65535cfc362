"""The numbered versions of the target schema, as they lie in ``versions/``.

A version is two files, ``NNNN_name.up.sql`` and ``NNNN_name.down.sql``. The header of the up file says what it
is for and what it requires; both files run in one transaction. Its checksum is the SHA-256 of the up file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.up\.sql")
_HEADER = re.compile(r"^-- (?P<key>what|requires): (?P<value>.+)$", re.MULTILINE)
_REQUIREMENT = re.compile(r"(?P<kind>extension|role) (?P<name>\w+)(?P<loaded> loaded)?")
_COMMENT = re.compile(r"--[^\n]*")
_CREATED = re.compile(
    r"\bCREATE (?:UNIQUE )?(?P<kind>SCHEMA|TABLE|INDEX|MATERIALIZED VIEW|VIEW|FUNCTION"
    r"|TEXT SEARCH CONFIGURATION|TEXT SEARCH DICTIONARY) (?:(?P<place>\w+)\.)?(?P<name>\w+)\b(?!\.)"
)
_COLUMN = re.compile(r"\bALTER TABLE (?P<place>\w+)\.(?P<table>\w+) ADD COLUMN (?P<column>\w+)")


@dataclass(frozen=True, slots=True, order=True)
class Created:
    """An object that a version creates: its kind in lower case (``table`` ...), schema and name."""

    kind: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.schema}.{self.name}" if self.schema else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Version:
    """One step of the schema. It waits for ``extension``; ``loaded``: whose library must be preloaded."""

    number: int
    name: str
    what: str
    extension: str | None
    loaded: bool
    roles: tuple[str, ...]
    checksum: str
    up: str
    down: str

    @property
    def label(self) -> str:
        """``0003_tables``, the way its files are called."""
        return f"{self.number:04d}_{self.name}"

    @property
    def creates(self) -> tuple[Created, ...]:
        """The objects with a name of their own in a schema; triggers and policies go with their table."""
        found = []
        for match in _CREATED.finditer(_COMMENT.sub("", self.up)):
            kind = match["kind"].lower()
            # An index lives in the schema of its table, which the statement names further on.
            default = "devora_console" if self.number == 1 and kind != "schema" else "public"
            found.append(Created(kind, "" if kind == "schema" else match["place"] or default, match["name"]))
        return tuple(found)

    @property
    def adds(self) -> tuple[tuple[str, str, str], ...]:
        """Columns added to tables of earlier versions, as (schema, table, column)."""
        return tuple((m["place"], m["table"], m["column"]) for m in _COLUMN.finditer(_COMMENT.sub("", self.up)))


@cache
def versions() -> tuple[Version, ...]:
    """Every version this console knows, ascending. A malformed file is a ValueError: our own fault."""
    folder = files(__package__) / "versions"
    found = [match for match in (_FILE.fullmatch(entry.name) for entry in folder.iterdir()) if match]
    loaded = []
    for match in sorted(found, key=lambda m: m["number"]):
        up = (folder / match[0]).read_text(encoding="utf-8")
        down = (folder / match[0].replace(".up.", ".down.")).read_text(encoding="utf-8")
        loaded.append(_version(int(match["number"]), match["name"], up, down))
    if [version.number for version in loaded] != list(range(1, len(loaded) + 1)):
        raise ValueError("schema versions are not numbered 1, 2, 3 ...")
    return tuple(loaded)


def _version(number: int, name: str, up: str, down: str) -> Version:
    header = {match["key"]: match["value"] for match in _HEADER.finditer(up)}
    if header.keys() != {"what", "requires"}:
        raise ValueError(f"schema version {number}: the header must say what and requires")
    needs = list(_REQUIREMENT.finditer(header["requires"]))
    extensions = [match for match in needs if match["kind"] == "extension"]
    if (header["requires"] != "nothing") != bool(needs) or len(extensions) > 1:
        raise ValueError(f"schema version {number}: requires is 'nothing', one extension, or roles")
    return Version(
        number=number,
        name=name,
        what=header["what"],
        extension=extensions[0]["name"] if extensions else None,
        loaded=bool(extensions and extensions[0]["loaded"]),
        roles=tuple(match["name"] for match in needs if match["kind"] == "role"),
        checksum=hashlib.sha256(up.encode()).hexdigest(),
        up=up,
        down=down,
    )


LATEST: int = versions()[-1].number
"""The newest version this console knows."""

ROLES: tuple[str, ...] = tuple(role for version in versions() for role in version.roles)
"""The group roles the schema grants to: NOLOGIN, shared by every database of the server."""
EXTENSIONS: tuple[str, ...] = tuple(dict.fromkeys(v.extension for v in versions() if v.extension))
"""The extensions that versions wait for."""
