"""What backups say to a cutover: measured, and never good without a look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pymongo import MongoClient

from devora_console.backup.context import Context
from devora_console.backup.gates import gates
from devora_console.backup.judge import judge
from devora_console.backup.model import Level
from devora_console.backup.mongo_dump import dump_mongo
from devora_console.backup.postgres_dump import dump_postgres
from devora_console.config.secret import Dsn
from devora_console.config.settings import MongoSettings, PostgresSettings, Settings
from devora_console.core.console import Verdict
from devora_console.core.gates import Measurement, Registry


async def _measured(context: Context, name: str) -> Measurement:
    gate = Registry(gates(context)).get(name)
    assert gate is not None
    return await gate.measure()


async def test_the_source_has_a_backup_that_is_it(
    mongo_context: Context, mongo_client: MongoClient[dict[str, Any]], source: str
) -> None:
    found = await _measured(mongo_context, "backup.mongo")
    assert (found.verdict, found.value) == (Verdict.FAIL, "none")
    _, manifest = await dump_mongo(mongo_context, mongo_context.shelf)
    found = await _measured(mongo_context, "backup.mongo")
    assert found.verdict is Verdict.OK, found.why
    assert found.true_at == manifest.started
    mongo_client[source]["users"].insert_one({"late": True})
    found = await _measured(mongo_context, "backup.mongo")
    assert found.verdict is Verdict.OK  # the source is in use
    assert "1 of " in found.value
    assert "have other counts since" in found.value
    mongo_client[source]["late"].insert_one({"late": True})
    found = await _measured(mongo_context, "backup.mongo")
    assert found.verdict is Verdict.FAIL
    assert "without late" in found.value


async def test_the_target_has_a_backup_that_was_restored(context: Context) -> None:
    path, _ = await dump_postgres(context, context.shelf)
    found = await _measured(context, "backup.postgres")
    assert found.verdict is Verdict.FAIL
    assert "has not been restored" in found.why
    assert (await judge(context, path, Level.RESTORED)).ok
    found = await _measured(context, "backup.postgres")
    assert found.verdict is Verdict.OK, found.why
    data = (path / "database.dump").read_bytes()
    (path / "database.dump").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    found = await _measured(context, "backup.postgres")
    assert (found.verdict, found.value) == (Verdict.FAIL, "changed")


async def test_tools_and_room(context: Context, mongo_context: Context) -> None:
    both = replace(context, settings=Settings(postgres=context.settings.postgres, mongo=mongo_context.settings.mongo))
    tools = await _measured(both, "tools.versions")
    assert (tools.verdict, tools.value) == (Verdict.OK, "pg_dump 18")
    room = await _measured(both, "disk.free")
    assert room.verdict is Verdict.OK
    assert "needed" in room.why
    without = await _measured(replace(both, tool_folders=list), "tools.versions")
    assert without.verdict in (Verdict.OK, Verdict.FAIL)  # as this machine's own programs are


async def test_a_server_that_is_away_is_not_known(context: Context) -> None:
    nowhere = Settings(
        postgres=PostgresSettings(dsn=Dsn("postgresql://u@127.0.0.1:1/d"), connect_timeout_seconds=1),
        mongo=MongoSettings(url=Dsn("mongodb://127.0.0.1:1"), server_selection_timeout_seconds=0.2),
    )
    for gate in gates(replace(context, settings=nowhere)):
        found = await gate.measure()
        assert found.verdict is Verdict.UNKNOWN, gate.id
        assert found.why
