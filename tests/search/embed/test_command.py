"""The commands, as they are called: their answers, their exit codes, and a back-fill that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devora_console.cli.entry import run
from devora_console.config.load import load
from devora_console.doctor import examine
from devora_console.search.embed.hashing import HashEmbedder
from devora_console.search.embed.service import get_embedding_service
from tests.search.embed.conftest import World
from tests.search.openai_server import POISON, Fault, OpenAIServer


class Pool:
    """A pool of one connection."""

    def __init__(self, world: World) -> None:
        self._world = world

    def acquire(self) -> Pool:
        return self

    async def __aenter__(self) -> Any:
        return await self._world.connect()

    async def __aexit__(self, *_: object) -> None:
        return None


@pytest.fixture
def settled(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """The world is what the settings name; the embedder is the one of letters, which is quick to make."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("DEVORA_CONSOLE", "OPENAI", "POSTGRES", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POSTGRES_DSN", world.dsn.reveal())
    monkeypatch.setenv("DEVORA_CONSOLE__EMBED__PROVIDER", "hash")
    return world


def use(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    given = {"provider": "openai", "base_url": server.url, "api_key": server.key, "dimensions": "8"} | more
    for name, value in given.items():
        monkeypatch.setenv(f"DEVORA_CONSOLE__EMBED__{name.upper()}", value)


async def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = await asyncio.to_thread(run, ["embed", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


async def test_status_estimate_run_and_status_again(settled: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = await ask(capsys, "status")
    assert code == 0
    assert [(each["entity_type"], each["documents"], each["missing"]) for each in said["coverage"]] == [
        ("project", 1, 1),
        ("conversation", 1, 1),
        ("message", 3, 3),
        ("file", 1, 1),
    ]
    assert (said["embedded"], said["remaining"], said["failed"], said["index"]["state"]) == (0, 6, 0, "none")
    code, said = await ask(capsys, "estimate")
    assert code == 0
    found = said["estimate"]
    assert (found["rows"], found["counted"], found["cost"], found["counter"]) == (6, True, 0.0, "Llama 2 tokenizer")
    assert 30 < found["tokens"] < 120
    assert found["seconds"] >= 0
    code, said = await ask(capsys, "run")
    assert code == 0
    assert (said["embedded"], said["remaining"], said["failed"], said["ending"]) == (6, 0, 0, "done")
    await settled.value("UPDATE messages SET content = 'autre' WHERE content LIKE 'Le worker%'")
    code, said = await ask(capsys, "status")
    assert sum(each["stale"] for each in said["coverage"]) == 1
    assert said["models"] == [{"model": "hash256-v1", "dims": 256, "vectors": 6}]
    assert said["runs"][0]["state"] == "done"
    assert await asyncio.to_thread(run, ["embed", "status"]) == 0
    text = capsys.readouterr().out
    assert "5 of 6 documents are current (83.3 %)" in text
    assert "lexical: compares letters, not meaning" in text


async def test_what_is_made_here_costs_nothing(settled: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(run, ["embed", "estimate"]) == 0
    said = capsys.readouterr().out
    assert "cost: nothing, the vectors are made here" in said
    assert "always" not in said


async def test_exit_codes_tell_ceiling_quota_key_and_failures_apart(
    settled: World, capsys: pytest.CaptureFixture[str], server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, monkeypatch)
    code, said = await ask(capsys, "run", "--max-cost", "1")
    assert (code, said["problems"][0]["code"]) == (2, "embed_price")
    code, said = await ask(capsys, "estimate")
    assert (code, "unknown" in said["estimate"]["cost"], "unknown" in said["estimate"]["seconds"]) == (0, True, True)
    monkeypatch.setenv("DEVORA_CONSOLE__EMBED__PRICE_PER_MILLION", "1000")
    code, said = await ask(capsys, "run", "--max-cost", "0.05")
    assert (code, said["ending"], said["problems"][0]["code"]) == (5, "ceiling", "embed_ceiling")
    assert said["embedded"] + said["remaining"] == 6
    assert 0 < said["cost"] <= 0.05
    told = {"per_million": 1000.0, "as_of": "an unknown day", "source": "embed.price_per_million", "own": False}
    assert said["price"] == told
    server.faults.append(Fault.quota())
    code, said = await ask(capsys, "run")
    assert (code, said["ending"], said["problems"][0]["code"]) == (5, "refused", "embed_quota")
    monkeypatch.setenv("DEVORA_CONSOLE__EMBED__API_KEY", "sk-wrong")
    code, said = await ask(capsys, "run")
    assert (code, said["problems"][0]["code"]) == (2, "embed_key")
    use(server, monkeypatch)
    await settled.say(POISON)
    code, said = await ask(capsys, "run")
    assert (code, said["failed"], said["remaining"]) == (1, 1, 0)
    code, said = await ask(capsys, "pause")
    assert (code, said["problems"][0]["code"]) == (1, "not_running")
    code, said = await ask(capsys, "run", "--read-only")
    assert code == 4


async def test_doctor_says_why_embeddings_are_not_generated(
    settled: World, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> tuple[str, str]:
        found = await examine(load())
        (own,) = [each for each in found if each.id == "postgres.embeddings"]
        return own.verdict, own.value

    assert await check() == ("warn", "6 documents of 6 to embed with hash256-v1 (none has a vector)")
    await settled.backfill(HashEmbedder()).run()
    assert await check() == ("pass", "6 documents, all current with hash256-v1")
    monkeypatch.setenv("DEVORA_CONSOLE__EMBED__PROVIDER", "openai")
    assert await check() == ("fail", "no key for OpenAI")
    use(server, monkeypatch)
    server.faults.append(Fault.quota())
    await asyncio.to_thread(run, ["embed", "run", "--quiet"])
    verdict, value = await check()
    assert verdict == "fail"
    assert "the quota is used up" in value
    server.faults += [Fault.fewer()] * 4
    await asyncio.to_thread(run, ["embed", "run", "--quiet"])
    verdict, value = await check()
    assert (verdict, "all failed" in value) == ("fail", True)
    await settled.value("DROP EXTENSION vector CASCADE")
    verdict, value = await check()
    assert (verdict, "pgvector is not in this database" in value) == ("warn", True)


@pytest.mark.slow
async def test_killed_it_is_gone_on_with_at_once(
    settled: World, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(server, monkeypatch)
    server.delay = 0.15
    await settled.say(*(f"message {number} " + "mot " * 300 for number in range(2500)))
    command = [sys.executable, "-m", "devora_console", "embed", "run", "--quiet"]
    process = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(server.asked) < 2:
        assert process.poll() is None
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    assert int(str(await settled.value("SELECT count(*) FROM devora_console.embedding_claim"))) > 0
    code, said = await ask(capsys, "status")
    assert said["runs"][0]["state"] == "running"
    assert said["runs"][0]["alive"] is False
    server.delay = 0
    code, said = await ask(capsys, "run")
    assert (code, said["remaining"], said["failed"]) == (0, 0, 0)
    code, said = await ask(capsys, "status")
    assert said["embedded"] == 2506


async def test_the_backend_embeds_what_it_has_just_saved(world: World) -> None:
    service = get_embedding_service(Pool(world), embedder=HashEmbedder())
    project = await service.embed_project(str(world.project))
    assert (project.success, project.chunks, project.error) == (True, 2, None)
    assert (await service.embed_conversation(world.conversation)).chunks == 4
    (message,) = await world.say("Un texte plus long. " * 300)
    found = await service.embed_message(message)
    assert (found.success, found.chunks) == (True, 5)
    await world.value("UPDATE messages SET content = 'court' WHERE id = $1", message)
    assert (await service.embed_message(message)).chunks == 1
    assert await world.value("SELECT count(*) FROM embeddings WHERE entity_id = $1", message) == 1
    file = await world.value("SELECT id FROM project_files")
    assert (await service.embed_file(str(file))).success
    assert (await world.backfill(HashEmbedder()).run()).progress.total == 0
    gone = await service.embed_message("00000000-0000-0000-0000-000000000001")
    assert (gone.success, gone.chunks) == (False, 0)
    assert "there is no message" in str(gone.error)
    assert "is not the id" in str((await service.embed_file("x; drop")).error)


async def test_the_service_says_what_the_provider_refuses(world: World, server: OpenAIServer) -> None:
    settings = {"provider": "openai", "base_url": server.url, "api_key": "sk-wrong", "dimensions": 8}
    from devora_console.config.settings import Settings

    service = get_embedding_service(Pool(world), Settings.model_validate({"embed": settings}))
    found = await service.embed_project(world.project)
    assert (found.success, found.chunks) == (False, 0)
    assert "refuses the key" in str(found.error)
    await service.close()
