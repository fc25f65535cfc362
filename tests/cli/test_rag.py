"""``rag prompt`` and ``rag ask`` as scripts and people use them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.search.openai_server import Fault, OpenAIServer, openai_server
from tests.search.rag.conftest import ANA, BEN, BENS, TOKENS, fill

QUESTION = "Pourquoi le worker fuit ?"
WHOLE = "Le serveur redémarre à minuit [1]."


@pytest.fixture
async def here(template_database: TemplateDatabase, database_from: DatabaseFrom) -> dict[str, str]:
    dsn = await database_from(await template_database("rag", fill))
    # Letters are enough of a meaning here, and load at once.
    return {"POSTGRES_DSN": dsn.reveal(), "DEVORA_CONSOLE__EMBED__PROVIDER": "hash"}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server() as one:
        yield one


@pytest.fixture
def asking(here: dict[str, str], server: OpenAIServer) -> dict[str, str]:
    return here | {"DEVORA_CONSOLE__RAG__BASE_URL": server.url, "DEVORA_CONSOLE__RAG__API_KEY": server.key}


def test_a_prompt_in_the_open(run: Run, here: dict[str, str]) -> None:
    document = run("rag", "prompt", QUESTION, "--as-user", ANA, "--conversation", TOKENS, "--json", **here).json()
    assert {"prompt", "contexts", "tokens", "answer", "left_out", "turns"} <= document.keys()
    assert document["answer"] is None
    assert document["prompt"].endswith(QUESTION)
    assert document["tokens"]["budget"] == 2000
    assert document["tokens"]["counter"]
    assert document["contexts"][0]["number"] == 1
    assert document["as_user"] == ANA
    assert "hunter2" not in str(document)
    shown = run("rag", "prompt", QUESTION, "--as-user", ANA, "--max-context-tokens", "400", **here)
    assert shown.code == 0
    assert "of 400 tokens added" in shown.out
    assert "budget" in shown.out
    assert "\x1b" not in shown.out
    small = run("rag", "prompt", QUESTION, "--as-user", ANA, "--max-context-tokens", "400", "--json", **here).json()
    assert small["tokens"]["added"] <= 380
    assert {each["reason"] for each in small["left_out"]} >= {"budget"}


@pytest.mark.slow
def test_as_owner_and_as_another(run: Run, here: dict[str, str]) -> None:
    owner = run("rag", "prompt", QUESTION, **here)
    assert "as owner: everybody's documents" in owner.out
    assert "hunter2" in owner.out
    other = run("rag", "prompt", QUESTION, "--as-user", BEN, "--conversation", TOKENS, "--json", **here).json()
    assert "hunter2" in other["prompt"]
    assert other["turns"] == []
    assert "not this user's" in other["notes"][0]
    assert run("rag", "prompt", QUESTION, "--as-user", "ana", **here).code == 2
    stranger = run("rag", "prompt", QUESTION, "--as-user", ANA, "--conversation", BENS, **here)
    assert "hunter2" not in stranger.out


def test_without_a_database_the_prompt_is_the_question(run: Run) -> None:
    ended = run("rag", "prompt", QUESTION, "--json", POSTGRES_DSN="postgresql://x@127.0.0.1:1/x")
    document = ended.json()
    assert (ended.code, document["prompt"], document["contexts"]) == (3, QUESTION, [])
    assert document["problems"][0]["code"] == "postgres_unreachable"
    assert run("rag", "prompt", QUESTION).code == 2
    produced = run("rag", "ask", QUESTION, POSTGRES_DSN="dbname=x", ENVIRONMENT="production", OPENAI_API_KEY="sk-x")
    assert produced.code == 2
    assert "everybody's documents would go to the provider" in produced.err


def test_an_answer_with_its_sources(run: Run, asking: dict[str, str], server: OpenAIServer) -> None:
    priced = asking | {
        "DEVORA_CONSOLE__RAG__PRICE_INPUT_PER_MILLION": "0.4",
        "DEVORA_CONSOLE__RAG__PRICE_OUTPUT_PER_MILLION": "1.6",
        "DEVORA_CONSOLE__RAG__PRICE_AS_OF": "2026-11-01",
    }
    shown = run("rag", "ask", QUESTION, "--as-user", ANA, **priced)
    assert shown.code == 0
    assert shown.out.startswith(f"{WHOLE}\n[1] ")
    assert "at most $0.00" in shown.err
    assert "(price of 2026-11-01)" in shown.err
    assert QUESTION not in shown.err
    document = run("rag", "ask", QUESTION, "--as-user", ANA, "--json", **asking).json()
    assert document["answer"] == WHOLE
    assert document["outcome"]["state"] == "complete"
    assert document["outcome"]["usage"]["input_tokens"] > 0
    assert "not known" in document["outcome"]["cost_usd"]["unknown"]
    assert server.asked[-1].body["input"] == document["prompt"]
    assert server.key not in shown.out + shown.err + str(document)


@pytest.mark.parametrize(
    ("fault", "code", "words", "answer"),
    [
        (Fault.ends("incomplete"), 1, "cut off at 800 tokens", "Le serveur redémarre "),
        pytest.param(
            Fault.ends("silent"), 1, "broke off without an end", "Le serveur redémarre ", marks=pytest.mark.slow
        ),
        pytest.param(Fault.quota(), 1, "quota is used up", "", marks=pytest.mark.slow),
        pytest.param(Fault.fails(401), 2, "refuses the key", "", marks=pytest.mark.slow),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_what_does_not_end_well(
    run: Run, asking: dict[str, str], server: OpenAIServer, fault: Fault, code: int, words: str, answer: str
) -> None:
    server.faults.append(fault)
    ended = run("rag", "ask", QUESTION, "--as-user", ANA, "--json", **asking)
    document = ended.json()
    assert (ended.code, document["answer"]) == (code, answer)
    assert words in document["problems"][0]["message"]


def test_nobody_is_asked_without_a_key_or_without_the_search(
    run: Run, here: dict[str, str], asking: dict[str, str], server: OpenAIServer
) -> None:
    ended = run("rag", "ask", QUESTION, OPENAI_API_KEY="", **here)
    assert ended.code == 2
    assert "no key for OpenAI" in ended.err
    away = run("rag", "ask", QUESTION, "--json", **asking | {"POSTGRES_DSN": "postgresql://x@127.0.0.1:1/x"})
    assert (away.code, away.json()["answer"]) == (3, None)
    assert server.asked == []
    gone = run("rag", "ask", QUESTION, "--json", **asking | {"DEVORA_CONSOLE__RAG__BASE_URL": "http://127.0.0.1:1"})
    assert (gone.code, gone.json()["outcome"]["state"]) == (3, "failed")


@pytest.mark.parametrize("as_json", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ctrl_c_keeps_what_came(asking: dict[str, str], server: OpenAIServer, as_json: bool, tmp_path: Path) -> None:
    server.faults.append(Fault.slow(0.3))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DEVORA", "OPENAI"))}
    environ = clean | {"HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"} | asking
    arguments = ["rag", "ask", QUESTION, "--as-user", ANA, *(["--json"] if as_json else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "devora_console", *arguments],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stdout is not None
    while "Asking" not in process.stderr.readline():
        assert process.poll() is None
    if not as_json:
        assert process.stdout.read(11) == "Le serveur "
    else:
        while not server.asked:
            assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    if as_json:
        assert '"state": "cancelled"' in out
    else:
        assert "[1]." not in out
        assert "Stopped: the answer is not whole" in err
