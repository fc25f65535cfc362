"""A runbook's parts in words: command lines that can be shown, what a probe needs, how long something takes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from devora_console.config.redact import redact_message
from devora_console.core.clock import span
from devora_console.core.safetext import one_line
from devora_console.cutover.model import Probe, ProbeKind, Rehearsal, Undo

_LONGEST = 600


def command_line(argv: Sequence[str]) -> str:
    """The command as it would be typed, without credentials and fit for a terminal.

    >>> command_line(['site', 'say', 'two words'])
    "site say 'two words'"
    >>> command_line(['/opt/venv/bin/python', '-m', 'devora_console', '--profile', 'p', 'verify'])
    'devora-console --profile p verify'
    """
    if tuple(argv[1:3]) == ("-m", "devora_console"):
        argv = ["devora-console", *argv[3:]]
    return one_line(redact_message(shlex.join(argv)), _LONGEST)


def probe_words(probe: Probe) -> str:
    """What is looked at and what has to be seen, in one line."""
    match probe.kind:
        case ProbeKind.HTTP:
            words = f"{_address(probe.url)} answers {probe.status}"
            if probe.json:
                words += f" with {probe.json} = {probe.equals}"
            if probe.contains:
                words += f' and says "{probe.contains}"'
        case ProbeKind.COMMAND:
            words = f"{command_line(probe.argv)} says yes"
        case ProbeKind.GATE:
            words = f"gate {probe.gate} is open"
    steady = f", {probe.times} times in a row" if probe.times > 1 else ""
    until = f", until {probe.until} begins" if probe.until else ""
    return one_line(f"{words}{steady} (within {span(probe.within_seconds)}){until}", _LONGEST)


def undo_words(undo: Undo | None) -> str:
    """How a step is taken back, for people; '' when it says nothing."""
    if undo is None:
        return ""
    return one_line(undo.words or (command_line(undo.command.argv) if undo.command else ""), _LONGEST)


def rehearsal_words(rehearsal: Rehearsal) -> str:
    """What a rehearsal does, when it is not the same."""
    if rehearsal.how == "skip":
        return f"skipped: {one_line(rehearsal.reason, _LONGEST)}"
    return command_line(rehearsal.command.argv) if rehearsal.command else ""


def _address(url: str) -> str:
    return redact_message(url)
