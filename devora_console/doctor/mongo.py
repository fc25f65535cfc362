"""Questions to the source: what it is, and whether what will be migrated is there and can be read."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from pymongo.errors import OperationFailure

from devora_console.backup.mongo_scratch import Scratch
from devora_console.config.secret import Dsn
from devora_console.core.scratch import Left
from devora_console.core.unknown import Unknown
from devora_console.doctor.check import Answer, Question, failed, passed, unknown, warned
from devora_console.doctor.clock import compare_clocks
from devora_console.doctor.scratch import scratch_answer
from devora_console.migration.mapping_file import load_mapping
from devora_console.mongo.facts import (
    Client,
    ServerFacts,
    answered,
    read_change_streams,
    read_collections,
    read_databases,
)
from devora_console.mongo.source import CollectionInfo

_OLDEST, _NEWEST = (4, 4), (8, 99)
_SECONDS = 5.0


@dataclass
class Source:
    """One client; what the server is has been asked already, to see whether it answers."""

    client: Client
    url: Dsn
    database: str
    mapping: Path | None
    server: ServerFacts
    _collections: tuple[CollectionInfo, ...] | Unknown | None = None

    async def collections(self) -> tuple[CollectionInfo, ...] | Unknown:
        """What the database holds, asked once."""
        if self._collections is None:
            listed = read_collections(self.client, self.database)
            self._collections = await answered(self.url, listed, _SECONDS)
        return self._collections


async def _version(source: Source) -> Answer:
    version = source.server.version
    if isinstance(version, Unknown):
        return unknown(version.reason, "A MongoDB tells it; with a stand-in such as the demo's there is nothing to do")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < _OLDEST:
        return warned(version, "This console knows MongoDB 4.4 to 8: migrate from a dump folder, or upgrade")
    if numbers > _NEWEST:
        return warned(version, "This console knows MongoDB 4.4 to 8: use a newer console")
    return passed(version)


async def _topology(source: Source) -> Answer:
    return passed(source.server.topology)


async def _database(source: Source) -> Answer:
    mapped = load_mapping(source.mapping).mapped()
    found = await source.collections()
    if isinstance(found, Unknown):
        return unknown(found.reason, found.remedy)
    present = {info.name: info.documents for info in found}
    if not present:
        return failed(f"there is no database {source.database}, or it is empty", await _other_databases(source))
    missing = [each.name for each in mapped if each.name not in present]
    if len(missing) == len(mapped):
        value = f"database {source.database} has none of the collections to migrate"
        return failed(f"{value}; it has {', '.join(sorted(present)[:12])}", await _other_databases(source))
    required = [each.name for each in mapped if each.required and each.name in missing]
    if required:
        return failed(f"missing: {', '.join(required)}", "Check DB_NAME, or the mapping's 'required'")
    here = ", ".join(f"{each.name} {_count(present[each.name])}" for each in mapped if each.name in present)
    if missing:
        remedy = "If they never existed there is nothing to do; otherwise check DB_NAME"
        return warned(f"{here}; missing: {', '.join(missing)}", remedy)
    return passed(here)


def _count(documents: int | Unknown) -> str:
    return "?" if isinstance(documents, Unknown) else str(documents)


async def _other_databases(source: Source) -> str:
    names = await read_databases(source.client)
    if isinstance(names, Unknown):
        return f"Check DB_NAME ({names.reason})"
    others = [name for name in names if name != source.database]
    near = get_close_matches(source.database, others, 1, 0.6)
    if near:
        return f"Check DB_NAME; did you mean {near[0]}?"
    return f"Check DB_NAME; the server has {', '.join(others[:12]) or 'no other database'}"


async def _read(source: Source) -> Answer:
    found = await source.collections()
    if isinstance(found, Unknown):
        return unknown(found.reason, found.remedy)
    if not found:
        return unknown("the database holds no collection to try it on", "Check DB_NAME")
    database = source.client[source.database]
    refused = []
    for info in found:
        try:
            await database[info.name].find_one({}, {"_id": 1})
        except OperationFailure as error:
            if error.code != 13:
                raise
            refused.append(info.name)
    if refused:
        grant = f"db.grantRolesToUser(USER, [{{role: 'read', db: '{source.database}'}}])"
        return failed(f"this user may not read {', '.join(refused)}", f"As an administrator, in mongosh: {grant}")
    return passed(f"all {len(found)} collections can be read")


async def _change_streams(source: Source) -> Answer:
    found = await source.collections()
    if isinstance(found, Unknown):
        return unknown(found.reason, found.remedy)
    if not found:
        return unknown("the database holds no collection to try it on", "Check DB_NAME")
    possible = await read_change_streams(source.client[source.database], found[0].name)
    if isinstance(possible, Unknown):
        return unknown(possible.reason, possible.remedy)
    if possible:
        return passed("a change stream opens")
    remedy = "Make it a replica set of one (mongod --replSet rs0, then rs.initiate()), or freeze writes while copying"
    return warned(f"{source.server.topology}: changes cannot be followed", remedy)


async def _clock(source: Source) -> Answer:
    if isinstance(source.server.server_time, Unknown):
        return unknown(source.server.server_time.reason)

    async def ask() -> datetime:
        told: datetime = (await source.client.admin.command("hello"))["localTime"]
        return told if told.tzinfo else told.replace(tzinfo=UTC)

    return await compare_clocks(ask)


async def _scratch(source: Source) -> Answer:
    found = await asyncio.to_thread(_left, source.url)
    return scratch_answer(found)


def _left(url: Dsn) -> tuple[Left, ...]:
    with Scratch(url, _SECONDS) as scratch:
        return scratch.left()


QUESTIONS: tuple[Question[Source], ...] = (
    Question("mongo.version", "MongoDB version", _version),
    Question("mongo.topology", "topology", _topology),
    Question("mongo.collections", "collections to migrate", _database, 10.0),
    Question("mongo.read", "may be read", _read, 10.0),
    Question("mongo.change_streams", "changes can be followed", _change_streams),
    Question("mongo.scratch", "scratch databases", _scratch, 10.0),
    Question("mongo.clock", "clock of MongoDB", _clock),
)
