"""A check, and how one is made: every question has its own time, and none can stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import asyncpg
from pymongo.errors import PyMongoError

from devora_console.config.secret import Secret, scrub
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.postgres.connect import LOST

Verdict = Literal["pass", "warn", "fail", "unknown"]
S = TypeVar("S")

NOT_CONFIGURED = "not configured"
REACHABLE = ("postgres.reachable", "mongo.reachable")


@dataclass(frozen=True, slots=True)
class Check:
    """One answer of ``doctor``. ``id`` is stable; ``value`` is what was found and ``remedy`` what to do about it.

    ``unknown`` means that it could not be looked at, and ``value`` says why. All text is safe to display.
    """

    id: str
    title: str
    verdict: Verdict
    value: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found out."""

    verdict: Verdict
    value: str
    remedy: str = ""


def passed(value: str) -> Answer:
    """All is well."""
    return Answer("pass", value)


def warned(value: str, remedy: str) -> Answer:
    """It works, but somebody should know."""
    return Answer("warn", value, remedy)


def failed(value: str, remedy: str) -> Answer:
    """Something will not work until this is mended."""
    return Answer("fail", value, remedy)


def unknown(reason: str, remedy: str = "") -> Answer:
    """It could not be found out."""
    return Answer("unknown", reason, remedy)


@dataclass(frozen=True, slots=True)
class Question(Generic[S]):
    """Something to find out about a subject, within ``seconds``."""

    id: str
    title: str
    ask: Callable[[S], Awaitable[Answer]]
    seconds: float = 5.0


def check_of(id_: str, title: str, answer: Answer, secrets: Sequence[Secret] = ()) -> Check:
    """The answer as a check: one line, without control characters and without any of ``secrets``."""
    value, remedy = (one_line(scrub(text, *secrets), 600) for text in (answer.value, answer.remedy))
    return Check(id_, title, answer.verdict, value, remedy)


async def ask(question: Question[S], subject: S, secrets: Sequence[Secret]) -> tuple[Check, bool]:
    """The check, and whether the time ran out."""
    late = False
    try:
        answer = await asyncio.wait_for(question.ask(subject), question.seconds)
    except ConsoleError as error:
        answer = unknown(error.problem.message, error.problem.remedy)
    except TimeoutError:
        late, answer = (
            True,
            unknown(f"no answer within {question.seconds:.0f} s", "Ask again when the server is calmer"),
        )
    except asyncpg.QueryCanceledError:
        answer = unknown("the server took too long for this question", "Ask again when the server is calmer")
    except asyncpg.InsufficientPrivilegeError as error:
        answer = unknown(f"hidden from this user: {error}", "Ask as the owner, or as a member of pg_monitor")
    except (asyncpg.PostgresError, PyMongoError, *LOST) as error:
        answer = unknown(f"could not be asked: {error or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - protects the other checks: one that breaks must not hide what they found
        answer = unknown(f"the check itself failed ({type(error).__name__})", "Please report this")
    return check_of(question.id, question.title, answer, secrets), late


async def ask_all(
    questions: Iterable[Question[S]], subject: S, secrets: Sequence[Secret], *, server: str
) -> list[Check]:
    """One question after the other. When ``server`` leaves one without any answer, the rest is not asked."""
    checks: list[Check] = []
    hung = False
    for question in questions:
        if hung:
            answer = unknown(f"not asked: {server} stopped answering", "Ask again when it answers")
            checks.append(check_of(question.id, question.title, answer, secrets))
            continue
        check, hung = await ask(question, subject, secrets)
        checks.append(check)
    return checks


def without(questions: Iterable[Question[S]], needed: str) -> list[Check]:
    """The checks that cannot be made because ``needed``, another check's id, did not pass."""
    return [Check(question.id, question.title, "unknown", f"needs {needed}") for question in questions]


def overall(checks: Iterable[Check]) -> ExitCode:
    """The exit code: 3 when no server can be reached, 1 when anything fails, otherwise 0 (warnings are no failure)."""
    known = {check.id: check for check in checks}
    reach = [known[name] for name in REACHABLE if name in known]
    broken = [check for check in reach if check.verdict == "fail" and check.value != NOT_CONFIGURED]
    if broken and not any(check.verdict in {"pass", "warn"} for check in reach):
        return ExitCode.CONNECT
    return ExitCode.NEGATIVE if any(check.verdict == "fail" for check in known.values()) else ExitCode.DONE
