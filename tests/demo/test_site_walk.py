"""The site through both walks, by its script: what each command does, and what it does when run again."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from devora_console.demo.site.smoke import compare
from devora_console.demo.site.tokens import holder, mint
from devora_console.demo.site.visitor import Visitor
from devora_console.demo.site.web import ask
from devora_console.migration.progress import Kind
from tests.demo.conftest import Stage, fetch
from tests.migration.world import run


def _health(url: str) -> dict[str, object]:
    return ask(url + "/health").json()


async def test_a_big_bang_there_and_back(stage: Stage, tmp_path: Path) -> None:
    site, session, state = stage.site, tmp_path / "session.json", tmp_path / "state.json"
    before = site.place.env("blue.env")
    health = _health(site.front_url)
    assert (health["ok"], health["backend"], health["database"]) == (True, "mongo", stage.database)
    assert (health["instance"], health["writes"]) == ("blue", "allowed")

    stage.did("session", "--save", session)
    assert "saved already" in stage.did("session", "--save", session)
    stage.did("maintenance", "on")
    stage.did("maintenance", "on")
    assert ask(site.front_url + "/").status == 503
    assert b"maintenance" in ask(site.front_url + "/anything").body
    assert _health(site.app_url)["ok"] is True
    stage.did("state", "--save", state)
    assert stat.S_IMODE(state.stat().st_mode) == stat.S_IMODE(session.stat().st_mode) == 0o600
    assert json.loads(state.read_text())["release"] == before["APP_RELEASE"]

    await run(Kind.EXECUTE, stage.owner, stage.mongo_url, database=stage.database)
    stage.refused("switch", "postgres", "--check")
    stage.did("switch", "postgres")
    stage.did("switch", "postgres")
    stage.did("switch", "postgres", "--check")
    assert stat.S_IMODE(site.place.path("blue.env").stat().st_mode) == 0o600

    # The trap of the guide's script: restarted, and still on MongoDB.
    assert "(mongo)" in stage.did("restart")
    assert _health(site.app_url)["backend"] == "mongo"
    assert "✗ health: on mongo, expected postgres" in stage.refused("smoke")

    stage.did("recreate")
    now = _health(site.app_url)
    assert now["backend"] == "postgres"
    assert now["release"] != before["APP_RELEASE"]
    said = stage.did("smoke", "--expect", "postgres", "--token-file", session)
    assert "✓ session from before" in said
    assert said.count("✓") == 10
    # What the smoke test wrote is gone without a trace.
    after = await run(Kind.VERIFY, stage.owner, stage.mongo_url, database=stage.database)
    assert after.verification is not None
    assert not after.verification.differences
    assert not any("Essai" in each for each in stage.contents())

    # Run again after the switch, the step must not take the new state for the old.
    assert "holds another state" in stage.refused("state", "--save", state)
    stage.did("switch", "mongo", "--from", state)
    assert site.place.env("blue.env") == before
    assert _health(site.app_url)["backend"] == "postgres"
    stage.did("recreate")
    assert _health(site.app_url)["release"] == before["APP_RELEASE"]
    assert "✓ session from before" in stage.did("smoke", "--expect", "mongo", "--token-file", session)
    stage.did("maintenance", "off")
    assert ask(site.front_url + "/").status == 200


@pytest.mark.slow
async def test_a_session_is_worth_nothing_where_ids_were_not_kept(stage: Stage, tmp_path: Path) -> None:
    """As after the guide's own migration: there is a user of that address, under another id."""
    session = tmp_path / "session.json"
    stage.did("session", "--save", session)
    email = stage.site.place.about().email
    await fetch(stage.owner, "INSERT INTO users (email, hashed_password) VALUES ($1, 'x')", email)
    stage.did("switch", "postgres")
    stage.did("recreate")
    said = stage.refused("smoke", "--token-file", session)
    assert f"✓ login: {email}" in said
    assert "✗ session from before" in said
    assert "refused (401)" in said


@pytest.mark.slow
async def test_a_target_without_rows_fails_the_smoke_test(stage: Stage) -> None:
    stage.did("switch", "postgres")
    stage.did("recreate")
    assert "✗ login" in stage.refused("smoke")


