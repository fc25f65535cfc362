"""A Blue-Green walk on a site of its own: the runbook that is shipped with short times, the console as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import devora_console.cutover
from devora_console.config.conninfo import parse
from devora_console.core.problems import ConsoleError
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.state import Run, StepState
from devora_console.cutover.telling import words
from devora_console.demo.site.traffic import written
from tests.demo.conftest import Stage, fetch

SHIPPED = Path(devora_console.cutover.__file__).parent / "runbooks" / "blue_green.toml"
WAIVED = {
    "tests.passed": "the demo's site has no tests of its own",
}
_SHUT = ("tests.passed", "migration.dry_run", "migration.rehearsed", "backup.mongo", "backup.postgres")
GO_GATES = dict.fromkeys(_SHUT, "another test opens it: this one is about the walk")
ATTESTED = {
    "rollback.read": "Ana and Bo read cutover plan to the end today",
    "team.informed": "told in the team's channel, Ana and Bo are on call",
}


@dataclass
class Scene:
    """A site, the console's configuration for it, and the walk's runs."""

    stage: Stage
    folder: Path

    def configure(self, *, within: str = "120", **variables: str) -> None:
        """Write the configuration, and the runbook: as it is shipped, but for how long it waits for objections, how
        often it asks again, and ``within`` which a sync has to hold.
        """
        text = SHIPPED.read_text("utf-8").replace("objection_seconds = 30", "objection_seconds = 0")
        text = text.replace("times = 3\n", "times = 2\n").replace("times = 5\n", "times = 2\n")
        (self.folder / "blue-green.toml").write_text(
            text.replace("within_seconds = 120\n", f"within_seconds = {within}\n")
        )
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

    def walk(self, *words: str, waived: Mapping[str, str] = WAIVED, code: int = 0) -> str:
        """Walk until it ends, or a person has to decide."""
        return self.console(*self.walk_words(*words, waived=waived), code=code)

    def open_gates(self) -> None:
        """What the checklist asks for, done: a dry run, both backups, the target's restored; a rehearsal."""
        self.console("migrate", "--dry-run")
        self.console("backup", "mongo")
        self.console("backup", "postgres")
        taken = next((self.folder / "home" / "data" / "backups").glob("postgres-*"))
        typed = ("--allow-writes", "--yes-i-typed", self.database)
        self.console("backup", "verify", "--level", "restored", str(taken), *typed)
        waived = [f"--waive={gate}={text}" for gate, text in WAIVED.items()]
        self.console("cutover", "run", "--rehearsal", "--allow-writes", "--yes-i-typed", "demo", *waived)

    @property
    def database(self) -> str:
        """The target's database."""
        return parse(self.stage.owner.reveal())["dbname"]

    def run(self) -> Run:
        """The latest run as its journal tells it."""
        with Journal.watch(home.find(self.folder / "cutover")) as journal:
            return journal.state()

    def events(self) -> tuple[Any, ...]:
        """The latest run's journal."""
        with Journal.watch(home.find(self.folder / "cutover")) as journal:
            return journal.events(0)

    def told(self, step: str) -> list[str]:
        """What the journal of the latest run says about a step, the oldest first."""
        return [words(event) for event in self.events() if event.step == step]

    def lost_in_mongo(self) -> list[str]:
        """Acknowledged writes that MongoDB does not hold."""
        said = [line["id"] for line in written(self.stage.site.place)]
        assert said
        return sorted(set(said) - self.stage.ids())

    async def lost_in_postgres(self) -> list[str]:
        """Acknowledged writes that PostgreSQL does not hold."""
        said = [line["id"] for line in written(self.stage.site.place)]
        kept = {str(row[0]) for row in await fetch(self.stage.owner, "SELECT id FROM messages")}
        return sorted(set(said) - kept)

    def until(self, good: Callable[[Run], bool], seconds: float = 60.0) -> Run:
        """Wait for the latest run to be so."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(ConsoleError):  # it is being opened
                if good(run := self.run()):
                    return run
            assert time.monotonic() < deadline, self.run()
            time.sleep(0.2)

    def observing(self, run: Run) -> bool:
        """Whether a run has come to the observation, with something seen."""
        return run.step("observe").state is StepState.RUNNING and run.step("observe").samples > 0

    def end(self, name: str) -> None:
        """Kill one of the site's processes."""
        found = self.stage.site.place.run(name)
        assert found is not None
        os.kill(found.mark.pid, signal.SIGKILL)
