"""``track_event`` as the backend calls it: it never raises, never waits, and works without any server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from devora_console import analytics
from devora_console.analytics import EventType, track_event, tracker
from devora_console.analytics import spool as spools
from devora_console.config.analytics import AnalyticsSettings
from devora_console.config.settings import Settings


class ProjectCreate(BaseModel):
    name: str
    project_type: str


class User(BaseModel):
    id: UUID = UUID(int=7)


class Project(ProjectCreate):
    id: UUID = UUID(int=9)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    """On the disk only."""
    analytics.configure(Settings(analytics=AnalyticsSettings(spool=tmp_path / "spool")), background=False)
    yield tmp_path / "spool"
    tracker._use(None)


def _written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path, _ in spools.files(folder) for line in path.read_bytes().splitlines()]


def test_the_guide_s_route(spool: Path) -> None:
    app = FastAPI()

    async def get_current_user() -> User:
        return User()

    async def create_project_in_db(project_data: ProjectCreate) -> Project:
        return Project(**project_data.model_dump())

    @app.post("/api/projects")
    async def create_project(project_data: ProjectCreate, user: User = Depends(get_current_user)) -> Any:  # noqa: B008
        new_project = await create_project_in_db(project_data)

        track_event(
            EventType.PROJECT_CREATED,
            user_id=user.id,
            properties={
                "project_id": new_project.id,
                "project_name": new_project.name,
                "project_type": new_project.project_type,
            },
        )

        return new_project

    answer = TestClient(app).post("/api/projects", json={"name": "Boutique", "project_type": "web"})
    assert answer.status_code == 200
    (event,) = _written(spool)
    assert (event["event"], event["user"]) == ("project_created", str(UUID(int=7)))
    assert event["properties"] == {"project_id": str(UUID(int=9)), "project_type": "web"}


@pytest.mark.parametrize(
    ("event", "user", "more"),
    [
        (None, None, {}),
        ("", "u", {}),
        ("x" * 1000, "u", {}),
        (object(), object(), {"properties": object()}),
        ("fine", "\x00\ud800" * 50, {"properties": {"source": "\ud800\x00\x1b"}}),
        (
            "fine",
            "u",
            {"properties": {1: 2, None: 3, "source": type("Bad", (str,), {"__len__": lambda s: 1 / 0})("x")}},
        ),
        ("fine", "u", {"timestamp": "yesterday"}),
        ("fine", "u", {"timestamp": datetime.min.replace(tzinfo=UTC), "session_id": "no session"}),
        ("fine", "u", {"timestamp": datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))}),
    ],
)
def test_nothing_raises(spool: Path, event: Any, user: Any, more: dict[str, Any]) -> None:
    told = track_event(event, user, **more)
    assert [each["id"] for each in _written(spool)] == ([told] if told else [])


def test_a_disk_that_cannot_be_written_costs_the_event_only(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    analytics.configure(Settings(analytics=AnalyticsSettings(spool=tmp_path / "spool")), background=False)
    assert track_event("fine", "u") is None
    tracker._use(None)


def test_ids_sort_by_their_moment() -> None:
    made = [str(tracker.uuid7()) for _ in range(50)]
    assert len(set(made)) == 50
    assert sorted(each[:13] for each in made) == [each[:13] for each in made]


def test_a_child_writes_a_file_of_its_own(spool: Path) -> None:
    first = track_event("from_the_parent", "u")
    child = os.fork()
    if child == 0:
        track_event("from_the_child", "u")
        os._exit(0)
    os.waitpid(child, 0)
    track_event("from_the_parent", "u")
    assert len(spools.files(spool)) == 2
    assert sorted(event["event"] for event in _written(spool)) == ["from_the_child", *["from_the_parent"] * 2]
    assert first in {event["id"] for event in _written(spool)}


def test_importing_loads_nothing_heavy(tmp_path: Path) -> None:
    """And a process without any setting tracks, and ends well."""
    script = (
        "import sys\nimport devora_console.analytics\n"
        "heavy = {'posthog', 'requests', 'asyncpg', 'numpy', 'textual'}\n"
        "assert not heavy & {m.partition('.')[0] for m in sys.modules}\n"
        "from devora_console.analytics import track_event, EventType\n"
        "assert not {'posthog', 'numpy', 'textual'} & {m.partition('.')[0] for m in sys.modules}\n"
        "assert track_event(EventType.PAGE_VIEWED, 'u')\n"
    )
    environ = {**os.environ, "DEVORA_CONSOLE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        0,
        "events stay on the disk: no PostgreSQL is configured. Set POSTGRES_DSN\n",
    )
    assert len(_written(tmp_path / "data" / "events")) == 1
