"""How the console says that something is wrong: a problem, and the exit code it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the end of a command means. Scripts and runbooks are built on these numbers."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    CONNECT = 3
    REFUSED = 4
    STOPPED = 5
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in words for a person.

    ``code`` is stable and meant for scripts, ``message`` is one line naming the file, key, line or object,
    ``remedy`` says what to do about it. None of the three ever holds a secret.
    """

    code: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        end = "" if self.message.endswith(("?", "!", ".")) else "."
        return f"{self.message}{end} {self.remedy}" if self.remedy else self.message


class ConsoleError(Exception):
    """A failure the console understands: it ends the command with one line and an exit code."""

    def __init__(self, problem: Problem, exit_code: ExitCode) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[ConsoleError], tuple[Problem, ExitCode]]:
        return type(self), (self.problem, self.exit_code)  # comes back from a worker process as it was

    @classmethod
    def of(cls, exit_code: ExitCode, code: str, message: str, remedy: str = "") -> ConsoleError:
        """Build the error from the words of its problem."""
        return cls(Problem(code, message, remedy), exit_code)


def usage_error(code: str, message: str, remedy: str = "") -> ConsoleError:
    """Usage or configuration is wrong (exit 2)."""
    return ConsoleError.of(ExitCode.USAGE, code, message, remedy)


def connect_error(code: str, message: str, remedy: str = "") -> ConsoleError:
    """A server cannot be reached or refuses us (exit 3)."""
    return ConsoleError.of(ExitCode.CONNECT, code, message, remedy)


def refused(code: str, message: str, remedy: str = "") -> ConsoleError:
    """The guard, a lease or a missing confirmation refuses the act (exit 4)."""
    return ConsoleError.of(ExitCode.REFUSED, code, message, remedy)
