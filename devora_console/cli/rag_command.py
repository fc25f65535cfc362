"""``rag prompt|ask``: the prompt that a question becomes, built in the open; its answer only when asked for."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.rag_view import answer_keys, print_answer_end, print_prompt, prompt_keys, told_cost
from devora_console.cli.tables import number
from devora_console.cli.typed import Typed
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.core.safetext import safe
from devora_console.core.unknown import Unknown
from devora_console.search.rag.model import Answer as RagAnswer
from devora_console.search.rag.model import AnswerState, RagResponse

_ENDINGS = (signal.SIGINT, signal.SIGTERM)
_AWAY = frozenset({"rag_connection", "rag_timeout"})
_SETTINGS = frozenset({"rag_key", "rag_model", "rag_forbidden"})
_MOST_PIECE = 1_000_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked, and for whom."""

    query: str
    user: UUID | None
    conversation: UUID | None
    most_tokens: int | None
    as_owner: bool


@click.group("rag")
def command() -> None:
    """The prompt that a question becomes with what is found for it, and its answer."""


def _asking(function: Any) -> Any:
    """What both commands are told."""
    for option in (
        click.option(
            "--max-context-tokens",
            "most_tokens",
            type=click.IntRange(0, 1_000_000),
            metavar="N",
            help="How many tokens may be added to the question.  [default: rag.max_context_tokens, 2000]",
        ),
        click.option(
            "--conversation", type=click.UUID, metavar="ID", help="Take its latest turns in; it must be the user's."
        ),
        click.option(
            "--as-user",
            "user",
            type=click.UUID,
            metavar="ID",
            help="Whose documents, with the application's role. Without it everybody's, as the owner.",
        ),
        click.option("--as-owner", is_flag=True, help="Everybody's, said out loud: rag ask wants that in production."),
        click.argument("query", nargs=-1, required=True),
    ):
        function = option(function)
    return function


@door_command(command, "prompt", cls=Typed)
@_asking
def _prompt(door: Door, **given: Any) -> Answer:
    """The packed prompt: what went in, what was cut or left out and why. No model is asked for an answer."""

    prompt, response = asyncio.run(_augmented(door, _wanted(given)))
    problem, code = _verdict(response)
    return Answer(
        prompt_keys(prompt, response) | {"answer": None},
        lambda out: print_prompt(out, prompt, response),
        code,
        (problem,) if problem else (),
    )


@door_command(command, "ask", cls=Typed)
@_asking
def _ask(door: Door, **given: Any) -> Answer:
    """Send the prompt to the model of the settings (rag.model, rag.base_url) and stream its answer. This costs money.

    Ctrl-C stops it; what came stays (exit 130). What was searched in goes to the provider: see rag prompt first.
    """
    from devora_console.search.rag.provider import endpoint_of  # noqa: PLC0415 - loads openai

    endpoint = endpoint_of(door.effective.settings)  # before anything is searched for

    wanted = _wanted(given)
    if wanted.user is None and not wanted.as_owner and door.effective.settings.production:
        raise usage_error(
            "rag_user",
            "everybody's documents would go to the provider",
            "Give --as-user ID, or --as-owner if you mean it",
        )
    prompt, response = asyncio.run(_augmented(door, wanted))
    problem, code = _verdict(response)
    if problem is not None and code is not ExitCode.DONE:
        for note in (*response.notes, "nobody was asked: without the search this is not the prompt you wanted"):
            door.narrate(f"· {note}")
        keys = prompt_keys(prompt, response) | {"answer": None}
        return Answer(keys, lambda out: None, code, (problem,))
    for note in response.notes:
        door.narrate(f"· {note}")
    door.narrate(
        f"Asking {endpoint.name}, {endpoint.model}: {response.total_contexts} texts, "
        f"{number(response.tokens.prompt)} tokens "
        f"({response.tokens.counter}); {told_cost(door.effective.settings.rag, response.tokens.prompt)}"
    )
    answer = asyncio.run(_answered(door, prompt, response))
    problems = tuple(each for each in (problem, answer.problem) if each is not None)
    return Answer(
        prompt_keys(prompt, response) | answer_keys(answer),
        lambda out: print_answer_end(out, door.narrate, answer, response),
        _code(answer),
        problems,
    )


def _wanted(given: dict[str, Any]) -> _Wanted:
    wanted = _Wanted(" ".join(given.pop("query")), **given)
    if wanted.user is not None and wanted.as_owner:
        raise usage_error("rag_user", "--as-user and --as-owner exclude each other")
    return wanted


async def _augmented(door: Door, wanted: _Wanted) -> tuple[str, RagResponse]:
    from devora_console.search.playground import connected  # noqa: PLC0415 - loads numpy
    from devora_console.search.rag.pipeline import get_rag_pipeline, unaided  # noqa: PLC0415

    settings = door.effective.settings
    try:
        pool = await connected(settings)
    except ConsoleError as error:
        if error.exit_code is not ExitCode.CONNECT:
            raise
        name = str(wanted.user) if wanted.user else None
        return unaided(wanted.query, settings, error.problem, name, wanted.most_tokens)
    try:
        pipeline = get_rag_pipeline(pool, settings, record=False)
        if wanted.user is None:
            return await pipeline.augment_as_owner(wanted.query, wanted.conversation, wanted.most_tokens)
        return await pipeline.augment_query(wanted.query, wanted.user, wanted.conversation, wanted.most_tokens)
    finally:
        pool.terminate()  # nothing runs on it any more, and nobody waits for a server that is gone


def _verdict(response: RagResponse) -> tuple[Problem | None, ExitCode]:
    """What to say of the search, and whether the prompt is what it should be."""
    found = response.problem
    if found is None:
        return None, ExitCode.DONE
    problem = Problem("rag_search", found.reason, found.remedy) if isinstance(found, Unknown) else found
    away = problem.code.startswith("postgres_") or problem.code in ("rag_database", "rag_slow")
    return problem, ExitCode.CONNECT if away else ExitCode.NEGATIVE


def _code(answer: RagAnswer) -> ExitCode:
    if answer.state is AnswerState.COMPLETE:
        return ExitCode.DONE
    if answer.state is AnswerState.CANCELLED:
        return ExitCode.INTERRUPTED
    code = answer.problem.code if answer.problem and answer.state is AnswerState.FAILED else ""
    return ExitCode.CONNECT if code in _AWAY else ExitCode.USAGE if code in _SETTINGS else ExitCode.NEGATIVE


async def _answered(door: Door, prompt: str, response: RagResponse) -> RagAnswer:
    """The answer, written as it comes; the first signal stops it and keeps what came."""
    from devora_console.search.rag.answer import Answering  # noqa: PLC0415 - loads openai

    left: list[BrokenPipeError] = []

    def say(text: str) -> None:
        if door.as_json or left:
            return
        try:
            sys.stdout.write(safe(text, _MOST_PIECE))
            sys.stdout.flush()
        except BrokenPipeError as error:  # whoever read us has left: nothing more is to be paid for
            left.append(error)
            answering.cancel()

    answering = Answering(prompt, response, door.effective.settings, on_text=say)
    loop = asyncio.get_running_loop()
    before = {each: signal.getsignal(each) for each in _ENDINGS}
    for each in _ENDINGS:
        loop.add_signal_handler(each, answering.cancel)
    try:
        answer = await answering.run()
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)
    if left:
        raise left[0]
    if answer.text and not door.as_json:
        sys.stdout.write("\n")
    return answer
