"""Variables of a runbook: ``{name}`` in a text of a step is replaced once, when the file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from devora_console.config.faults import Fault
from devora_console.config.keys import suggestion
from devora_console.config.locate import Place
from devora_console.config.redact import is_sensitive, redact_dsn, redact_message
from devora_console.cutover.runbook_shape import NUMBERS

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Keys by which the file itself is read; nothing of a site belongs into them.
_FIXED = frozenset({"id", "kind", "how"})
_CONSOLE = "{console}"
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][\w-]*)(?:=(?P<value>.*))?", re.DOTALL)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")
_ASSIGNED = re.compile(r"(?P<name>[A-Za-z_][\w-]*)=(?P<value>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a runbook may refer to without declaring it. An empty text is not known here, and refused where it is used.

    ``console`` is the console's own command line as it was started; ``run`` and ``run_dir`` stay symbolic as long as
    there is no run.
    """

    console: tuple[str, ...] = ("devora-console",)
    run: str = "{run}"
    run_dir: str = "{run_dir}"
    environment: str = ""
    mongo_database: str = ""
    postgres_database: str = ""

    def values(self) -> dict[str, str]:
        """By name, without ``console``, which stands for several words."""
        return {
            "run": self.run,
            "run_dir": self.run_dir,
            "environment": self.environment,
            "mongo_database": self.mongo_database,
            "postgres_database": self.postgres_database,
        }


_REMEDIES = {
    "environment": "Set environment in the configuration",
    "mongo_database": "Set mongo.database in the configuration, or DB_NAME",
    "postgres_database": "Set postgres.dsn in the configuration, or POSTGRES_DSN",
}
BUILT_IN = frozenset({"console", *Surroundings().values()})


@dataclass(slots=True)
class Replacing:
    """One pass over the steps. ``faults`` are collected, ``used`` are the names that were asked for."""

    variables: Mapping[str, str]
    surroundings: Surroundings
    faults: list[Fault] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def over(self, node: Any, place: Place) -> Any:
        """``node`` with every variable in it replaced."""
        if isinstance(node, dict):
            return {
                key: inner if key in _FIXED and isinstance(place[-1], int) else self.over(inner, (*place, key))
                for key, inner in node.items()
            }
        if isinstance(node, list):
            return [each for at, inner in enumerate(node) for each in self._element(inner, (*place, at))]
        if not isinstance(node, str):
            return node
        text = self._text(node, place)
        return self._number(text, place) if place[-1] in NUMBERS and text != node else text

    def _element(self, node: Any, place: Place) -> Iterable[Any]:
        return self.surroundings.console if node == _CONSOLE else (self.over(node, place),)

    def _text(self, text: str, place: Place) -> str:
        return _BRACES.sub(lambda match: self._one(match, place), text)

    def _one(self, match: re.Match[str], place: Place) -> str:
        whole, name = match[0], match[1]
        if whole in ("{{", "}}"):
            return whole[0]
        if name is None or not _NAME.fullmatch(name):
            self.faults.append(Fault(place, "a brace that is no {variable}; a brace itself is written twice: {{ or }}"))
            return whole
        self.used.add(name)
        built_in = self.surroundings.values()
        if name == "console":
            self.faults.append(Fault(place, "{console} stands for several words: it has to be an element of its own"))
        elif name in built_in:
            if not built_in[name]:
                self.faults.append(Fault(place, f"{{{name}}} is not known here", _REMEDIES.get(name, "")))
            return built_in[name]
        elif name not in self.variables:
            near = suggestion(name, [*self.variables, *BUILT_IN])
            self.faults.append(Fault(place, f"no variable {{{name}}}{near}", f"Declare it in [vars]: {name} = ''"))
        return self.variables.get(name, whole)

    def _number(self, text: str, place: Place) -> Any:
        if not text:
            return 1  # told of the variable itself
        try:
            value = float(text)
        except ValueError:
            self.faults.append(Fault(place, "the variable's value is no number"))
            return 1
        return int(value) if value.is_integer() else value


