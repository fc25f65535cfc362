"""What every command shares: the global options, settings on demand, and the one way to answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click
from rich.console import Console
from rich.text import Text

from devora_console.config.load import Effective, load
from devora_console.core.clock import iso, utc_now
from devora_console.core.guard import Guard
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.safetext import safe
from devora_console.core.snapshot import to_json

P = ParamSpec("P")
_GLOBALS = ("profile", "config_file", "as_json", "quiet", "no_color", "read_only", "allow_writes", "yes_i_typed")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found. ``keys`` are its own JSON keys; ``show`` prints the same for people."""

    keys: Mapping[str, object]
    show: Callable[[Console], None]
    exit_code: ExitCode = ExitCode.DONE
    problems: tuple[Problem, ...] = ()


@dataclass
class Door:
    """The command line as given: options, and the two streams."""

    command: str = ""
    profile: str | None = None
    config_file: Path | None = None
    as_json: bool = False
    quiet: bool = False
    no_color: bool = False
    read_only: bool = False
    allow_writes: bool = False
    yes_i_typed: str | None = None
    overrides: dict[str, str] = field(default_factory=dict)

    @cached_property
    def out(self) -> Console:
        """stdout, for the answer."""
        # A file or a pipe has no width: lines are cut for terminals only.
        return self._console(file=sys.stdout, width=None if sys.stdout.isatty() else 240)

    @cached_property
    def err(self) -> Console:
        """stderr, for narration."""
        return self._console(stderr=True, quiet=self.quiet)

    def _console(self, **where: Any) -> Console:
        """As it is, whatever brackets and numbers the text holds."""
        plain: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
        return Console(no_color=self.no_color or None, soft_wrap=True, **plain, **where)

    @cached_property
    def effective(self) -> Effective:
        """The settings in effect. Raises ConsoleError (exit 2)."""
        found = load(config_file=self.config_file, profile=self.profile, overrides=self.overrides)
        for problem in found.problems:
            self.narrate(f"! {problem}")
        return found

    @property
    def guard(self) -> Guard:
        """What this command may do."""
        settings = self.effective.settings
        return Guard(
            production=settings.production,
            read_only=self.read_only or (settings.read_only and not settings.production),
            allow_writes=self.allow_writes and not self.read_only,
            typed=self.yes_i_typed,
        )

    def narrate(self, line: str) -> None:
        """One line on stderr about what happens now."""
        self.err.print(Text(safe(line)))

    def answer(self, answer: Answer) -> int:
        """Print the answer once, as text or as one JSON document, and give the exit code."""
        if self.as_json:
            self._document(answer.keys, answer.exit_code, answer.problems)
        else:
            answer.show(self.out)
            # Why a command did not do what was asked is no narration: --quiet does not take it away.
            stream = self._console(stderr=True) if answer.exit_code else self.err
            for problem in answer.problems:
                stream.print(Text(safe(f"{'✗' if answer.exit_code else '!'} {problem}")))
        return int(answer.exit_code)

    def fail(self, error: ConsoleError, keys: Mapping[str, object] | None = None) -> int:
        """Print an error: one line on stderr; with ``--json`` a document on stdout too."""
        if self.as_json:
            self._document(keys or {}, error.exit_code, (error.problem,))
        Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True).print(
            Text(safe(f"devora-console: {error.problem}").replace("\n", " "))
        )
        return int(error.exit_code)

    def _document(self, keys: Mapping[str, object], code: ExitCode, problems: tuple[Problem, ...]) -> None:
        document = {
            "command": self.command,
            "ok": code is ExitCode.DONE,
            "exit_code": int(code),
            "at": iso(utc_now()),
            "problems": to_json(problems),
            **{key: to_json(value) for key, value in keys.items()},
        }
        plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        sys.stdout.write(json.dumps(document, ensure_ascii=plain, indent=2) + "\n")


def global_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that stand before or after any command."""
    options = [
        click.option("--profile", metavar="NAME", help="Use [profiles.NAME] of the configuration."),
        click.option(
            "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="The configuration file."
        ),
        click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on stdout."),
        click.option("--quiet", is_flag=True, help="No narration on stderr."),
        click.option("--no-color", is_flag=True, help="No colour (NO_COLOR=1 says the same)."),
        click.option("--read-only", is_flag=True, help="Refuse everything that changes a server."),
        click.option("--allow-writes", is_flag=True, help="Arm a production profile for this command."),
        click.option("--yes-i-typed", metavar="TEXT", help="The name a person would have typed to confirm."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def command(
    group: click.Group, name: str, **attributes: Any
) -> Callable[[Callable[Concatenate[Door, P], Answer | int]], click.Command]:
    """Make a command of a function that takes the Door first and gives an Answer (or an exit code)."""

    def decorate(function: Callable[Concatenate[Door, P], Answer | int]) -> click.Command:
        @click.pass_context
        @wraps(function)
        def run(context: click.Context, /, **given: Any) -> int:
            door = door_of(context)
            merge(door, {key: given.pop(key) for key in _GLOBALS})
            if context.invoked_subcommand is not None:
                return 0  # a group: its subcommand answers
            door.command = context.command_path.partition(" ")[2]
            answer = function(door, **given)  # type: ignore[call-arg]  # click passes what the options declare
            return door.answer(answer) if isinstance(answer, Answer) else answer

        return group.command(name, **attributes)(global_options(run))

    return decorate


def door_of(context: click.Context) -> Door:
    """The Door of this invocation."""
    door = context.find_object(Door)
    assert door is not None
    return door


def merge(door: Door, given: Mapping[str, Any]) -> None:
    """Options after the command add to those before it; the later one counts."""
    for key, value in given.items():
        if value not in (None, False):
            setattr(door, key, value)
