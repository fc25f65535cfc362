"""A TOML file as text and as a document: what can be wrong with either is one line that names file and line."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

_LARGEST = 1_000_000  # bytes; what people write by hand is a few thousand


@dataclass(frozen=True, slots=True)
class FileWords:
    """How a kind of file is spoken of: the code of its problems, its name, what to do when there is none."""

    code: str
    name: str
    when_missing: str


@dataclass(frozen=True)
class TomlText:
    """The bytes of a file, and the text they are. Not shown: it may hold secrets."""

    raw: bytes
    text: str

    def __repr__(self) -> str:
        return f"<TomlText of {len(self.raw)} bytes>"


def toml_text(path: Path, shown: str, words: FileWords) -> TomlText:
    """Read a file. Raises ConsoleError (exit 2) in one line when that cannot be done."""
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would keep us waiting for ever
        raise usage_error(words.code, f"{shown}: is no regular file", "Name a file")
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except IsADirectoryError:
        reason, remedy = f"is a directory, not a {words.name}", "Name the file itself"
    except FileNotFoundError:
        reason, remedy = "does not exist", words.when_missing
    except OSError as error:
        said = one_line(error.strerror or "cannot be read")
        reason, remedy = f"cannot be read: {said}", "Make it readable for this user"
    except ValueError:
        reason, remedy = "cannot be read: is no file name", "Make it readable for this user"
    else:
        return decoded(raw, shown, words)
    raise usage_error(words.code, f"{shown}: {reason}", remedy)


def decoded(raw: bytes, shown: str, words: FileWords) -> TomlText:
    """The bytes of a file as text. Raises ConsoleError (exit 2) when they are none."""
    if len(raw) > _LARGEST:
        raise usage_error(words.code, f"{shown}: larger than {_LARGEST} bytes", f"Name a {words.name}")
    try:
        return TomlText(raw, raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    raise usage_error(words.code, f"{shown}:{line}: not UTF-8", "Save the file as UTF-8")


def toml_document(source: str) -> dict[str, Any] | str:
    """What the text says; or, to be put behind the file's name, where and why it is no TOML. Quotes no value."""
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        return _syntax(str(error), len(source.splitlines()) or 1)
    except (RecursionError, ValueError):  # nested beyond reason, or a number of thousands of digits
        return ": nested too deeply, or holds a number too long to read"


def _syntax(message: str, last_line: int) -> str:
    words, _, place = message.rpartition(" (at ")
    line, _, column = place.removesuffix(")").removeprefix("line ").partition(", column ")
    if not line.isdecimal():
        return f":{last_line}: not valid TOML: {one_line(words)} at the end of the file"
    return f":{line}: not valid TOML: {one_line(words)} (column {column})"
