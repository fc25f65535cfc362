"""Why embeddings are not generated: the extension, the key, the last run, the rows, what failed, what is stale."""

from __future__ import annotations

import asyncio
from functools import partial

from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, Problem
from devora_console.doctor.check import Answer, Question, failed, passed, unknown, warned
from devora_console.doctor.postgres import Target
from devora_console.doctor.words import plural, whole
from devora_console.search.embed import ready, steering, work
from devora_console.search.embed.provider import Embedder, embedder_of

_SECONDS = 15.0
_COUNTS = """
SELECT (SELECT count(*) FROM public.search_documents) AS documents,
       (SELECT count(*) FROM devora_console.embedding_failure f WHERE f.model_name = $1 AND f.reason <> $2) AS failed,
       (SELECT f.reason FROM devora_console.embedding_failure f WHERE f.model_name = $1 AND f.reason <> $2
         GROUP BY 1 ORDER BY count(*) DESC LIMIT 1) AS reason,
       EXISTS (SELECT FROM public.projects) OR EXISTS (SELECT FROM public.conversations) AS entities,
       EXISTS (SELECT FROM public.embeddings WHERE model_name = $1) AS any
"""


def questions(settings: Settings) -> tuple[Question[Target], ...]:
    """The question, with the embedder that ``settings`` ask for."""
    return (Question("postgres.embeddings", "embeddings are generated", partial(_ask, settings), _SECONDS),)


async def _ask(settings: Settings, target: Target) -> Answer:
    if not any(each.state == "applied" for each in (await target.status()).versions):
        return unknown("the schema is not applied yet", "devora-console schema apply")
    problem = await ready.missing(target.connection)
    if problem is not None:
        return warned(f"{problem.message}; semantic search has nothing to look at", problem.remedy)
    try:
        embedder = await asyncio.to_thread(embedder_of, settings)
    except ConsoleError as error:
        return failed(error.problem.message, error.problem.remedy)
    try:
        return await _judge(target, embedder)
    finally:
        await embedder.close()


async def _judge(target: Target, embedder: Embedder) -> Answer:
    row = await target.connection.fetchrow(_COUNTS, embedder.model, work.NOTHING)
    assert row is not None
    if not row["documents"]:
        if row["entities"]:
            return warned(
                "there are projects or conversations, but no search documents", "devora-console search refresh"
            )
        return passed("there is nothing to embed yet")
    left = await work.remaining(target.connection, embedder.model)
    run = next((each for each in await steering.runs(target.connection) if each.model == embedder.model), None)
    if left and run is not None and run.alive:
        return passed(f"{plural(left, 'document')} to embed with {embedder.model}; a back-fill is {run.words}")
    stopped = _stopped(run) if left else None
    if stopped is not None:
        return failed(f"{plural(left, 'document')} to embed; the last back-fill {stopped.message}", stopped.remedy)
    if row["failed"] and not row["any"] and not left:
        return failed(f"all failed: {row['reason']}", "Settle that, then: devora-console embed run --retry-failed")
    if left:
        what = "of them stale or missing" if row["any"] else "none has a vector"
        return warned(
            f"{plural(left, 'document')} of {whole(row['documents'])} to embed with {embedder.model} ({what})",
            "devora-console embed run (embed estimate says what it takes)",
        )
    if row["failed"]:
        return warned(
            f"{plural(row['failed'], 'document')} failed, mostly: {row['reason']}", "embed run --retry-failed"
        )
    return passed(f"{plural(row['documents'], 'document')}, all current with {embedder.model}")


def _stopped(run: steering.Run | None) -> Problem | None:
    """How the last run ended, when it ended by no wish of ours."""
    if run is None or run.state == "done":
        return None
    if run.words == "died":
        return Problem("embed_died", "was killed", "devora-console embed run goes on where it was")
    if run.note and ". " in run.note:  # its final line, then the provider's words
        said = run.note.partition(". ")[2]
        return Problem("embed_stopped", f"stopped: {said}", "Settle that, then: devora-console embed run")
    return None
