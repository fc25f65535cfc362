"""No secret in anything the console prints, logs or records: every output it can be made to give is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.postgres.connect import connection
from tests.cli.conftest import Run

PLANTED = {
    "settings": ("openrouter_api_key", "github_token", "vercel_token"),
    "system_config": ("stripe_api_key", "stripe_webhook_secret", "resend_api_key"),
}


def secrets_of(client: MongoClient[dict[str, Any]], database: str, target: Dsn) -> set[str]:
    """Everything that must not be seen: passwords of the connection, tokens and hashes of the source."""
    found = {str(client[database][name].find_one()[field]) for name, fields in PLANTED.items() for field in fields}  # type: ignore[index]  # the generator writes one document
    found |= {user["hashed_password"] for user in client[database].users.find({}, {"hashed_password": 1})}
    return found | set(target.secrets())


async def test_nothing_that_is_printed_or_recorded_holds_a_secret(
    run: Run,
    target: Dsn,
    filled: dict[str, str],
    mongo_client: MongoClient[dict[str, Any]],
    tmp_path: Path,
) -> None:
    secrets = secrets_of(mongo_client, filled["DB_NAME"], target)
    # A quarantined document that holds secrets: the configuration, made unconvertible.
    mongo_client[filled["DB_NAME"]].system_config.update_one({}, {"$set": {"free_trial_days": "seven"}})
    environment = {"POSTGRES_DSN": target.reveal(), "OPENAI_API_KEY": "sk-planted-key", **filled}
    (tmp_path / ".env").write_text("STRIPE_API_KEY=sk_live_planted_in_dotenv\nSECRET_KEY='a secret with spaces'\n")
    secrets |= {"sk-planted-key", "sk_live_planted_in_dotenv", "a secret with spaces"}
    said = []
    for arguments in (
        ("config", "show"),
        ("config", "check"),
        ("doctor",),
        ("schema", "status"),
        ("schema", "check"),
        ("schema", "bootstrap", "--print"),
        ("migrate", "--dry-run"),
        ("verify", "--sample", "500"),
        ("migrate", "--execute"),
        ("verify", "--sample", "500"),
        ("quarantine", "list"),
        ("schema", "rollback"),
    ):
        for flags in ((), ("--json",)) if arguments[0] != "schema" else ((),):
            ended = run(*arguments, *flags, **environment)
            said.append((" ".join(arguments), ended.out + ended.err))
    listed = run("quarantine", "list", "--json", **environment).json()["items"]
    for item in [next(i for i in listed if i["collection"] == name) for name in ("system_config", "users", "projects")]:
        ended = run("quarantine", "show", str(item["id"]), **environment)
        said.append((f"quarantine show {item['collection']}", ended.out + ended.err))
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            said.append((str(path), path.read_text("utf-8", "replace")))
    async with connection(target, purpose="test") as conn:
        said.append(("console tables", await _recorded(conn)))
    leaks = {(where, secret[:6]) for where, text in said for secret in secrets if secret in text}
    assert not leaks
    assert any("system_config" in where for where, _ in said)


async def _recorded(conn: asyncpg.Connection[asyncpg.Record]) -> str:
    """What the console writes about its own work. Quarantine and archive hold documents whole, by their purpose."""
    texts = []
    for question in (
        "SELECT row_to_json(r)::text FROM devora_console.run r",
        "SELECT row_to_json(c)::text FROM devora_console.checkpoint c",
        "SELECT row_to_json(l)::text FROM devora_console.lease l",
        "SELECT concat_ws(' ', rule, path, message, reason, resolved_by) FROM devora_console.quarantine",
    ):
        texts += [row[0] for row in await conn.fetch(question)]
    return "\n".join(texts)
