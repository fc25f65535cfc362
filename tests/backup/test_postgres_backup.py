"""PostgreSQL: dumps of the right version, damage of every kind, restores into empty databases only."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from devora_console.backup.adopt import adopt
from devora_console.backup.clients import clients_for
from devora_console.backup.context import Context
from devora_console.backup.judge import Against, judge
from devora_console.backup.manifest import read_manifest, write_manifest
from devora_console.backup.model import Finding, Judgement, Level
from devora_console.backup.postgres_dump import dump_postgres
from devora_console.backup.restore import restore
from devora_console.backup.shelf import entries, partials
from devora_console.backup.unsound import Unsound
from devora_console.config.conninfo import parse
from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.demo.servers import Endpoints
from tests.backup.conftest import console, listening
from tests.eventually import eventually

COUNTS = {'app."Odd name"': 200, "public.nothing": 0, "public.users": 300}


async def _execute(dsn: Dsn, statement: str) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    await connection.execute(statement)
    await connection.close()


async def _judged(context: Context, path: Path, level: Level = Level.COUNTS) -> Judgement:
    return await judge(context, path, level)


def _other(context: Context, dsn: Dsn) -> Context:
    settings = context.settings
    return replace(
        context, settings=settings.model_copy(update={"postgres": settings.postgres.model_copy(update={"dsn": dsn})})
    )


async def test_a_backup_from_its_taking_to_its_restoring(context: Context, database: Dsn, postgres_admin: Dsn) -> None:
    path, manifest = await dump_postgres(context, context.shelf)
    assert {each.name: each.count for each in manifest.contents} == COUNTS
    assert all(each.digest for each in manifest.contents)
    assert manifest.objects["indexes"] == 3
    assert manifest.level is Level.COUNTS
    assert partials(context.shelf) == []

    await _execute(database, 'DELETE FROM app."Odd name"; INSERT INTO nothing VALUES (1)')
    found = await _judged(context, path, Level.RESTORED)  # compared with its own snapshot: the server may go on
    assert found.ok, found.reason
    assert found.level is Level.RESTORED
    kept = read_manifest(path)
    assert kept is not None
    assert kept.level is Level.RESTORED
    live = await judge(context, path, Level.COUNTS, against=Against.LIVE)
    assert (live.finding, live.level) == (Finding.DIFFERS, Level.COMPLETE)
    assert 'app."Odd name": 0 on the server now, 200 in the backup' in live.reason

    with pytest.raises(ConsoleError, match="it is not empty"):
        await restore(context, path, target(database).database)
    name = f"{target(database).database}_back"
    try:
        done = await restore(context, path, name)
        assert done.ok, done.differences
        assert {each.name: each.count for each in done.contents} == COUNTS
        with pytest.raises(ConsoleError) as caught:
            await restore(context, path, name)
        assert caught.value.problem.code == "restore_not_empty"
    finally:
        await _execute(postgres_admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    connection = await asyncpg.connect(postgres_admin.reveal())
    left = await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname LIKE 'devora\\_restore\\_%'")
    await connection.close()
    assert left == 0


def _cut(path: Path, part: float) -> None:
    os.truncate(path, int(path.stat().st_size * part))


def _flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 0xFF
    path.write_bytes(data)


async def test_every_damage_is_told_with_its_reason(context: Context, empty_database: Dsn) -> None:
    whole, manifest = await dump_postgres(context, context.shelf)
    number = 0

    async def damaged(change: object, level: Level = Level.COUNTS) -> Judgement:
        nonlocal number
        number += 1
        path = context.shelf / f"copy-{number}"
        shutil.copytree(whole, path)
        assert callable(change)
        change(path / "database.dump")
        return await _judged(context, path, level)

    def manifested(**changes: object) -> object:
        return lambda file: write_manifest(file.parent, replace(manifest, **changes))  # type: ignore[arg-type]

    none, exists, complete = Level.NONE, Level.EXISTS, Level.COMPLETE
    cases: list[tuple[object, Level, Finding, str]] = [
        (lambda file: file.unlink(), none, Finding.MISSING, "is missing"),
        (lambda file: _cut(file, 0), none, Finding.EMPTY, "is empty; it had"),
        (lambda file: _cut(file, 0.5), none, Finding.TRUNCATED, "of its"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), none, Finding.CHANGED, "it had"),
        (lambda file: _flip(file, 0.7), exists, Finding.CHANGED, "its SHA-256 is another one"),
        (manifested(contents=()), none, Finding.EMPTY, "no collection or table"),
        (manifested(started=utc_now() - timedelta(hours=30)), Level.COUNTS, Finding.OLD, "older than 1d00h"),
        (manifested(started=utc_now() + timedelta(hours=30)), Level.COUNTS, Finding.UNKNOWN, "in the future"),
        (manifested(database="other"), complete, Finding.FOREIGN, "of the database other"),
        (manifested(server="postgresql 1"), complete, Finding.FOREIGN, "of another server"),
        (
            manifested(contents=(replace(manifest.contents[0], count=7), *manifest.contents[1:])),
            exists,
            Finding.CHANGED,
            "7 in the manifest",
        ),
    ]
    for change, level, finding, words in cases:
        found = await damaged(change)
        assert (found.level, found.finding) == (level, finding), (words, found.reason)
        assert words in found.reason
        assert not found.ok
    foreign = await _judged(_other(context, empty_database), whole)
    assert foreign.finding is Finding.FOREIGN
    good = await _judged(context, whole, Level.EXISTS)
    assert good.ok
    (whole / "database.dump").write_bytes(b"")
    assert (await _judged(context, whole)).finding is Finding.EMPTY
    kept = read_manifest(whole)
    assert kept is not None
    assert kept.level is Level.NONE  # what it once was, it is no longer


async def _made(context: Context, folder: Path, servers: Endpoints, database: Dsn, *options: str) -> Path:
    path = folder / "dump"
    environment = target(database).tool_environment(context.environ)
    program = servers.postgres_bin / "pg_dump"
    done = await asyncio.create_subprocess_exec(program, *options, f"--file={path}", env=environment)
    assert await done.wait() == 0
    return path


async def test_archives_made_elsewhere_cut_anywhere(
    context: Context, servers: Endpoints, database: Dsn, tmp_path: Path
) -> None:
    whole = await _made(context, tmp_path, servers, database, "-Fc")
    data = whole.read_bytes()
    for part in (0.01, 0.2, 0.5, 0.9, 0.99):
        cut = tmp_path / f"cut-{part}.dump"
        cut.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(Unsound) as caught:
            await adopt(context, cut)
        assert caught.value.finding is Finding.TRUNCATED, (part, caught.value.reason)
        assert not cut.with_name(f"{cut.name}.backup.json").exists()
    newer = tmp_path / "newer.dump"
    newer.write_bytes(data[:6] + bytes([data[6] + 10]) + data[7:])
    with pytest.raises(Unsound) as caught:
        await adopt(context, newer)
    assert caught.value.finding is Finding.NEWER
    manifest = await adopt(context, whole)
    assert manifest.database == target(database).database
    assert {each.name: each.count for each in manifest.contents} == COUNTS
    found = await _judged(context, whole, Level.RESTORED)
    assert found.ok, found.reason


async def test_plain_sql_cut_where_psql_sees_nothing(
    context: Context, servers: Endpoints, database: Dsn, tmp_path: Path
) -> None:
    whole = await _made(context, tmp_path, servers, database)
    data = whole.read_bytes()
    border = data.index(b"-- Data for Name: users") - 3  # between two tables: psql would end well, without users
    cuts = {"table": border, "row": border + 400, "end": len(data) - 120}
    packed = gzip.compress(data)
    broken: list[tuple[str, bytes, Finding]] = [
        *((f"{name}.sql", data[:at], Finding.TRUNCATED) for name, at in cuts.items()),
        ("empty.sql", b"", Finding.EMPTY),
        ("empty.sql.gz", gzip.compress(b""), Finding.EMPTY),
        ("cut.sql.gz", packed[: len(packed) // 2], Finding.TRUNCATED),
        ("trailer.sql.gz", packed[:-4], Finding.TRUNCATED),
        ("not.sql", b"SELECT 1;\n", Finding.UNREADABLE),
        ("all.sql", b"--\n-- PostgreSQL database cluster dump\n--\n", Finding.UNREADABLE),
    ]
    for name, content, finding in broken:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(Unsound) as caught:
            await adopt(context, path)
        assert caught.value.finding is finding, (name, caught.value.reason)
    gz = tmp_path / "whole.sql.gz"
    gz.write_bytes(packed)
    for path in (whole.rename(tmp_path / "whole.sql"), gz):
        manifest = await adopt(context, path)
        assert {each.name: each.count for each in manifest.contents} == COUNTS
    found = await _judged(context, gz, Level.RESTORED)
    assert found.ok, found.reason


@pytest.mark.slow
async def test_inserts_are_proven_by_the_server_alone(
    context: Context, servers: Endpoints, database: Dsn, tmp_path: Path
) -> None:
    path = (await _made(context, tmp_path, servers, database, "--inserts")).rename(tmp_path / "inserts.sql")
    await adopt(context, path)
    counted = await judge(context, path, Level.COUNTS, against=Against.LIVE)
    assert (counted.finding, counted.level) == (Finding.UNKNOWN, Level.COMPLETE)
    alone = await judge(context, path, Level.RESTORED, against=Against.MANIFEST)
    assert (alone.finding, alone.ok) == (Finding.UNKNOWN, False)
    found = await judge(context, path, Level.RESTORED, against=Against.LIVE)
    assert found.ok, found.reason
    await _execute(database, 'DELETE FROM app."Odd name" WHERE id = 1')
    found = await judge(context, path, Level.RESTORED, against=Against.LIVE)
    assert found.finding is Finding.DIFFERS


async def test_an_old_pg_dump_is_refused_with_the_remedy(context: Context, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (tools / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.4'\n")
        (tools / name).chmod(0o755)
    with pytest.raises(ConsoleError, match=r"cannot dump a newer server\. Install postgresql-client-99"):
        await clients_for(99, {"PATH": str(tools)}, list)


async def test_secrets_are_in_no_argument_and_in_no_manifest(
    context: Context, database: Dsn, servers: Endpoints, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    tools = wrapped(tmp_path, servers, f"tr '\\0' ' ' < /proc/$$/cmdline > {seen}; exec \"$REAL\" \"$@\"")
    path, _ = await dump_postgres(replace(context, tool_folders=lambda: [tools]), context.shelf)
    password = parse(database.reveal())["password"]
    assert "--format=custom" in seen.read_text()
    assert password not in seen.read_text()
    assert password not in (path / "backup.json").read_text()


async def test_killed_in_the_middle_nothing_looks_usable(
    context: Context, database: Dsn, servers: Endpoints, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    script = f'for w in "$@"; do case $w in --file=*) echo half > "${{w#--file=}}";; esac; done; echo $$ > {pid}; '
    tools = wrapped(tmp_path, servers, script + "exec sleep 60")
    path = f"{tools}:{os.environ['PATH']}"
    command = ("backup", "postgres", "--out", str(context.shelf))
    running = console(tmp_path, *command, PATH=path, POSTGRES_DSN=database.reveal())
    assert await asyncio.to_thread(eventually, lambda: pid.exists() and pid.read_text().strip() != "", 60)
    running.kill()
    running.communicate()
    child = Path("/proc") / pid.read_text().strip()
    assert await asyncio.to_thread(eventually, lambda: not child.exists() or ") Z " in (child / "stat").read_text(), 20)
    [left] = partials(context.shelf)
    assert (left / "database.dump").exists()
    assert entries(context.shelf) == []
    with pytest.raises(ConsoleError, match="was never finished"):
        await _judged(context, left)
    listener, told = listening(context)
    await dump_postgres(listener, context.shelf)
    assert f"removed {left.name}, left by a backup that did not end" in told
    assert partials(context.shelf) == []
    assert len(entries(context.shelf)) == 1


@pytest.mark.slow
async def test_a_full_disk_leaves_nothing(context: Context, database: Dsn, mongo_context: Context) -> None:
    shelf = context.shelf
    running = [
        console(shelf.parent, "backup", "postgres", "--out", str(shelf), largest=4000, POSTGRES_DSN=database.reveal()),
        console(
            shelf.parent,
            "backup",
            "mongo",
            f"--out={shelf}",
            largest=4000,
            MONGO_URL=mongo_context.mongo().reveal(),
            DB_NAME=mongo_context.settings.mongo.database,
        ),
    ]
    for each in running:
        _, said = await asyncio.to_thread(each.communicate)
        assert each.returncode == 1, said
        assert "nothing of" in said
    assert entries(shelf) == []
    assert partials(shelf) == []


def wrapped(folder: Path, servers: Endpoints, script: str) -> Path:
    """A folder with PostgreSQL's programs in which pg_dump runs a script instead; $REAL is the real one."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("pg_restore", "psql"):
        (tools / name).symlink_to(servers.postgres_bin / name)
    real = servers.postgres_bin / "pg_dump"
    lines = ["#!/bin/sh", f"REAL={real}", '[ "$1" = --version ] && exec "$REAL" --version', script]
    (tools / "pg_dump").write_text("\n".join(lines) + "\n")
    (tools / "pg_dump").chmod(0o755)
    return tools
