"""MongoDB's side: finds and aggregations with the application's login."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devora_console.bench.model import Parameter, Question, Step
from devora_console.bench.placeholders import filled
from devora_console.bench.pointers import found
from devora_console.bench.result import Place
from devora_console.bench.sides import Listed, QuestionFailed, Reply, identity
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import usage_error
from devora_console.core.unknown import Unknown
from devora_console.mongo.asking import MongoAsker, Refused
from devora_console.mongo.ejson import source_id

_ASKED_AS = {True: "the application's login (mongo.app_url)", False: "the console's login (mongo.url)"}


class MongoSide:
    """Opened by :func:`open_mongo`."""

    name = "mongo"

    def __init__(self, asker: MongoAsker, database: str, *, as_application: bool) -> None:
        self._asker = asker
        self._database = database
        self._as_application = as_application

    async def listed(self, parameter: Parameter, values: Mapping[str, Any]) -> list[Listed]:
        last, documents = await self._walk(parameter.mongo, values)
        assert last.key is not None
        assert last.value is not None
        rows = []
        for each in documents:
            keys, theirs = list(found(each, last.key)), list(found(each, last.value))
            if keys and theirs:
                # An _id is known as the copy recorded it, text with its quotes.
                plain = isinstance(keys[0], str) and last.key != "/_id"
                key = keys[0] if plain else source_id(keys[0])
                rows.append(Listed(key, theirs[0]))
        return rows

    async def ask(self, question: Question, values: Mapping[str, Any]) -> Reply:
        last, documents = await self._walk(question.mongo, values)
        pointer = last.answer
        if pointer is None:
            return Reply([""] * len(documents))
        return Reply([identity(value) for each in documents for value in found(each, pointer)])

    async def _walk(self, steps: Sequence[Step], values: Mapping[str, Any]) -> tuple[Step, list[dict[str, Any]]]:
        known = dict(values)
        documents: list[dict[str, Any]] = []
        for step in steps:
            documents = await self._step(step, known)
            if step.take is not None and step.name is not None:
                known[step.name] = [value for each in documents for value in found(each, step.take)]
        return steps[-1], documents

    async def _step(self, step: Step, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            if step.aggregate is not None:
                return await self._asker.aggregate(step.collection, filled(step.aggregate, values))
            query = filled(step.find or {}, values)
            how = {"project": step.project, "sort": step.sort}
            return await self._asker.find(step.collection, query, **how, limit=step.limit)
        except Refused as error:
            raise QuestionFailed(str(error)) from None

    async def alive(self) -> None:
        await self._asker.alive()

    async def place(self, questions: Sequence[Question]) -> Place:
        facts = await self._asker.server()
        size, counts = await self._asker.sizes()
        names = sorted({step.collection for each in questions for step in each.mongo})
        return Place(
            engine="MongoDB",
            version=facts.version,
            database=self._database,
            at=utc_now(),
            stand_in=facts.version.reason if isinstance(facts.version, Unknown) else "",
            topology=facts.topology,
            asked_as=_ASKED_AS[self._as_application],
            size_bytes=size,
            sizes=counts,
            settings=await self._asker.settings(),
            indexes={name: await self._asker.indexes(name) for name in names},
            distance_ms=await self._asker.distance_ms(),
        )

    async def close(self) -> None:
        self._asker.close()


async def open_mongo(settings: Settings, seconds: float) -> MongoSide:
    """Connect as the application does. Raises ConsoleError: exit 2 when nothing is configured, 3 when it is away."""
    url = settings.mongo.app_url or settings.mongo.url
    if url is None:
        raise usage_error("mongo_missing", "no MongoDB is configured", "Set MONGO_URL")
    asker = await MongoAsker.open(
        url,
        settings.mongo.database,
        purpose="bench",
        seconds=seconds,
        connect_seconds=settings.mongo.server_selection_timeout_seconds,
        preference=settings.mongo.read_preference,
    )
    return MongoSide(asker, settings.mongo.database, as_application=settings.mongo.app_url is not None)