def variable_faults(values: Mapping[str, str], given: Mapping[str, str], shared: Mapping[str, str]) -> list[Fault]:
    """What is wrong with the variables themselves: names, empty ones, values that were meant to be replaced again.

    ``values`` has every variable that the file declares. ``given`` are the command line's, each of which has to be
    declared; ``shared`` those of the settings, which may serve several runbooks.
    """
    faults: list[Fault] = []
    for name in values:
        if not _NAME.fullmatch(name):
            faults.append(Fault(("vars", name), "a variable is named with a-z, 0-9 and '_'"))
        elif name in BUILT_IN:
            faults.append(Fault(("vars", name), "is the console's own variable", "Choose another name"))
    for name in given:
        if name not in values:
            near = suggestion(name, values) or (f"; it has {', '.join(values)}" if values else "; it has none")
            faults.append(Fault(("vars",), f"--var {name}: the runbook has no such variable{near}"))
    faults += _empty(values, shared)
    for name, value in values.items():
        if any(match[1] in values or match[1] in BUILT_IN for match in _BRACES.finditer(value)):
            faults.append(Fault(("vars", name), "its value is taken as it is; write the variable in the step instead"))
        elif secret_in([value]):
            faults.append(Fault(("vars", name), *_SECRET))
    return faults


def _empty(values: Mapping[str, str], shared: Mapping[str, str]) -> list[Fault]:
    names = [name for name, value in values.items() if not value]
    if not names:
        return []
    near = next(filter(None, (suggestion(name, [each for each in shared if each not in values]) for name in names)), "")
    place: Place = ("vars", names[0]) if len(names) == 1 else ("vars",)
    reason = f"has no value{near}" if len(names) == 1 else f"{', '.join(names)} have no value{near}"
    where = f"under [cutover.vars] of the configuration, or with --var {names[0]}=VALUE"
    return [Fault(place, reason, f"Give {'it' if len(names) == 1 else 'them'} {where}")]


_SECRET = (
    "holds a credential, which everyone who lists processes or reads the journal would see",
    "Leave it to the command's environment, or to the console's configuration",
)


def secret_faults(node: Any, place: Place) -> list[Fault]:
    """Credentials in the command lines, environments, addresses and headers below ``node``."""
    faults: list[Fault] = []
    if isinstance(node, dict):
        for key, inner in node.items():
            here = (*place, key)
            if key == "run" and isinstance(inner, list):
                words = [each for each in inner if isinstance(each, str)]
                faults += [Fault(here, *_SECRET)] if secret_in(words) else []
            elif key in ("env", "headers") and isinstance(inner, dict):
                faults += [Fault((*here, name), *_SECRET) for name, value in inner.items() if _is_secret(name, value)]
            elif key == "http" and isinstance(inner, str):
                faults += [Fault(here, *_SECRET)] if secret_in([inner]) else []
            else:
                faults += secret_faults(inner, here)
    elif isinstance(node, list):
        for at, inner in enumerate(node):
            faults += secret_faults(inner, (*place, at))
    return faults


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and bool(value) and (_names_one(name) or secret_in([value]))


def _names_one(name: str) -> bool:
    """Whether something of this name holds a credential itself, and not the place of one."""
    lower = name.lower()
    if lower.endswith(("file", "path", "dir", "stdin")):
        return False
    return is_sensitive(name) or lower in ("authorization", "cookie", "proxy-authorization")


def secret_in(words: list[str]) -> bool:
    """Whether a command line of these words shows a credential.

    >>> [secret_in([word]) for word in ('postgresql://ana:s3@h/d', 'postgresql://ana@h/d', '--password=x', 'http://h/')]
    [True, False, True, False]
    >>> secret_in(['sh', '-c', 'curl -fsS http://h/a:b']), secret_in(['sh', '-c', 'psql "postgresql://a:s3@h"'])
    (False, True)
    >>> secret_in(['curl', '--token', 'x']), secret_in(['smoke', '--token-file', 'x'])
    (True, False)
    """
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option = _OPTION.fullmatch(word)
        if option and _names_one(option["name"]):
            if option["value"] or (option["value"] is None and following and not following.startswith("-")):
                return True
            continue
        assigned = _ASSIGNED.fullmatch(word)
        if (assigned and _names_one(assigned["name"])) or _address_tells(word):
            return True
        spoken = _ADDRESS.sub("", word) if " " in word else ""  # "host=h password=x" in one word
        if redact_message(spoken) != spoken:
            return True
    return False


def _address_tells(word: str) -> bool:
    return any(_tells(match[0]) for match in _ADDRESS.finditer(word))


def _tells(address: str) -> bool:
    if not address.lower().startswith(("http://", "https://")):
        return redact_dsn(address) != address
    try:
        parts = urlsplit(address)
    except ValueError:
        return True  # in doubt it is hidden
    names = [pair.partition("=")[0] for pair in parts.query.split("&") if "=" in pair]
    return parts.password is not None or any(map(_names_one, names))
