"""From all the sources to the settings in effect, each with where it came from.

Command line before environment before ``.env`` (of the current directory) before the profile in the file
before the file's own top before what is built in. An empty variable counts as one that is not set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from devora_console.config.dotenvfile import DotEnv, foreign_secrets, read_dotenv
from devora_console.config.given import Given, Hidden, Layer, Origin, Variables
from devora_console.config.keys import (
    CONFIG_VARIABLE,
    PROFILE_VARIABLE,
    catalogue,
    is_table,
    judged,
    shown_key,
    suggestion,
)
from devora_console.config.layers import command_line, dotenv, environment, is_ours
from devora_console.config.libpq import MEANS_A_SERVER
from devora_console.config.paths import CONFIG_NAME, config_path, current_directory, expanded
from devora_console.config.settings import Settings
from devora_console.config.tomlfile import TomlFile, read_toml
from devora_console.config.variables import SiteVariables
from devora_console.core.problems import ConsoleError, ExitCode, Problem

__all__ = ["ENV_NAME", "Effective", "Examined", "Origin", "examine", "load"]

ENV_NAME = ".env"
_PRODUCTION = frozenset({"production", "prod"})
_EMPTY: Mapping[str, str] = MappingProxyType({})
_BUILT_IN = Origin("default", "built in")


@dataclass(frozen=True)
class Effective:
    """The settings in effect. ``origins`` has every dotted key; ``files`` those that were read, the weightier
    first.

    ``problems`` are warnings: what is odd, but does not stand in the way. ``named_file``: the configuration file that
    was asked for, None for one that was found where it usually is.
    """

    settings: Settings
    origins: dict[str, Origin]
    profile: str | None
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]
    named_file: Path | None = None

    def as_asked(self) -> tuple[str, ...]:
        """The options that choose the same profile and file from any directory."""
        words = ["--profile", self.profile] if self.profile else []
        words += ["--config", str(self.named_file)] if self.named_file else []
        return tuple(words)


@dataclass(frozen=True)
class Examined:
    """Everything found out about the configuration: the settings unless there are ``errors``."""

    effective: Effective | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    profiles: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class _Sources:
    variables: Variables
    cwd: Path
    overrides: Layer
    env_file: DotEnv | None
    toml: TomlFile | None
    profile: Given | None
    named_file: Path | None


def load(
    *,
    config_file: Path | None = None,
    profile: str | None = None,
    overrides: Mapping[str, str] = _EMPTY,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Effective:
    """The settings in effect, or ConsoleError (exit 2) naming the first thing wrong and how many more there
    are.

    ``overrides`` are the command line's words by dotted key (``{'postgres.dsn': '...'}``); ``environ`` and
    ``cwd`` are the process's own unless given.
    """
    # From here on nothing in this frame shows a value: a crash report prints local variables.
    layer = command_line(overrides)
    environ = Variables(os.environ if environ is None else environ)
    del overrides
    examined = _examine(config_file, profile, layer, environ, cwd)
    if examined.effective is None:
        raise first_of(examined.errors)
    return examined.effective


def examine(
    *,
    config_file: Path | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Examined:
    """As :func:`load`, but every error is collected; only a file that cannot be read at all raises
    ConsoleError.
    """
    environ = Variables(os.environ if environ is None else environ)
    return _examine(config_file, profile, Layer({}), environ, cwd)


def first_of(errors: tuple[Problem, ...]) -> ConsoleError:
    """The error for the first of several problems, which counts the others."""
    first, more = errors[0], len(errors) - 1
    if not more:
        return ConsoleError(first, ExitCode.USAGE)
    remedy = f"{first.remedy}. " if first.remedy else ""
    message = f"{first.message} (and {more} more)"
    return ConsoleError(
        Problem(first.code, message, f"{remedy}'devora-console config check' lists all"), ExitCode.USAGE
    )


def find_config(config_file: Path | None, environ: Variables, env_file: DotEnv | None, cwd: Path) -> Path | None:
    """The configuration file to read: named ones must exist, the usual places need not."""
    named = _named(config_file, environ, env_file, cwd)
    return named or next((path for path in (cwd / CONFIG_NAME, config_path(environ)) if os.path.isfile(path)), None)


def _named(config_file: Path | None, environ: Variables, env_file: DotEnv | None, cwd: Path) -> Path | None:
    if config_file is not None:
        return cwd / expanded(config_file)
    named = _variable(CONFIG_VARIABLE, environ, env_file)
    return None if named is None else cwd / expanded(Path(str(named.value.reveal())))


def _examine(
    config_file: Path | None, profile: str | None, overrides: Layer, environ: Variables, cwd: Path | None
) -> Examined:
    here = current_directory(cwd)
    env_file = read_dotenv(here / ENV_NAME, ENV_NAME)
    path = find_config(config_file, environ, env_file, here)
    toml = read_toml(path, here) if path else None
    chosen = (
        Given("profile", Hidden(profile), Origin("command line", "command line"), is_text=True)
        if profile
        else _variable(PROFILE_VARIABLE, environ, env_file) or (toml.default_profile if toml else None)
    )
    named = _named(config_file, environ, env_file, here)
    return _resolved(_Sources(environ, here, overrides, env_file, toml, chosen, named))


def _variable(name: str, environ: Variables, env_file: DotEnv | None) -> Given | None:
    if name in environ:
        return Given(name, Hidden(environ[name]), Origin("environment", name), is_text=True)
    entry = env_file.values.get(name) if env_file else None
    return Given(name, Hidden(entry.value.reveal()), entry.origin, is_text=True) if entry else None


def _resolved(sources: _Sources) -> Examined:
    toml = sources.toml
    name, wrong_profile = _profile_name(sources)
    layers = [sources.overrides, environment(sources.variables)]
    if sources.env_file:
        layers.append(dotenv(sources.env_file))
    in_profile = _profile_layer(toml, name)
    layers += [in_profile] + ([toml.base] if toml else [])
    errors = [*wrong_profile, *(problem for layer in reversed(layers) for problem in layer.errors)]
    merged: dict[str, Given] = {}
    for layer in layers:
        merged = layer.values | merged
    merged |= _united(layers, merged)
    production, conflict = _production(merged, name, in_profile)
    errors += conflict
    warnings = [problem for layer in layers for problem in layer.warnings] + _overruled(merged, in_profile, name)
    files = ((sources.cwd / ENV_NAME,) if sources.env_file else ()) + ((toml.path,) if toml else ())
    effective = None
    if not errors:
        settings, origins = _settings(sources, merged, production)
        effective = Effective(settings, origins, name, files, tuple(warnings), sources.named_file)
    return Examined(effective, tuple(errors), tuple(warnings), toml.profiles if toml else (), files)


def _united(layers: list[Layer], merged: Mapping[str, Given]) -> dict[str, Given]:
    """The tables, each name from the weightiest layer that gives it."""
    united: dict[str, Given] = {}
    for key in filter(is_table, merged):
        values: dict[str, str] = {}
        for layer in reversed(layers):
            said = judged(layer.values[key])[0] if key in layer.values else None
            values |= said if isinstance(said, SiteVariables) else {}
        united[key] = Given(key, Hidden(values), merged[key].origin, is_text=False)
    return united


def _profile_name(sources: _Sources) -> tuple[str | None, list[Problem]]:
    if sources.profile is None:
        return None, []
    name = str(sources.profile.value.reveal())
    known = sources.toml.profiles if sources.toml else ()
    if name in known:
        return name, []
    shown = sources.toml.shown if sources.toml else ""
    near = suggestion(name, known)
    present = f"; it has {', '.join(map(shown_key, known))}" if known else "; it has none"
    where = f"profile '{shown_key(name)}' is not in {shown}{near or present}" if shown else (
        f"profile '{shown_key(name)}' is asked for, but there is no configuration file"
    )  # fmt: skip
    remedy = "" if shown else "Write one with 'devora-console config init'"
    return None, [Problem("config_profile", f"{sources.profile.origin.where}: {where}", remedy)]


def _profile_layer(toml: TomlFile | None, name: str | None) -> Layer:
    """The profile's values; its environment is its name unless it says otherwise."""
    if toml is None or name is None:
        return Layer({})
    named = Given("environment", Hidden(name), Origin("profile", toml.where("profiles", name)), is_text=False)
    return Layer({"environment": named} | toml.profile(name).values)


