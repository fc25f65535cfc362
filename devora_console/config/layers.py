"""The layers that are text: the command line, the environment, ``.env``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from devora_console.config.dotenvfile import DotEnv
from devora_console.config.given import Given, Hidden, Layer, Origin, Variables
from devora_console.config.keys import (
    APPLICATION_VARIABLES,
    CONFIG_VARIABLE,
    GENERIC_PREFIX,
    PROFILE_VARIABLE,
    judged,
    settable,
    shown_key,
    unknown_key,
)
from devora_console.config.paths import HOME_VARIABLE
from devora_console.config.secret import Secret
from devora_console.core.problems import Problem

_OWN_VARIABLES = (PROFILE_VARIABLE, CONFIG_VARIABLE, HOME_VARIABLE)
_PREFIX = "DEVORA_CONSOLE_"


def key_of_variable(name: str) -> str | None:
    """The dotted key a variable stands for, whether that key exists or not; None for others' variables."""
    if name in APPLICATION_VARIABLES:
        return APPLICATION_VARIABLES[name]
    if name.startswith(GENERIC_PREFIX):
        return name.removeprefix(GENERIC_PREFIX).lower().replace("__", ".", 1)
    return None


def is_ours(name: str) -> bool:
    """Whether a variable speaks to the console, rightly spelt or not."""
    return name in APPLICATION_VARIABLES or name.startswith(_PREFIX)


def command_line(overrides: Mapping[str, str]) -> Layer:
    """What options on the command line say, by dotted key."""
    values: dict[str, Given] = {}
    errors: list[Problem] = []
    for name, text in overrides.items():
        section, _, leaf = name.rpartition(".")
        if name not in settable():
            errors.append(
                Problem("config_key", f"command line: {shown_key(*name.split('.'))}: {unknown_key(section, leaf)}")
            )
            continue
        given = Given(name, Hidden(text), Origin("command line", "command line"), is_text=True)
        _, reason = judged(given)
        if reason:
            errors.append(Problem("config_key", f"command line: {name}: {reason}"))
        values[name] = given
    return Layer(values, tuple(errors))


def environment(variables: Variables) -> Layer:
    """What the process's environment says."""
    return _variables((name, Secret(value), Origin("environment", name)) for name, value in variables.items())


def dotenv(file: DotEnv) -> Layer:
    """What ``.env`` says to the console; the application's own keys are passed over."""
    layer = _variables((name, entry.value, entry.origin) for name, entry in file.values.items())
    stray = file.values.get(HOME_VARIABLE)
    extra = [] if stray is None else [_stray_home(stray.origin)]
    return Layer(layer.values, layer.errors, (*file.warnings, *layer.warnings, *extra))


def _stray_home(origin: Origin) -> Problem:
    message = f"{origin.where}: {HOME_VARIABLE} has no effect in .env"
    return Problem("config_variable", message, "Set it in the environment")


def _variables(entries: Iterable[tuple[str, Secret, Origin]]) -> Layer:
    values: dict[str, Given] = {}
    errors: list[Problem] = []
    warnings: list[Problem] = []
    # Sorted so that a key's own DEVORA_CONSOLE__ variable is seen last, and wins over the application's name.
    for name, value, origin in sorted(entries, key=lambda entry: entry[0].startswith(GENERIC_PREFIX)):
        key = key_of_variable(name)
        if key is None:
            if name.startswith(_PREFIX) and name not in _OWN_VARIABLES:
                warnings.append(_stray(name, origin))
            continue
        if key not in settable():
            errors.append(Problem("config_key", _unknown_variable(name, key, origin)))
            continue
        given = Given(key, Hidden(value.reveal()), origin, is_text=True)
        _, reason = judged(given)
        if reason:
            errors.append(Problem("config_key", f"{origin.where}: {key}: {reason}"))
        else:
            values[key] = given
    return Layer(values, tuple(errors), tuple(warnings))


def _stray(name: str, origin: Origin) -> Problem:
    near = get_close_matches(name, _OWN_VARIABLES, 1, 0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return Problem("config_variable", f"{_place(name, origin)}: no such variable{hint}")


def _unknown_variable(name: str, key: str, origin: Origin) -> str:
    near = get_close_matches(key, list(settable()), 1, 0.6)
    hint = f"; did you mean '{settable()[near[0]].variable}'?" if near else ""
    return f"{_place(name, origin)}: unknown key{hint}"


def _place(name: str, origin: Origin) -> str:
    return shown_key(name) if origin.where == name else f"{origin.where}: {shown_key(name)}"
