"""A Blue-Green walk on a site of its own: the runbook that is shipped with short times, the console as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import devora_console.cutover
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.state import Run
from devora_console.demo.site.traffic import WRITTEN
from tests.demo.conftest import Stage, fetch

SHIPPED = Path(devora_console.cutover.__file__).parent / "runbooks" / "blue_green.toml"
WAIVED = {
    "tests.passed": "the demo's site has no tests of its own",
}
ATTESTED = {
    "rollback.read": "Ana and Bo read cutover plan to the end today",
    "team.informed": "told in the team's channel, Ana and Bo are on call",
}


@dataclass
class Scene:
    """A site, the console's configuration for it, and the walk's runs."""

    stage: Stage
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def configure(self, **variables: str) -> None:
        """Write the configuration, and the runbook: as it is shipped, but for how long it waits for objections."""
        text = SHIPPED.read_text("utf-8")
        (self.folder / "blue-green.toml").write_text(text.replace("objection_seconds = 30", "objection_seconds = 0"))
        tables = {
            "postgres": {"dsn": self.stage.owner.reveal()},
            "mongo": {"url": self.stage.mongo_url.reveal(), "database": self.stage.database},
            "cutover": {"home": str(self.folder / "cutover"), "runbook": "blue-green.toml"},
            "cutover.vars": self.stage.site.variables() | variables,
        }
        lines = ['environment = "demo"\n']
        for table, rows in tables.items():
            lines += [f"\n[{table}]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())]
        self.config.write_text("".join(lines))

    @property
    def config(self) -> Path:
        """The console's configuration file."""
        return self.folder / "console.toml"

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start the console."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "DEVORA", "POSTGRES", "MONGO", "DB_NAME", "ENVIRONMENT"))
        }
        environ = {"HOME": str(self.folder), "DEVORA_CONSOLE_HOME": str(self.folder / "home")}
        environ["DEVORA_CUTOVER_ALLOW_TMPFS"] = "1"
        return subprocess.Popen(
            [sys.executable, "-m", "devora_console", *words, "--config", str(self.config)],
            cwd=self.folder,
            env=clean | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def console(self, *words: str, code: int | None = 0) -> str:
        """Run the console to its end; it has to end with ``code``."""
        process = self.begin(*words)
        said, _ = process.communicate(timeout=300)
        assert code is None or process.returncode == code, f"{words}: {process.returncode}\n{said}"
        return said

    def walk_words(self, *words: str, waived: Mapping[str, str] = WAIVED) -> Sequence[str]:
        """The words of a walk that gives what people say beforehand."""
        said = [f"--attest={gate}={text}" for gate, text in ATTESTED.items()]
        said += [f"--waive={gate}={text}" for gate, text in waived.items()]
        return ["cutover", "run", "--yes-i-typed", "demo", "--allow-writes", *said, *words]

    def walk(self, *words: str, code: int = 0) -> str:
        """Walk until it ends, or a person has to decide."""
        return self.console(*self.walk_words(*words), code=code)

    def open_gates(self) -> None:
        """What the checklist asks for, done."""
        owner, source = (self.database, self.stage.database)
        self.console("migrate", "--dry-run")
        self.console("backup", "mongo")
        self.console("backup", "postgres")
        del owner, source

    @property
    def database(self) -> str:
        """The target's database."""
        return self.stage.owner.reveal().rsplit("/", 1)[-1].split("?")[0]

    def run(self) -> Run:
        """The latest run as its journal tells it."""
        with Journal.watch(home.find(self.folder / "cutover")) as journal:
            return journal.state()

    def events(self) -> tuple[Any, ...]:
        """The latest run's journal."""
        with Journal.watch(home.find(self.folder / "cutover")) as journal:
            return journal.events(0)

    def acknowledged(self) -> list[dict[str, Any]]:
        """What visitors were told is written."""
        path = self.stage.site.place.path(WRITTEN)
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    async def in_postgres(self) -> set[str]:
        """The id of every message in PostgreSQL."""
        return {str(row[0]) for row in await fetch(self.stage.owner, "SELECT id FROM messages")}
