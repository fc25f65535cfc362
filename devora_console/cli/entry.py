"""Run a command line to its exit code, whatever happens on the way."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections.abc import Sequence

import click

from devora_console.cli.app import cli
from devora_console.cli.door import Door
from devora_console.config.crash import report
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line


def run(arguments: Sequence[str]) -> int:
    """The exit code of ``devora-console ARGUMENTS``. Never raises, never prints a traceback."""
    # Drivers log warnings about servers that come and go; they belong neither into the data nor onto a screen.
    logging.getLogger("pymongo").setLevel(logging.CRITICAL)
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    _prepare_streams()
    door = Door(as_json="--json" in arguments)
    door.command = next((word for word in arguments if not word.startswith("-")), "")
    begun = time.monotonic()
    code = _run(arguments, door)
    if "effective" in vars(door) and door.effective.settings.analytics.console_usage:
        _tell(door, code, time.monotonic() - begun)
    return code


def _run(arguments: Sequence[str], door: Door) -> int:
    try:
        result = cli.main(args=list(arguments), prog_name="devora-console", standalone_mode=False, obj=door)
    except ConsoleError as error:
        return door.fail(error)
    except click.UsageError as error:
        return door.fail(_usage(error))
    except click.Abort:
        return int(ExitCode.INTERRUPTED)
    except KeyboardInterrupt:
        return _interrupted(door)
    except BrokenPipeError:
        # Whoever read us has enough; keep Python from complaining while it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    except SystemExit:
        return int(ExitCode.DONE)  # Rich's way of saying that the reader has left
    except OSError as error:
        return door.fail(
            ConsoleError.of(
                ExitCode.NEGATIVE,
                "output",
                one_line(f"cannot go on: {error.strerror or error} {error.filename or ''}".strip(), 200),
                "Look at the disk, and at where the output goes",
            )
        )
    except Exception as error:  # noqa: BLE001 - a defect of ours: kept in a file for us, told in one line to the person
        return door.fail(report(error))
    return int(result) if isinstance(result, int) else int(ExitCode.DONE)


def _tell(door: Door, code: int, seconds: float) -> None:
    """The team wants to know how the console is used: the command's name, no word of what it was given."""
    from devora_console import analytics  # noqa: PLC0415 - only when the team turned it on

    context = door.command.split()
    if not context or context[0] not in cli.list_commands(click.Context(cli)):
        return
    try:
        # On the disk only, so that a command ends when it ends: a backend or `analytics flush` brings it away.
        analytics.configure(door.effective.settings, background=False)
    except ConsoleError:
        return
    said = {"command": " ".join(context), "exit_code": code, "duration_ms": round(seconds * 1000)}
    analytics.track_event(analytics.EventType.CONSOLE_COMMAND_RUN, None, said)


def _prepare_streams() -> None:
    """A closed stream swallows what it is given; one that is not UTF-8 writes escapes for what it cannot say."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as we do
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupted(door: Door) -> int:
    return door.fail(
        ConsoleError.of(
            ExitCode.INTERRUPTED, "interrupted", "interrupted; what was committed is kept", "Run it again to go on"
        )
    )


def _usage(error: click.UsageError) -> ConsoleError:
    where = error.ctx.command_path if error.ctx else "devora-console"
    return usage_error("usage", one_line(error.format_message().rstrip("."), 300), f"See: {where} --help")
