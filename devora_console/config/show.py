"""What ``config show``, ``config check`` and ``config path`` answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devora_console.config.dotenvfile import read_dotenv
from devora_console.config.given import Origin, Variables
from devora_console.config.keys import catalogue
from devora_console.config.libpq import target
from devora_console.config.load import (
    ENV_NAME,
    Effective,
    Examined,
    examine,
    find_config,
)
from devora_console.config.paths import CONFIG_NAME, config_path, current_directory, data_dir, log_dir, state_dir
from devora_console.config.redact import redact_message
from devora_console.config.variables import SiteVariables
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.snapshot import Json

_HIDDEN_KEYS = frozenset({"extra_secrets"})


@dataclass(frozen=True, slots=True)
class Row:
    """One key of ``config show``: ``value`` is fit to be shown (redacted), None when the key is not set."""

    key: str
    value: Json
    origin: Origin


@dataclass(frozen=True, slots=True)
class Shown:
    """The settings in effect, redacted: as rows for people, nested and by key for JSON."""

    rows: tuple[Row, ...]
    settings: Mapping[str, Json]
    origins: Mapping[str, Origin]
    profile: str | None
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A strict check: ``errors`` stop every command, ``warnings`` are what deserves a look."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    profiles: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        """Neither errors nor warnings."""
        return not self.errors and not self.warnings

    @property
    def exit_code(self) -> ExitCode:
        """2 when there are errors, 1 when there are only warnings."""
        return ExitCode.USAGE if self.errors else ExitCode.NEGATIVE if self.warnings else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class Locations:
    """Where things are: ``config`` is the file in use (None: none found), ``searched`` where one is looked
    for.
    """

    config: Path | None
    searched: tuple[Path, ...]
    env_file: Path | None
    data: Path
    state: Path
    log: Path


def show(effective: Effective) -> Shown:
    """The settings in effect without their secrets, each with its origin."""
    rows: list[Row] = []
    settings: dict[str, Json] = {}
    for name in catalogue():
        if name in _HIDDEN_KEYS:
            continue
        section, _, leaf = name.rpartition(".")
        holder = getattr(effective.settings, section) if section else effective.settings
        value = _shown(getattr(holder, leaf))
        rows.append(Row(name, value, effective.origins[name]))
        table = settings.setdefault(section, {}) if section else settings
        if isinstance(table, dict):
            table[leaf] = value
    origins = {row.key: row.origin for row in rows}
    return Shown(tuple(rows), settings, origins, effective.profile, effective.files, effective.problems)


def _shown(value: object) -> Json:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, SiteVariables):
        return {name: redact_message(said) for name, said in value.items()}
    # Secrets and connection strings redact themselves.
    return str(value)


def check(
    *,
    config_file: Path | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Checked:
    """Judge the configuration as a whole: every error, for every profile unless one is named. Connects to
    nothing.
    """
    try:
        return _checked(config_file, profile, environ, cwd)
    except ConsoleError as error:
        return Checked((error.problem,), (), (), ())


def _checked(
    config_file: Path | None, profile: str | None, environ: Mapping[str, str] | None, cwd: Path | None
) -> Checked:
    first = examine(config_file=config_file, profile=profile, environ=environ, cwd=cwd)
    found: dict[str | None, Examined] = {profile: first}
    if profile is None:
        for name in first.profiles:
            found[name] = examine(config_file=config_file, profile=name, environ=environ, cwd=cwd)
    errors: dict[Problem, None] = {}
    warnings: dict[Problem, None] = {}
    for used, examined in found.items():
        errors |= dict.fromkeys(examined.errors)
        warnings |= dict.fromkeys(examined.warnings)
        # Where there are profiles, nobody works with the bare top of the file.
        if examined.effective and (used or not first.profiles):
            wrong, odd = _strict(examined.effective, environ)
            errors |= dict.fromkeys(wrong)
            warnings |= dict.fromkeys(odd)
    return Checked(tuple(errors), tuple(warnings), first.profiles, first.files)


def _strict(effective: Effective, environ: Mapping[str, str] | None) -> tuple[list[Problem], list[Problem]]:
    """What :func:`load` leaves to the command that needs it: files that are named, servers that are not."""
    settings = effective.settings
    errors: list[Problem] = []
    warnings: list[Problem] = []
    label = f"profile '{effective.profile}': " if effective.profile else ""
    mapping = settings.migration.mapping
    if mapping is not None and not os.path.isfile(mapping):
        where = effective.origins["migration.mapping"].where
        errors.append(Problem("config_key", f"{where}: migration.mapping: no such file", "Correct the path"))
    if settings.postgres.dsn is None and not settings.postgres.from_libpq:
        warnings.append(Problem("config_server", f"{label}postgres.dsn: not set", "Set it, or POSTGRES_DSN"))
    else:
        try:
            warnings += target(settings.postgres.dsn, environ).notes
        except ConsoleError as error:
            errors.append(error.problem)
    if settings.mongo.url is None:
        warnings.append(Problem("config_server", f"{label}mongo.url: not set", "Set it, or MONGO_URL"))
    return errors, warnings


def locations(
    *, config_file: Path | None = None, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Locations:
    """Where the console looks and keeps its files. Nothing is created; only ``.env`` is read."""
    variables = Variables(os.environ if environ is None else environ)
    here = current_directory(cwd)
    env_file = read_dotenv(here / ENV_NAME, ENV_NAME)
    config = find_config(config_file, variables, env_file, here)
    searched = (here / CONFIG_NAME, config_path(variables))
    found = here / ENV_NAME if env_file else None
    return Locations(config, searched, found, data_dir(variables), state_dir(variables), log_dir(variables))
