"""The application's ``.env``: the console reads its few keys, and keeps other values out of messages."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream

from devora_console.config.given import Origin
from devora_console.config.redact import is_sensitive
from devora_console.config.secret import Dsn, Secret
from devora_console.core.problems import Problem, usage_error
from devora_console.core.safetext import one_line

# Words that say nothing by themselves: scrubbing them would spoil every message.
_PLAIN = re.compile(r"(?i)true|false|yes|no|on|off|none|null|[-+]?[\d.,:_]+|development|staging|production|localhost")
_SHORTEST, _SHORTEST_ELSEWHERE = 4, 8
_SECRET_NAMES = re.compile(r"(?i)key|secret|token|jwt|pass|salt|dsn|credential|private|webhook|signature")


@dataclass(frozen=True, slots=True)
class EnvValue:
    """The value of one key of ``.env``, and its line."""

    value: Secret
    origin: Origin


@dataclass(frozen=True, slots=True)
class DotEnv:
    """What a ``.env`` says. Of a key that stands twice the last counts; empty values count as not set."""

    values: dict[str, EnvValue]
    warnings: tuple[Problem, ...] = ()


def read_dotenv(path: Path, shown: str) -> DotEnv | None:
    """The file's values, None when there is no such file (a directory of that name is a virtual environment).

    Variables inside values are not replaced: a ``$`` in a password is a ``$``. Text that is not UTF-8 is
    taken as it is, for a comment may well hold it. Raises ConsoleError (exit 2) when the file is there but
    cannot be read: it may say that this is production.
    """
    reason = ""
    try:
        if not path.is_file() and path.exists() and not path.is_dir():
            raise OSError(0, "not a file")  # a pipe would keep us waiting for ever
        text = Secret(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as error:
        reason = one_line(error.strerror or "cannot be read")
    if reason:
        raise usage_error("env_file", f"{shown}: cannot be read: {reason}", "Make it readable for this user")
    return _parsed(text, shown)


def _parsed(text: Secret, shown: str) -> DotEnv:
    values: dict[str, EnvValue] = {}
    warnings: list[Problem] = []
    for binding in parse_stream(io.StringIO(text.reveal())):
        original = binding.original
        blank = re.match(r"\s*", original.string)
        line = original.line + len(re.findall(r"\r\n|\n|\r", blank[0] if blank else ""))
        where = f"{shown}:{line}"
        if binding.error or (binding.key is not None and binding.value is None):
            warnings.append(Problem("env_line", f"{where}: not of the form NAME=value; ignored", "Correct the line"))
        elif binding.key is not None:
            values.pop(binding.key, None)
            if binding.value:
                values[binding.key] = EnvValue(Secret(binding.value), Origin(".env", where))
    return DotEnv(values, tuple(warnings))


def _is_place(text: str) -> bool:
    """Whether it is a file or folder of this machine, such as the console's own home: every path in it begins so."""
    try:
        return text.startswith("/") and Path(text).exists()
    except (OSError, ValueError):
        return False


def foreign_secrets(values: dict[str, EnvValue], ours: frozenset[str]) -> tuple[Secret, ...]:
    """The values of keys not ``ours``, but for words too plain to be secrets (``true``, ``8000``) and for files and
    folders of this machine.
    """
    found: list[Secret] = []
    for name, entry in values.items():
        text = entry.value.reveal()
        named = is_sensitive(name) or _SECRET_NAMES.search(name)
        if name in ours or (_PLAIN.fullmatch(text) and not (named and len(text) >= _SHORTEST_ELSEWHERE)):
            continue
        if not named and _is_place(text):
            continue
        if len(text) >= (_SHORTEST if named else _SHORTEST_ELSEWHERE):
            found.append(entry.value)
            if "://" in text:
                found.append(Dsn(text))  # its password may turn up alone
    return tuple(found)
