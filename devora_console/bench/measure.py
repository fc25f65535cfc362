"""A measurement from its order to its result: sides opened, subjects drawn, questions asked, places described."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from devora_console import __version__
from devora_console.bench.client import client, load
from devora_console.bench.draw import Drawn, draw, needed
from devora_console.bench.earlier import MongoBefore, nothing_before, series_of
from devora_console.bench.model import Catalogue, Question, Search
from devora_console.bench.mongo_side import open_mongo
from devora_console.bench.postgres_side import PostgresSide, open_postgres
from devora_console.bench.result import Asked, Kind, Manner, Place, Result, Series
from devora_console.bench.runner import Runner
from devora_console.bench.sides import Side
from devora_console.bench.store import Store, new_id
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.mongo.asking import threads

S = TypeVar("S", bound=Side)
Tell = Callable[[str], None]
Found = Mapping[tuple[str, str], Series | Unknown]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured. ``kind`` None: both sides, or PostgreSQL alone where MongoDB is gone but was measured.

    ``seconds`` go before ``rounds``. ``given`` names what of the manner was asked for, instead of taken over from the
    run before the switch that is compared with.
    """

    catalogue: Catalogue
    questions: tuple[Question, ...]
    kind: Kind | None
    manner: Manner
    subjects: int
    seconds: float | None = None
    against: str | None = None
    given: frozenset[str] = frozenset()


async def measure(settings: Settings, order: Order, store: Store, tell: Tell) -> Result:
    """Measure. Raises ConsoleError when a side that is needed cannot be reached or is lost; nothing is kept then."""
    store.prepare()
    busy = load()  # before our own
    return replace(await _measured(settings, order, store, tell), client=client(), load=busy)


async def _measured(settings: Settings, order: Order, store: Store, tell: Tell) -> Result:
    if order.kind == "before":
        return await _before(settings, order, tell)
    if order.kind == "after":
        return await _after(settings, order, store, tell, ())
    try:
        mongo = await open_mongo(settings, order.manner.timeout_seconds)
    except ConsoleError as error:
        if order.kind == "both" or store.latest_before(settings.mongo.database) is None:
            raise
        tell(f"MongoDB is not there ({error.problem.message}): what was measured before stands in its place")
        return await _after(settings, order, store, tell, (f"MongoDB was not there: {error.problem.message}.",))
    async with _closing(mongo), _closing(await _postgres(settings, order)) as postgres:
        sides: list[Side] = [mongo, postgres]
        drawn = await _draw(order, sides, tell)
        found, rounds = await _run(order, sides, drawn, tell)
        places = (await mongo.place(order.questions), await postgres.place(order.questions))
        questions = _asked(order, found, await _embedder(order, postgres))
    return _result(order, "both", rounds, drawn, questions, places)


async def _before(settings: Settings, order: Order, tell: Tell) -> Result:
    """MongoDB alone; the users are drawn from both sides where PostgreSQL has them already."""
    async with _closing(await open_mongo(settings, order.manner.timeout_seconds)) as mongo:
        drawn = await _draw_for_both(settings, order, mongo, tell)
        found, rounds = await _run(order, [mongo], drawn, tell)
        place = await mongo.place(order.questions)
    nothing = Unknown("not asked in this run", "devora-console bench latency --after")
    return _result(order, "before", rounds, drawn, _asked(order, found, "", postgres=nothing), (place, nothing))


async def _draw_for_both(settings: Settings, order: Order, mongo: Side, tell: Tell) -> Drawn:
    try:
        async with _closing(await _postgres(settings, order)) as postgres:
            return await _draw(order, [mongo, postgres], tell)
    except ConsoleError as error:
        drawn = await _draw(order, [mongo], tell)
        note = (
            f"The users are drawn from MongoDB alone ({error.problem.message}); those that do not arrive are left out"
        )
        return replace(drawn, notes=(*drawn.notes, f"{note} after the switch."))


