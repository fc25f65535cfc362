"""The command door as scripts use it: arguments in, exit code and two streams out."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.demo.data import Scale, fill
from devora_console.postgres.connect import connection
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.warm import command


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        assert document["ok"] is (self.code == 0)
        assert document["exit_code"] == self.code
        return document


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``run("schema", "status", POSTGRES_DSN=...)`` in an empty home and directory."""
    said, turn = tmp_path_factory.mktemp("said"), itertools.count()

    def go(*arguments: str, **environment: str) -> Ended:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "DEVORA", "POSTGRES", "MONGO", "DB_NAME", "ENVIRONMENT"))
        }
        environ = {**clean, "HOME": str(tmp_path), "DEVORA_CONSOLE_HOME": str(tmp_path / "home"), **environment}
        code, out, err = command(arguments, folder=tmp_path, environ=environ, said=said / f"{next(turn)}")
        assert "Traceback" not in err
        return Ended(code, out, err)

    return go


async def _apply(dsn: Dsn) -> None:
    async with connection(dsn, purpose="test", read_only=False) as conn:
        await schema.apply(conn)


@pytest.fixture
async def target(template_database: TemplateDatabase, database_from: DatabaseFrom) -> Dsn:
    """A database with the schema applied."""
    return await database_from(await template_database("schema", _apply))


@pytest.fixture
def filled(mongo_url: Dsn, mongo_database: str) -> dict[str, str]:
    """The environment that names a source filled with the small demo."""
    fill(mongo_url, mongo_database, Scale.SMALL, 1)
    return {"MONGO_URL": mongo_url.reveal(), "DB_NAME": mongo_database}
