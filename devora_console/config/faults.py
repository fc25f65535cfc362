"""What is wrong with a TOML file that people write by hand: each fault at its place, told as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from devora_console.config.keys import shown_key
from devora_console.config.locate import Place
from devora_console.core.problems import ConsoleError, usage_error
from devora_console.core.safetext import one_line


@dataclass(frozen=True, slots=True)
class Fault:
    """``place`` is the key's path in the file (of the nearest table, when the key itself is missing)."""

    place: Place
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """A file's name, its contents and its keys' lines: what turns a fault into a line for people.

    ``code`` is that of the problem.
    """

    code: str
    shown: str
    data: Mapping[str, Any]
    lines: Mapping[Place, int]

    def error(self, faults: Sequence[Fault]) -> ConsoleError:
        """The error for the first of these faults in the file, which counts the others."""
        first = min(faults, key=lambda fault: self.line(fault.place))
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        line = self.line(first.place)
        where = f"{self.shown}:{line}" if line else self.shown
        path = self._readable(first.place)
        return usage_error(self.code, f"{where}: {path + ': ' if path else ''}{first.reason}{more}", first.remedy)

    def line(self, place: Place) -> int:
        """The line of a key, or of the nearest table around it; 0 for the file itself."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def _readable(self, place: Place) -> str:
        """``step[maintenance-on].probe[1].http``: entries by their id, or by their number from 1."""
        parts: list[str] = []
        node: Any = self.data
        for part in place:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                node = None
            if isinstance(part, int):
                name = node.get("id") if isinstance(node, dict) else None
                known = one_line(name, 40) if isinstance(name, str) else str(part + 1)
                parts[-1:] = [f"{parts[-1] if parts else ''}[{known}]"]
            else:
                parts.append(shown_key(part))
        return ".".join(parts)


KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is missing",
        "list_type": "should be a list",
        "string_type": "should be text",
        "string_too_short": "is empty",
        "too_short": "is empty",
        "bool_type": "should be true or false",
        "float_type": "should be a number",
        "int_type": "should be a whole number",
        "finite_number": "should be a finite number",
        "dict_type": "should be a table",
        "model_type": "should be a table",
    }
)
"""What pydantic finds wrong with a value, in our words."""
