"""``analytics events|flush|status`` by their exit codes and documents, and the console's own use."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from devora_console.analytics import EventType, track_event, tracker
from devora_console.analytics import spool as spools
from devora_console.cli.entry import run
from tests.analytics.conftest import ANA, Place


@pytest.fixture
def said(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command there: its exit code and its document."""
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("POSTGRES_DSN", place.dsn.reveal()),
        ("POSTHOG_API_KEY", "phc_test_key_0123"),
        ("POSTHOG_HOST", place.posthog.url),
        ("DEVORA_CONSOLE__ANALYTICS__SPOOL", str(place.spool)),
        ("DEVORA_CONSOLE_HOME", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)

    def go(*words: str) -> tuple[int, dict[str, Any]]:
        if tracker._current is not None:
            tracker._current.leave()
        capsys.readouterr()
        code = run([*words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return go


def test_from_the_disk_to_posthog(place: Place, said: Any) -> None:
    place.track()
    told = track_event(EventType.PROJECT_CREATED, ANA, {"project_type": "web", "query": "x"})
    code, document = said("analytics", "status")
    assert (code, document["delivery"]["spooled"], document["delivery"]["stored"]) == (0, 1, 0)
    place.posthog.status = 500
    code, document = said("analytics", "flush", "--seconds", "0")
    assert (code, document["moved"], document["delivery"]["waiting"]) == (5, 1, 1)
    assert "500" in document["problems"][0]["message"]
    code, document = said("analytics", "events", "--undelivered")
    assert [(e["id"], e["state"], e["attempts"]) for e in document["events"]] == [(told, "waiting", 1)]
    place.posthog.status = 401
    assert said("analytics", "flush")[0] == 2
    place.posthog.status = 200
    code, document = said("analytics", "flush")
    assert (code, document["sent"], document["delivery"]["delivered"]) == (0, 1, 1)
    (event,) = said("analytics", "events", "--type", "project_created")[1]["events"]
    assert (event["user"], event["state"], event["properties"]) == (str(ANA), "delivered", {"project_type": "web"})
    assert said("analytics", "events", "--types")[1]["types"][0]["name"] == "user_registered"


def test_without_the_database(place: Place, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.track()
    track_event(EventType.PAGE_VIEWED, ANA)
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://u@127.0.0.1:1/d")
    assert said("analytics", "flush")[0] == 3
    code, document = said("analytics", "status")
    assert (code, document["delivery"]["spooled"]) == (3, 1)
    assert "cannot be reached" in document["delivery"]["stored"]["unknown"]


def test_without_a_key_what_remains_on_the_disk_is_told(
    place: Place, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTHOG_API_KEY")
    living = spools.create(place.spool)
    os.write(living.descriptor, b"{}\n")
    code, document = said("analytics", "flush", "--seconds", "0")
    living.remove()
    assert (code, [each["code"] for each in document["problems"]]) == (5, ["events_remain", "posthog_key"])
    assert document["problems"][0]["message"].startswith("still on this machine's disk: 1;")
    assert said("analytics", "flush")[0] == 0


def test_what_remains_is_told_with_what_helps(place: Place, said: Any) -> None:
    place.track()
    for _ in range(150):
        track_event(EventType.PAGE_VIEWED, ANA)
    code, document = said("analytics", "flush", "--seconds", "0")
    assert (code, document["sent"], document["delivery"]["waiting"]) == (5, 100, 50)
    assert document["problems"][0]["message"].startswith("still to be sent: 50; the time was over")
    place.posthog.poison = lambda _: True
    code, document = said("analytics", "flush")
    assert (code, document["delivery"]["refused"]) == (5, 50)
    (problem,) = document["problems"]
    assert (problem["code"], problem["message"]) == ("events_refused", "refused by PostHog: 50")
    place.posthog.poison = None
    assert said("analytics", "flush")[0] == 5  # once more changes nothing for these
    assert said("analytics", "flush", "--retry-refused")[0] == 0


def test_the_console_s_own_use_is_told_only_when_asked(
    place: Place, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("analytics", "status")
    assert spools.files(place.spool) == []
    monkeypatch.setenv("DEVORA_CONSOLE__ANALYTICS__CONSOLE_USAGE", "true")
    said("analytics", "events", "--type", "secret words")
    ((path, _),) = spools.files(place.spool)
    event = json.loads(path.read_text())
    assert (event["event"], event["user"]) == ("console_command_run", None)
    assert event["properties"].keys() == {"command", "exit_code", "duration_ms"}
    assert event["properties"]["command"] == "analytics events"


def test_events_of_others_may_hold_anything(place: Place, said: Any) -> None:
    for held in (None, "5", "[1]"):
        statement = "INSERT INTO analytics_events (event_name, event_properties) VALUES ('login', $1::jsonb)"
        asyncio.run(place.fetch(statement, held))
    code, document = said("analytics", "events")
    assert (code, [e["properties"] for e in document["events"]]) == (0, [{}] * 3)


def test_a_password_in_the_host_is_not_shown(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOG_HOST", "https://u:hunter2@posthog.example")
    assert "hunter2" not in json.dumps(said("analytics", "status")[1])
