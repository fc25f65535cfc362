"""A closer look at an answer: the plan of each leg, and exact neighbours beside those of the index."""

from __future__ import annotations

import time
from dataclasses import replace

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Plan
from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import FAILURES, Caller, Question, asking, fetch, refusal
from devora_console.search.engine import Engine, Round
from devora_console.search.ground import HERE
from devora_console.search.legs import fulltext, semantic
from devora_console.search.meaning import Meaning, meaning_of
from devora_console.search.model import Method, SearchSnapshot
from devora_console.search.plans import inside
from devora_console.search.trying import Neighbours, explained, neighbours

_ALL = 2_000_000_000  # vectors: more than any user has


async def explain(engine: Engine, snapshot: SearchSnapshot, method: Method) -> dict[Method, Plan | Unknown]:
    """The plans of a method's statements, by leg: run again, with ANALYZE and BUFFERS."""
    legs = snapshot.asked.knobs.legs if method is Method.HYBRID else (method,)
    return {leg: await _explain(engine, snapshot, leg) for leg in legs}


async def _explain(engine: Engine, snapshot: SearchSnapshot, leg: Method) -> Plan | Unknown:
    now = _again(engine, snapshot)
    try:
        now.ground = await engine.ground()
        if refused := now.ground.refuses(now.asked):
            return _unknown(refused)
        question = await engine.question(now, leg, now.asked.limit)
        if not isinstance(question, Question):
            return _unknown(question)
        if not now.ground.reads_all:
            return Unknown(
                "the function that searches hides its plan, and this login may not ask as its owner does",
                "Connect as the owner of the schema",
            )
        owner = replace(now.caller, role=None)
        exactly, width = await _how(engine, now, owner, question)
    except FAILURES as error:
        return refusal(error, now.caller.seconds)
    answer = snapshot.methods.get(leg)
    tier = fulltext.deepest(now.analysed) if answer is not None and "loose" in answer.flags else fulltext.EVERY
    meant = inside(question, now.asked, now.ground, tier=tier, exactly=exactly, width=width)
    return await explained(engine.pool, owner, meant)


async def _how(engine: Engine, now: Round, owner: Caller, question: Question) -> tuple[bool, int]:
    """Whether the function compares every vector of this user, else how widely it walks the index."""
    if question.method is not Method.SEMANTIC or now.asked.knobs.exact:
        return True, 0
    async with asking(engine.pool, owner) as connection:
        model, width, most = question.parameters[1], question.parameters[9], engine.settings.exact_rows
        rows = await fetch(connection, owner, sql(HERE, "inside_count"), model, now.asked.user, most, width)
    return not rows[0]["many"], rows[0]["width"]


async def compare_neighbours(engine: Engine, snapshot: SearchSnapshot) -> Neighbours | Unknown:
    """Exact neighbours beside those of the index."""
    now = _again(engine, snapshot)
    try:
        now.ground = await engine.ground()
        now.meaning = await meaning_of(await engine.embedder.get(), now.analysed, engine.settings.meaning_seconds)
    except FAILURES as error:
        return refusal(error, now.caller.seconds)
    if not isinstance(now.meaning, Meaning):
        return _unknown(now.meaning)
    vector, model, most = now.meaning.vector, now.meaning.model, now.asked.limit
    asked = replace(now.asked, knobs=replace(now.asked.knobs, exact=False))
    exact, approximate = (
        semantic.question(vector, model, asked, most, now.ground, exact_rows=rows, excluded=now.analysed.excluded)
        for rows in (_ALL, 0)
    )
    if not isinstance(exact, Question) or not isinstance(approximate, Question):
        return _unknown(exact)
    through: bool | Unknown = Unknown("only the owner of the schema may look at the plan inside the function")
    if now.ground.reads_all:
        owner = replace(now.caller, role=None)
        plan = await explained(
            engine.pool, owner, inside(approximate, asked, now.ground, tier=fulltext.EVERY, exactly=False)
        )
        through = plan if isinstance(plan, Unknown) else any("_ann_" in node.index for node in plan.nodes)
    return await neighbours(engine.pool, now.caller, exact, approximate, through)


def _again(engine: Engine, snapshot: SearchSnapshot) -> Round:
    return Round(snapshot.asked, engine.caller(snapshot.asked), time.perf_counter(), None, analysed=snapshot.analysed)


def _unknown(why: Question | Problem | Unknown) -> Unknown:
    assert not isinstance(why, Question)
    return why if isinstance(why, Unknown) else Unknown(why.message, why.remedy)
