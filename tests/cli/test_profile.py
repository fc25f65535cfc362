"""``profile`` as scripts and people use it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from rich.cells import cell_len

from devora_console.config.secret import Dsn
from devora_console.demo.data import Scale, write_dump
from tests.cli.conftest import Run
from tests.cli.test_secrets import PLANTED

Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small demo with every hostile document there is, as a dump."""
    folder = tmp_path_factory.mktemp("profile") / "dump"
    write_dump(folder, "devora_db", Scale.SMALL, 1, hostile=True)
    return folder


def _write(folder: Path, **collections: list[dict[str, Any]]) -> Path:
    (folder / "devora_db").mkdir(parents=True)
    for name, documents in collections.items():
        (folder / "devora_db" / f"{name}.bson").write_bytes(b"".join(map(bson.encode, documents)))
    return folder


def test_people_get_the_worst_first_in_80_columns(run: Run, dump: Path) -> None:
    ended = run("profile", "--source", str(dump))
    assert ended.code == 1
    table, _, proposals = ended.out.partition("Proposed for the mapping file")
    assert not [line for line in table.splitlines() if cell_len(line) > 80]
    assert table.startswith("✗ 8 documents that the mapping refuses, 3 references that lead nowhere,")
    signs = [line[0] for line in table.splitlines()[1:] if line.startswith(("✗", "!", "✓"))]
    assert signs == sorted(signs, key="✗!✓".index)
    assert "  ✗ /user_id: 3 of 341 · no such document in users" in table
    assert re.search(r"^  /messages/\*/role +1.247 +string, user", table, re.MULTILINE)
    assert "no column takes, so source_extra keeps: /conversation_history (343)" in table
    assert "\n! commits: not in the mapping, so archive; all 50 documents\n" in table
    assert "Nothing has been changed" in proposals
    assert 'policy = "archive"' in proposals
    assert "profiled users: 158 documents" in ended.err
    assert run("profile", "--source", str(dump), "--quiet").err == ""


def test_json_is_one_document_with_stable_keys(run: Run, dump: Path) -> None:
    document = run("profile", "--source", str(dump), "--json").json()
    assert document["ok"] is False
    projects = next(each for each in document["collections"] if each["name"] == "projects")
    assert set(projects) == {
        "name", "policy", "named", "tables", "documents", "total", "sample", "refused", "findings", "paths", "columns",
        "references", "unique", "owner", "proposals",
    }  # fmt: skip
    assert projects["sample"] == {
        "kind": "whole", "documents": 343, "of": 343, "share": 1.0, "words": "all 343 documents",
    }  # fmt: skip
    levels = [finding["level"] for finding in projects["findings"]]
    assert levels == sorted(levels, key=["blocks", "warns", "notes"].index)
    by_path = {path["path"]: path for path in projects["paths"]}
    assert by_path["/files/*/name"]["column"] == "project_files.name"
    assert by_path["/created_at"]["types"]["date"] > 0
    assert document["headline"].startswith("8 documents")


def test_a_source_without_fault_is_exit_0(run: Run, tmp_path: Path) -> None:
    source = _write(tmp_path / "dump", templates=[{"_id": 1, "stars": 2}])
    mapping = tmp_path / "mine.toml"
    mapping.write_text('format = 1\nname = "none"\ncollections = []\n')
    ended = run("profile", "--source", str(source), "--mapping", str(mapping))
    assert ended.code == 0, ended.err
    assert "1 collection without a mapping" in ended.out
    named = mapping.with_name("named.toml")
    named.write_text('format = 1\nname = "n"\n[[collections]]\nname = "templates"\npolicy = "archive"\n')
    clean = run("profile", "--source", str(source), "--mapping", str(named))
    assert clean.out.startswith("✓ Nothing stands against the mapping.")


def test_no_secret_of_the_demo_is_printed(run: Run, filled: dict[str, str], mongo_client: Client) -> None:
    database = mongo_client[filled["DB_NAME"]]
    secrets = {str((database[name].find_one() or {})[field]) for name, fields in PLANTED.items() for field in fields}
    for name, field in (("users", "hashed_password"), ("users", "email"), ("oauth_states", "state")):
        secrets |= {document[field] for document in database[name].find({}, {field: 1})}
    secrets |= {document["resend_from_email"] for document in database["system_config"].find()}
    for flags in ((), ("--json",), ("--sample", "20")):
        ended = run("profile", *flags, **filled)
        assert ended.code in (0, 1)
        assert not [secret for secret in secrets if secret in ended.out + ended.err]


