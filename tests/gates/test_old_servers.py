"""The same questions asked of the oldest server: its catalogue has all that they need."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from devora_console import schema
from devora_console.core.console import Verdict
from devora_console.demo.servers import for_database
from devora_console.migration.gates import dry_run_gate, verification_gate
from devora_console.migration.gates_data import quarantine_gate, vectors_gate
from devora_console.migration.progress import Kind
from devora_console.postgres.gates import sequences_gate, statistics_gate, watching
from devora_console.schema.gates import constraints_gate, drift_gate
from tests.gates.conftest import do, measured, scene_of
from tests.migration.world import execute, run, verify
from tests.schema.old_servers import VERSIONS, server


@pytest.mark.slow
@pytest.mark.parametrize("major", sorted(VERSIONS))
async def test_every_gate_has_an_answer(major: int, dump: Path, tmp_path: Path) -> None:
    with server(major, "shared_preload_libraries=pg_stat_statements") as admin:
        connection = await asyncpg.connect(admin.reveal())
        await connection.execute("CREATE DATABASE gates")
        await connection.close()
        dsn = for_database(admin, "gates")
        connection = await asyncpg.connect(dsn.reveal())
        await schema.apply(connection)
        await connection.close()
        scene = scene_of(dsn, dump, tmp_path)
        await run(Kind.DRY_RUN, dsn, dump, verdicts=scene.dry_runs)
        await execute(dsn, dump)
        await verify(dsn, dump, record=True)
        await do(scene, "CREATE TABLE numbered (id serial)", "ANALYZE")
        target = scene.target
        gates = [dry_run_gate(scene), verification_gate(scene), vectors_gate(scene), sequences_gate(target)]
        gates += [drift_gate(target), constraints_gate(target), statistics_gate(target)]
        found = {gate.id: await measured(gate) for gate in gates}
        assert found.pop("schema.drift").verdict is Verdict.FAIL  # a table more
        assert {name: each for name, each in found.items() if each.verdict is not Verdict.OK} == {}
        assert (await measured(quarantine_gate(scene))).verdict is Verdict.FAIL
        assert (await watching(target)).verdict is Verdict.OK
