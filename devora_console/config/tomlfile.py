"""The configuration file: found, read, and turned into layers of values with the line of each."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from devora_console.config.given import Given, Hidden, Layer, Origin, Source
from devora_console.config.keys import (
    is_secret,
    judged,
    sections,
    settable,
    shown_key,
    suggestion,
    unknown_key,
)
from devora_console.config.locate import Path as KeyPath
from devora_console.config.locate import key_lines
from devora_console.config.secret import Dsn
from devora_console.config.tomltext import FileWords, toml_document, toml_text
from devora_console.core.problems import Problem, usage_error
from devora_console.core.safetext import one_line

_PROFILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
_WORDS = FileWords("config_file", "configuration file", "Write one with 'devora-console config init'")


def shown_path(path: Path, cwd: Path) -> str:
    """A path for messages: relative to ``cwd`` when it is below it."""
    shown = path.relative_to(cwd) if path.is_relative_to(cwd) else path
    return one_line(str(shown), 300)


class TomlFile:
    """A file that could be read as TOML, with all that is wrong with its keys. Prints no values."""

    def __init__(self, path: Path, shown: str, text: Hidden) -> None:
        """Raises ConsoleError (exit 2) when ``text`` is not TOML, naming the line."""
        self.path = path
        self.shown = shown
        self._top: Layer
        self._profiles: dict[str, Layer] = {}
        self.default_profile: Given | None = None
        parsed = _parsed(text)
        if isinstance(parsed, str):
            raise usage_error("config_syntax", f"{shown}{parsed}", "Correct the file's syntax")
        self._document, self._lines = parsed
        self._read()

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles, in the file's order."""
        return tuple(self._profiles)

    @property
    def base(self) -> Layer:
        """What holds for every profile; its errors are those of the whole file."""
        return self._top

    def profile(self, name: str) -> Layer:
        """What the profile says. Its errors are in :attr:`base` already."""
        return self._profiles[name]

    def where(self, *path: str) -> str:
        """``config.toml:12``: the line of a key."""
        line = self._line(path)
        return f"{self.shown}:{line}" if line else self.shown

    def _line(self, path: KeyPath) -> int | None:
        return self._lines.get(path) or (self._line(path[:-1]) if path else None)

    def __repr__(self) -> str:
        return f"<TomlFile {self.shown}>"

    def _read(self) -> None:
        document = dict(_as_table(self._document))
        profiles = Hidden(document.pop("profiles", {}))
        default = Hidden(document.pop("default_profile", None))
        errors: list[Problem] = []
        values = self._layer(Hidden(document), (), "file", errors)
        for name, body in _items(profiles):
            found: list[Problem] = []
            if not isinstance(body.reveal(), dict):
                found.append(self._problem(("profiles", name), "should be a table"))
            elif not _PROFILE_NAME.fullmatch(name):
                found.append(self._problem(("profiles", name), "a profile is named with letters, digits, '-' and '_'"))
            inner = {} if found else self._layer(body, ("profiles", name), "profile", found)
            self._profiles[name] = Layer(inner)
            errors += found
        if not isinstance(profiles.reveal(), dict):
            errors.append(self._problem(("profiles",), "should hold tables: [profiles.NAME]"))
        self.default_profile = self._default(default, errors)
        warnings = self._exposed([values, *(layer.values for layer in self._profiles.values())])
        self._top = Layer(values, tuple(sorted(errors, key=self._order)), tuple(warnings))

    def _default(self, default: Hidden, errors: list[Problem]) -> Given | None:
        name = default.reveal()
        if name is None:
            return None
        if not isinstance(name, str):
            errors.append(self._problem(("default_profile",), "should be text"))
            return None
        if name not in self._profiles:
            known = f"; the file has {', '.join(map(shown_key, self._profiles))}" if self._profiles else ""
            hint = suggestion(name, self._profiles) or known
            errors.append(self._problem(("default_profile",), f"no such profile{hint}"))
            return None
        return Given("profile", default, Origin("file", self.where("default_profile")), is_text=False)

    def _layer(self, table: Hidden, at: KeyPath, source: Source, errors: list[Problem]) -> dict[str, Given]:
        """The values of a table and its sections, below the path ``at`` of the file."""
        values: dict[str, Given] = {}
        entries: list[tuple[str, Hidden]] = []
        for name, body in _items(table):
            if name not in sections():
                entries.append((name, body))
            elif isinstance(body.reveal(), dict):
                entries += [(f"{name}.{leaf}", value) for leaf, value in _items(body)]
            else:
                shown = ".".join((*at, name))
                errors.append(self._problem((*at, name), f"should be a table: [{shown}]"))
        for key, value in entries:
            given = self._value(key, value, at, source)
            if isinstance(given, Given):
                values[key] = given
            else:
                errors.append(given)
        return values

    def _value(self, key: str, value: Hidden, at: KeyPath, source: Source) -> Given | Problem:
        section, _, leaf = key.partition(".") if key.partition(".")[0] in sections() else ("", "", key)
        path = (*at, section, leaf) if section else (*at, leaf)
        if key not in settable():
            return self._problem(path, unknown_key(section, leaf))
        given = Given(key, value, Origin(source, self.where(*path)), is_text=False)
        _, reason = judged(given)
        return self._problem(path, reason) if reason else given

    def _problem(self, path: KeyPath, reason: str) -> Problem:
        return Problem("config_key", f"{self.where(*path)}: {shown_key(*path)}: {reason}")

    def _order(self, problem: Problem) -> int:
        line = problem.message[len(self.shown) + 1 :].partition(":")[0]
        return int(line) if line.isdecimal() else 0

    def _exposed(self, layers: list[dict[str, Given]]) -> list[Problem]:
        """A warning when everyone on the machine can read the secrets of this file."""
        if os.name != "posix" or not any(_holds_secret(given) for values in layers for given in values.values()):
            return []
        try:
            mode = self.path.stat().st_mode
        except OSError:
            return []  # it was there a moment ago; whoever removed it has also hidden it
        if not (stat.S_ISREG(mode) and mode & stat.S_IROTH):
            return []
        return [
            Problem(
                "config_exposed",
                f"{self.shown}: holds a secret and anyone can read it",
                f"chmod 600 {self.shown}",
            )
        ]


def _holds_secret(given: Given) -> bool:
    if not is_secret(given.key):
        return False
    value, _ = judged(given)
    return bool(value.secrets()) if isinstance(value, Dsn) else True


def _items(table: Hidden) -> list[tuple[str, Hidden]]:
    return [(name, Hidden(value)) for name, value in _as_table(table).items()]


def _as_table(table: Hidden) -> Mapping[str, object]:
    value = table.reveal()
    return value if isinstance(value, dict) else {}


def _parsed(text: Hidden) -> tuple[Hidden, dict[KeyPath, int]] | str:
    source = str(text.reveal())
    document = toml_document(source)
    return document if isinstance(document, str) else (Hidden(document), key_lines(source.replace("\r\n", "\n")))


def read_toml(path: Path, cwd: Path) -> TomlFile:
    """Read the file; raises ConsoleError (exit 2) in one line when that cannot be done."""
    shown = shown_path(path, cwd)
    text = Hidden(toml_text(path, shown, _WORDS).text)
    return TomlFile(path, shown, text)