def test_hostile_names_reach_no_terminal(run: Run, tmp_path: Path) -> None:
    odd = "\x1b[31mred\u202e\u0007"
    folder = _write(tmp_path / "dump", users=[{"_id": 1, "id": "x", odd: {odd: "v"}, "long" * 15: 1, "汉字" * 32: 1}])
    (folder / "devora_db" / "%1B%5B2J%E2%80%AE.bson").write_bytes(bson.encode({"_id": 1, "a\nb": odd}) * 5)
    ended = run("profile", "--source", str(folder))
    assert ended.code == 1
    steering = {char for char in ended.out + ended.err if unicodedata.category(char) in ("Cc", "Cf")} - {"\n"}
    assert not steering
    assert not [line for line in ended.out.partition("Proposed")[0].splitlines() if cell_len(line) > 80]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--collection", "convresations"), "Did you mean 'conversations'?"),
        (("--collection", "zzz"), "It has commits, conversations"),
        (("--sample", "0"), "0 is not in the range"),
        (("--max-documents-per-second", "1"), "1 is not in the range"),
        (("--mapping", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(run: Run, dump: Path, arguments: tuple[str, ...], words: str) -> None:
    ended = run("profile", "--source", str(dump), *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert words in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert run("profile", "--source", str(dump), *arguments, "--json").json()["problems"][0]["message"]


def test_no_source_and_no_server(run: Run) -> None:
    assert run("profile").code == 2
    for flags in ((), ("--sample", "5")):
        ended = run(
            "profile",
            *flags,
            MONGO_URL="mongodb://ana:s3cr3t@127.0.0.1:1/",
            DEVORA_CONSOLE__MONGO__SERVER_SELECTION_TIMEOUT_SECONDS="0.5",
        )
        assert ended.code == 3
        assert "does not answer" in ended.err
        assert "s3cr3t" not in ended.err + ended.out


def test_a_live_server_chooses_at_random_and_it_is_said(run: Run, filled: dict[str, str]) -> None:
    document = run("profile", "--sample", "40", "--json", **filled).json()
    by_name = {each["name"]: each for each in document["collections"]}
    users = by_name["users"]
    assert users["sample"]["kind"] == "random"
    assert users["sample"]["words"] == "a sample of 40 of ~150, chosen at random by the server"
    assert users["documents"] == 40
    assert users["sample"]["share"] == pytest.approx(40 / 150, abs=1e-4)
    assert by_name["settings"]["sample"]["kind"] == "whole"
    assert by_name["projects"]["references"][0]["orphans"]["unknown"] == "sampled"
    text = run("profile", "--sample", "40", "--collection", "projects", **filled).out
    assert "? unknown (sampled): whether /user_id leads to users, /conversation_id" in text
    assert "(in samples)" in text
    whole = run("profile", "--json", **filled).json()
    assert {each["sample"]["kind"] for each in whole["collections"]} == {"whole"}


def test_a_dump_s_sample_is_spread_evenly(run: Run, dump: Path) -> None:
    ended = run("profile", "--source", str(dump), "--sample", "50", "--json")
    users = next(each for each in ended.json()["collections"] if each["name"] == "users")
    assert users["sample"]["words"] == "a sample of 50 of 158, spread evenly"


def test_damage_in_a_dump_names_the_file(run: Run, tmp_path: Path) -> None:
    folder = _write(tmp_path / "dump", users=[{"_id": 1}])
    (folder / "devora_db" / "users.bson").write_bytes(bson.encode({"_id": 1}) + b"\x01")
    ended = run("profile", "--source", str(folder))
    assert ended.code == 2
    assert "users.bson" in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_signal_ends_it_at_once_and_leaves_nothing(number: signal.Signals, dump: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "devora_console", "profile", "--source", str(dump), "--max-documents-per-second", "20"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not list(scratch.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    assert child.poll() is None  # the limit holds it back: 158 users alone take eight seconds
    asked = time.monotonic()
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert time.monotonic() - asked < 2
    assert child.returncode == 130
    assert out == ""
    assert "nothing was changed" in err
    assert "profiled" not in err  # what was not finished is not called done
    assert "Traceback" not in err
    assert not list(scratch.iterdir())


def test_help_speaks_of_everything(run: Run) -> None:
    told = run("profile", "--help").out
    for option in ("--collection", "--sample", "--source", "--mapping", "--max-documents-per-second"):
        assert option in told
    assert "profile" in run("--help").out


def test_a_password_in_the_url_is_not_shown(run: Run, mongo_url: Dsn) -> None:
    ended = run("profile", "--source", "mongodb://ana:s3cr3t@[::1", DB_NAME="x")
    assert ended.code == 2
    assert "s3cr3t" not in ended.err + ended.out