async def _after(settings: Settings, order: Order, store: Store, tell: Tell, notes: tuple[str, ...]) -> Result:
    """PostgreSQL alone, for the users that MongoDB was asked for before the switch."""
    digests = [each.digest for each in order.questions]
    before = store.read(order.against) if order.against else store.latest_before(settings.mongo.database, digests)
    if before is not None:
        tell(f"compared with {before.id}, measured before")
        order = replace(order, manner=_as_before(order, before.manner))
    async with _closing(await _postgres(settings, order)) as postgres:
        drawn = await _draw(order, [postgres], tell, before)
        found, rounds = await _run(order, [postgres], drawn, tell)
        place = await postgres.place(order.questions)
        embedder = await _embedder(order, postgres)
    nothing = nothing_before()
    earlier = series_of(before, drawn.subjects, order.questions, order.manner) if before else None
    questions = _asked(order, found, embedder, mongo=nothing, earlier=earlier)
    result = _result(order, "after", rounds, drawn, questions, (before.mongo if before else nothing, place))
    result = replace(result, notes=(*notes, *result.notes))
    return replace(result, against=before.id, load_before=before.load) if before else result


def _as_before(order: Order, manner: Manner) -> Manner:
    """As it was measured before, but for what was asked for."""
    wanted = order.manner
    names = ("seed", "rounds", "warm_up", "concurrency", "timeout_seconds")
    taken = {name: getattr(manner, name) for name in names if name not in order.given}
    return replace(wanted, **taken)


async def _postgres(settings: Settings, order: Order) -> PostgresSide:
    return await open_postgres(settings, order.manner.timeout_seconds, order.manner.concurrency)


@contextlib.asynccontextmanager
async def _closing(side: S) -> AsyncIterator[S]:
    try:
        yield side
    finally:
        await side.close()


async def _draw(order: Order, sides: Sequence[Side], tell: Tell, before: Result | None = None) -> Drawn:
    tell("drawing whom to ask for")
    parameters = needed(order.catalogue, order.questions, ("mongo", "postgres"))
    kept = before.subjects if before else ()
    drawn = await draw(parameters, sides, seed=order.manner.seed, wanted=order.subjects, kept=kept)
    tell(f"{len(drawn.subjects)} users, {len(order.questions)} questions, {order.manner.concurrency} at a time")
    return drawn


async def _run(order: Order, sides: Sequence[Side], drawn: Drawn, tell: Tell) -> tuple[Found, int]:
    return await Runner(sides, order.questions, drawn.values, order.manner, tell, order.seconds).run()


async def _embedder(order: Order, postgres: PostgresSide) -> str:
    asked = [each.postgres for each in order.questions if isinstance(each.postgres, Search)]
    semantic = any(each.method in ("semantic", "hybrid") for each in asked)
    return await postgres.embedder() if semantic else ""


def _asked(
    order: Order,
    found: Found,
    embedder: str,
    *,
    mongo: Unknown | None = None,
    postgres: Unknown | None = None,
    earlier: MongoBefore | None = None,
) -> tuple[Asked, ...]:
    """Every question with what each side took. ``mongo`` and ``postgres`` say why a side was not asked at all."""

    def side(question: Question, name: str, absent: Unknown | None) -> Series | Unknown:
        if name in question.missing:
            return Unknown(question.missing[name])
        if name == "mongo" and earlier is not None:
            return earlier[question.id]
        return found.get((question.id, name)) or absent or Unknown("not asked")

    asked = []
    for each in order.questions:
        theirs = side(each, "postgres", postgres)
        if isinstance(theirs, Series) and theirs.apart is not None:
            theirs = replace(theirs, apart_by=embedder)
        ours = side(each, "mongo", mongo)
        asked.append(Asked(each.id, each.title, each.about, each.digest, each.same, ours, theirs, each.missing))
    return tuple(asked)


def _result(
    order: Order,
    kind: Kind,
    rounds: int,
    drawn: Drawn,
    questions: tuple[Asked, ...],
    places: tuple[Place | Unknown, Place | Unknown],
) -> Result:
    at = utc_now()
    return Result(
        id=new_id(at, kind),
        kind=kind,
        at=at,
        console=__version__,
        catalogue=order.catalogue.name,
        digest=order.catalogue.digest,
        manner=replace(order.manner, rounds=rounds),
        subjects=drawn.subjects,
        client={},
        mongo=places[0],
        postgres=places[1],
        questions=questions,
        notes=(*drawn.notes, *_remarks(order, kind)),
    )


def _remarks(order: Order, kind: Kind) -> tuple[str, ...]:
    if kind != "after" and order.manner.concurrency > threads():
        return (f"Motor asks {threads()} at a time here: with more, part of MongoDB's time is waiting for a thread.",)
    return ()