async def test_green_takes_a_share_to_look_then_all(stage: Stage) -> None:
    site = stage.site
    await run(Kind.EXECUTE, stage.owner, stage.mongo_url, database=stage.database)
    assert "green does not answer" in stage.refused("route", "10")
    stage.did("deploy", "green", "--read-only")
    assert "already" in stage.did("deploy", "green", "--read-only")
    assert "refuses writes" in stage.refused("route", "10")
    stage.did("sync", "read-only")
    stage.refused("sync", "command")
    stage.refused("sync", "command", "--drained")
    stage.did("sync", "read-only", "--drained")
    stage.refused("route", "50", "--check")
    stage.did("route", "50", "--read-only")
    stage.did("route", "50", "--check")
    assert _health(site.green_url)["writes"] == "read-only"
    stage.did("smoke", "--instance", "green", "--expect", "postgres", "--read-only")
    assert "(403)" in stage.refused("smoke", "--instance", "green")

    visitors = [Visitor(site.front_url) for _ in range(24)]
    sides = [each.ask("/").headers["x-served-by"] for each in visitors]
    assert set(sides) == {"blue", "green"}
    assert [each.ask("/").headers["x-served-by"] for each in visitors] == sides
    # Writes of those who look at green go to blue: MongoDB has them all.
    visitor = visitors[sides.index("green")]
    visitor.login(site.place.about().email)
    conversation = visitor.ask("/conversations").json()["conversations"][0]["id"]
    said = visitor.ask("/messages", "POST", {"conversation": conversation, "content": "encore là"})
    assert (said.status, said.headers["x-served-by"]) == (201, "blue")
    assert "encore là" in stage.contents()
    # A side that is gone is told of by the front: its visitors' errors count, not its own silence.
    assert "errors 0.00 % against 0.00 %" in stage.did(
        "metrics", "green", "--against", "blue", "--floor", "1", "--p95-ratio", "1000"
    )
    # A greater share takes more along and sends nobody back.
    stage.did("route", "80", "--read-only")
    then = [each.ask("/").headers["x-served-by"] for each in visitors]
    assert all(now == "green" for now, was in zip(then, sides, strict=True) if was == "green")

    assert "visitors are sent to blue" in stage.refused("retire", "blue")
    stage.did("maintenance", "on")
    stage.did("route", "100")
    stage.did("sync", "read-only")
    stage.did("deploy", "green")
    assert "green takes writes" in stage.refused("sync", "read-only")
    stage.did("smoke", "--instance", "green", "--expect", "postgres")
    stage.did("maintenance", "off")
    assert _health(site.front_url)["instance"] == "green"
    stage.refused("retire", "green")
    stage.did("retire", "blue")
    stage.did("retire", "blue")
    assert json.loads(stage.did("status", "--json"))["blue"]["pid"] is None
    assert "too few" in stage.refused("metrics", "green", "--against", "green", code=3)
    assert stage.refused("metrics", "blue", code=3)
    counted = json.loads(stage.did("metrics", "green", "--json"))
    # Tests of our own and questions about its health are nobody's visit, and no sample.
    assert (counted["requests"], counted["errors"], counted["p95_ms"]) == (0, 0, None)
    assert Visitor(site.front_url).ask("/").status == 200
    assert json.loads(stage.did("metrics", "green", "--json"))["requests"] == 1
    stage.did("stop")
    assert stage.refused("sync", "read-only", code=3)


def test_each_sees_what_is_theirs(standing: Stage) -> None:
    one, other = Visitor(standing.site.app_url), Visitor(standing.site.app_url)
    one.login("user0@example.org")
    other.login("user1@example.org")
    mine = one.ask("/conversations").json()["conversations"][0]["id"]
    assert other.ask(f"/messages?conversation={mine}").json()["messages"] == []
    assert other.ask("/messages", "POST", {"conversation": mine, "content": "x"}).status == 404
    assert one.ask("/search?q=message 1".replace(" ", "%20")).json()["found"]
    assert Visitor(standing.site.app_url).ask("/me").status == 401
    assert one.ask("/nowhere").status == 404
    assert one.ask("/messages", "POST", {"conversation": mine}).status == 400
    once = {"id": "6f1b2d2c-8a35-4bd9-9f0e-000000000001", "conversation": mine, "content": "once"}
    assert [one.ask("/messages", "POST", once).status for _ in range(2)] == [201, 201]
    assert standing.contents().count("once") == 1
    found = ask(standing.site.app_url + "/metrics.json").json()
    assert found["requests"] == found["samples"] >= 10
    assert found["p95_ms"] > 0


def test_a_token_is_believed_only_as_it_was_signed() -> None:
    token = mint("secret", "somebody")
    assert holder("secret", token) == "somebody"
    assert holder("another", token) is None
    for broken in ("", "a.b", token[:-1], token.replace(".", "", 1), "é.é.é"):
        assert holder("secret", broken) is None


def test_green_is_compared_with_enough_of_both_only() -> None:
    def counted(requests: int, errors: int, p95: float | None) -> dict[str, object]:
        return {"requests": requests, "errors": errors, "p95_ms": p95}

    blue = counted(900, 9, 20.0)
    assert compare(counted(49, 0, 5.0), blue, 50, 1.0, 1.5)[0] is None
    assert compare(counted(0, 0, None), counted(0, 0, None), 0, 1.0, 1.5)[0] is None
    assert compare(counted(100, 2, 30.0), blue, 50, 1.0, 1.5)[0] is True
    assert compare(counted(100, 3, 20.0), blue, 50, 1.0, 1.5)[0] is False
    assert compare(counted(100, 0, 30.1), blue, 50, 1.0, 1.5)[0] is False