def _is_production(given: Given | None) -> bool:
    return given is not None and str(given.value.reveal()).strip().lower() in _PRODUCTION


def _production(merged: dict[str, Given], name: str | None, in_profile: Layer) -> tuple[bool, list[Problem]]:
    """Whether this is production, in doubt yes: neither a stray ENVIRONMENT nor a profile's contents may hide
    it.
    """
    production = (
        _is_production(merged.get("environment"))
        or _is_production(in_profile.values.get("environment"))
        or (name or "").lower() in _PRODUCTION
    )
    given = merged.get("read_only")
    if given is None or not production or judged(given)[0] is not False:
        return production, []
    message = f"{given.origin.where}: read_only: production is read-only and no setting changes that"
    return production, [Problem("config_production", message, "Remove the key; --allow-writes arms a single command")]


def _overruled(merged: dict[str, Given], in_profile: Layer, name: str | None) -> list[Problem]:
    """Warnings where the profile asked for says one thing and the environment or ``.env`` another, which
    wins.
    """
    return [
        Problem(
            "config_overruled",
            f"{given.origin.where}: {key}: profile '{name}' sets it too; {merged[key].origin.where} wins",
            "Unset the variable if the profile is meant",
        )
        for key, given in in_profile.values.items()
        if merged[key].origin.source in ("environment", ".env") and merged[key].value.reveal() != given.value.reveal()
    ]


def _settings(sources: _Sources, merged: dict[str, Given], production: bool) -> tuple[Settings, dict[str, Origin]]:
    tables: dict[str, dict[str, object]] = {}
    origins = dict.fromkeys(catalogue(), _BUILT_IN)
    for key, given in merged.items():
        value, _ = judged(given)
        section, _, leaf = key.rpartition(".")
        tables.setdefault(section, {})[leaf] = _placed(value, given, sources) if isinstance(value, Path) else value
        origins[key] = given.origin
    top = tables.setdefault("", {})
    top["production"] = production
    if production and "read_only" not in top:
        top["read_only"] = True
        origins["read_only"] = Origin("default", "production is read-only")
    origins["production"] = origins["environment"]
    postgres = tables.setdefault("postgres", {})
    libpq = next((name for name in MEANS_A_SERVER if name in sources.variables), None)
    if libpq and "dsn" not in postgres:
        postgres["from_libpq"] = True
        origins["postgres.from_libpq"] = Origin("environment", libpq)
    if sources.env_file:
        ours = frozenset(name for name in sources.env_file.values if is_ours(name))
        top["extra_secrets"] = foreign_secrets(sources.env_file.values, ours)
        origins["extra_secrets"] = Origin(".env", ENV_NAME)
    return Settings.model_validate({**tables.pop(""), **tables}), origins


def _placed(path: Path, given: Given, sources: _Sources) -> Path:
    """A path made absolute: from the file's directory when a file names it, else from the current one."""
    in_file = sources.toml is not None and given.origin.source in ("file", "profile")
    base = sources.toml.path.parent if sources.toml and in_file else sources.cwd
    return base / expanded(path)
