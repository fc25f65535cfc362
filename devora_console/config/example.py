"""The example configuration, made from the settings themselves, and ``config init``, which writes it."""

from __future__ import annotations

import errno
import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from devora_console.config.keys import Key, settable
from devora_console.config.paths import config_path, expanded
from devora_console.config.settings import Settings
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

_WIDTH = 100
_HEAD = """\
Configuration of Devora Console.

The console looks for this file at --config FILE, at DEVORA_CONSOLE_CONFIG, as ./config.toml, and in
your configuration directory ('devora-console config path' says where). Every key is optional.

For each key the first of these that names it decides: the command line, the environment, the .env
file of the current directory, the profile in use, the top of this file, the built-in default. Every
key has an environment variable, DEVORA_CONSOLE__SECTION__KEY (DEVORA_CONSOLE__POSTGRES__DSN), which
wins over the application's own name for it (POSTGRES_DSN). An empty variable counts as one that is
not set.

A file that holds a password or a key should be yours alone: chmod 600 config.toml
"""
_PROFILES = """\
Profiles: any of the keys above under [profiles.NAME], used with --profile NAME or
DEVORA_CONSOLE_PROFILE.
"""
_PROFILE_EXAMPLE = """\
[profiles.staging]
environment = "staging"
read_only = true

[profiles.staging.postgres]
dsn = "postgresql://devora_user@staging-db/devora_db"

[profiles.production]

[profiles.production.postgres]
dsn = "service=devora_production"

[profiles.production.mongo]
url = "mongodb://mongo1,mongo2,mongo3/?replicaSet=devora"
"""


def render() -> str:
    """The example file's text. Only the tables' names are not commented out: it changes nothing."""
    parts = [_comment(_HEAD)]
    top = [key for key in settable().values() if not key.section]
    parts.append('# The profile to use when none is asked for. Default: none.\n# default_profile = "staging"\n')
    parts += [_entry(key) for key in top]
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            keys = [key for key in settable().values() if key.section == name]
            parts.append(f"{_comment(model.__doc__ or '')}[{name}]\n")
            parts += [_entry(key) for key in keys]
    parts.append(_comment(_PROFILES) + _comment(_PROFILE_EXAMPLE))
    return "\n".join(parts)


def _entry(key: Key) -> str:
    default = key.field.default
    shown = "none" if default in (None, {}) else _toml(default)
    has_example = default in (None, {}) and key.field.examples
    value = _toml((key.field.examples or [default])[0]) if has_example else shown
    words = f"{key.field.description} Default: {shown}."
    return _wrapped(words) + f"# {key.leaf} = {value}\n"


def _toml(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if value >= 10_000 else str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value)


def _wrapped(text: str) -> str:
    return _comment("\n".join(textwrap.wrap(text, _WIDTH, break_on_hyphens=False)) + "\n")


def _comment(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def init(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Write the example to ``path`` (default: the user's configuration file), for its owner only; where it is
    now.

    Raises ConsoleError (exit 2) when the file exists, which is left as it is, or cannot be written.
    """
    place = expanded(path or config_path(environ)).absolute()
    shown, reason = one_line(str(place), 300), ""
    try:
        if not place.parent.is_dir():
            _make_directory(place.parent)
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(render())
    except FileExistsError:
        reason = "exists already and is left as it is"
    except OSError as error:
        reason = f"cannot be written: {one_line(error.strerror or 'unknown reason')}"
    if reason:
        raise usage_error("config_init", f"{shown}: {reason}", "Choose another place or remove it first")
    return place


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
