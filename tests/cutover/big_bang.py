"""The Big Bang as it is shipped, on a site and servers of its own, and whatever is to happen as a step begins.

======== ======== ============================================================
fixture  scope    is
======== ======== ============================================================
``blaze``  function  :class:`Blaze`: a site that runs, and a console for its cutover
======== ======== ============================================================
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
from pymongo import MongoClient

import devora_console.cutover
from devora_console.core.loop import ServiceLoop
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.journal.verify import verify
from devora_console.cutover.state import Run, StepState
from devora_console.demo.mongo_server import MongoServer
from devora_console.demo.postgres_server import PostgresServer
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.demo.site.web import ask
from tests.cutover.blue_green import ATTESTED, GO_GATES
from tests.cutover.consoles import Console
from tests.demo.conftest import Stage, execute, make_stage, prepare

Which = Literal["postgres", "mongo"]
SHIPPED = Path(devora_console.cutover.__file__).parent / "runbooks" / "big_bang.toml"
WAIVED = GO_GATES | {
    "tests.passed": "the demo's site has no tests of its own",
    "quarantine.empty": "nothing was migrated before: this one is about the walk",
}
STUCK = {StepState.FAILED, StepState.TIMED_OUT, StepState.INCONCLUSIVE, StepState.UNKNOWN, StepState.UNDO_FAILED}
_SOURCE, _TARGET = "devora_source", "devora"
_SECONDS = 300.0  # patience with one console
_AT = """\
#!/bin/sh
# at NAME PROGRAM ...: once, as the step NAME begins, what was to happen then happens. Then the program.
step=$1; shift
mv "{folder}/at-$step" "{folder}/now-$step" 2>/dev/null && . "{folder}/now-$step"
exec "$@"
"""
_BEFORE = """\
id = "before-{name}"
title = "Before {name}"
kind = "command"
run = ["{at}", "{name}", "true"]
idempotent = true
[[step.probe]]
run = ["true"]
[step.undo]
words = "nothing to undo: it did nothing"

"""
# Times that only patience with a real site needs.
_SHORT = {
    "objection_seconds = 30": "objection_seconds = 0",
    "times = 3\n": "times = 2\n",
    "within_seconds = 300 ": "within_seconds = 3 ",
    "within_seconds = 120\n": "within_seconds = 5\n",
    "within_seconds = 300\n": "within_seconds = 5\n",
}


@dataclass
class Blaze:
    """A site, the servers it stands on, the console's configuration for it, and the runs of its cutover."""

    stage: Stage
    servers: DemoServers
    folder: Path
    started: int = 0

    # --- the runbook --------------------------------------------------------------------------------

    def configure(self, *only: str) -> None:
        """Write the configuration, and the runbook: as it is shipped, but for its times, and but for who runs a step's
        command. Before a step that runs no command one is put that does nothing. ``only``: these steps, not all;
        ``before-STEP`` puts such a one before another step.
        """
        at = self.folder / "at"
        at.write_text(_AT.format(folder=self.folder))
        at.chmod(0o755)
        (self.folder / "big-bang.toml").write_text(_runbook(at, only))
        site = self.stage.site
        tables: dict[str, dict[str, object]] = {
            "postgres": {"dsn": self.stage.owner.reveal()},
            "mongo": {
                "url": self.stage.mongo_url.reveal(),
                "database": self.stage.database,
                "server_selection_timeout_seconds": 2.0,
            },
            "cutover": {"home": str(self.folder / "cutover"), "runbook": "big-bang.toml"},
            "cutover.vars": {
                "site": str(site.script),
                "front_url": site.front_url,
                "app_url": site.app_url,
                "silence_seconds": "1",
            },
        }
        lines = ['environment = "demo"\n']
        for table, rows in tables.items():
            lines += [f"\n[{table}]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())]
        self.config.write_text("".join(lines))
        self.config.chmod(0o600)

    @property
    def config(self) -> Path:
        """The console's configuration file."""
        return self.folder / "console.toml"

    # --- what happens -------------------------------------------------------------------------------

    def at(self, step: str, shell: str) -> None:
        """Once, as this step begins, run these lines of shell."""
        (self.folder / f"at-{step}").write_text(shell + "\n")

    def happened(self, step: str) -> bool:
        """Whether what was to happen at this step has."""
        return (self.folder / f"now-{step}").exists()

    def away_at(self, step: str, which: Which, *, frozen: bool = False) -> None:
        """Have a database end, or freeze with all its processes, as this step begins."""
        pid = self.server(which).pid
        if frozen:
            self.at(step, f"kill -STOP {pid} $(cat /proc/{pid}/task/{pid}/children)")
        else:
            self.at(step, f"kill -{'QUIT' if which == 'postgres' else 'KILL'} {pid} 2>/dev/null; sleep 0.3")

    def write_at(self, step: str, statement: str) -> None:
        """Write to the source past the application as this step begins; ``db`` is its database."""
        url = self.stage.mongo_url.reveal()
        program = f"import pymongo; db = pymongo.MongoClient({url!r})[{self.stage.database!r}]; {statement}"
        self.at(step, shlex.join([sys.executable, "-P", "-c", program]))

    def server(self, which: Which) -> PostgresServer | MongoServer:
        """The server of this name."""
        return self.servers.postgres if which == "postgres" else self.servers.mongo

    def away(self, which: Which) -> None:
        """End a database now."""
        pid = self.server(which).pid
        assert pid is not None
        os.kill(pid, signal.SIGQUIT if which == "postgres" else signal.SIGKILL)
        self.server(which).finish_stop()

    def back(self, which: Which) -> None:
        """Have it up again, whether it has ended or is frozen."""
        server = self.server(which)
        if server.pid is not None:
            with suppress(psutil.NoSuchProcess):
                for each in (psutil.Process(server.pid), *psutil.Process(server.pid).children()):
                    each.resume()
        if not server.running:
            server.finish_stop()
            server.start()

    # --- the console --------------------------------------------------------------------------------

    def console(self, *words: str) -> tuple[int, str]:
        """A console run to its end: the exit code, and what it said."""
        known = ("PG", "DEVORA", "POSTGRES", "MONGO", "DB_NAME", "ENVIRONMENT")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(known)}
        environ |= {"HOME": str(self.folder), "DEVORA_CONSOLE_HOME": str(self.folder / "home")}
        environ["DEVORA_CUTOVER_ALLOW_TMPFS"] = "1"
        self.started += 1
        argv = [*words, "--config", str(self.config)]
        return Console(argv, environ, self.folder / f"said-{self.started}").end(_SECONDS)

    def walk(self, *words: str) -> tuple[int, str]:
        """Walk as far as it goes without a person."""
        said = [f"--attest={gate}={text}" for gate, text in ATTESTED.items()]
        said += [f"--waive={gate}={text}" for gate, text in WAIVED.items()]
        return self.decide("run", *said, *words)

    def decide(self, *words: str) -> tuple[int, str]:
        """A person's act."""
        return self.console("cutover", *words, "--yes-i-typed", "demo", "--allow-writes")

    def roll_back(self) -> tuple[int, str]:
        """Somebody wants the way back."""
        return self.decide("rollback", "--reason", "the drill wants the way back")

    def status(self) -> dict[str, Any]:
        """What ``cutover status --json`` says."""
        _, said = self.console("cutover", "status", "--json")
        found = json.loads(said[said.index("{") :])
        assert isinstance(found, dict)
        return found

    def report(self) -> str:
        """The timeline for the post-mortem."""
        code, said = self.console("cutover", "export")
        assert code == 0, said
        return said

    # --- what has become of it ----------------------------------------------------------------------

    def run(self) -> Run:
        """The latest run as its journal tells it."""
        with Journal.watch(home.find(self.folder / "cutover")) as journal:
            return journal.state()

    def events(self, kind: Kind) -> Sequence[Event]:
        """What its journal says of a kind."""
        with Journal.watch(home.find(self.folder / "cutover")) as journal:
            return [each for each in journal.events() if each.kind is kind]

    def whole(self) -> bool:
        """Whether the chain of the journal's hashes is."""
        return verify(home.find(self.folder / "cutover")).good

    def state(self, step: str) -> StepState:
        """Where a step stands."""
        return self.run().step(step).state

    def serves(self) -> tuple[int, object]:
        """What visitors get: the status, and which database the application is on."""
        answered = ask(self.stage.site.front_url + "/health")
        return answered.status, answered.json().get("backend") if answered.status == 200 else None


def _runbook(at: Path, only: Sequence[str]) -> str:
    text = SHIPPED.read_text("utf-8")
    for long, short in _SHORT.items():
        assert long in text, long
        text = text.replace(long, short)
    head, *steps = text.split("[[step]]\n")
    made = []
    for step in steps:
        name = step.split('"', 2)[1]
        if only and name not in only:
            continue
        if "\nrun = [" not in step or f"before-{name}" in only:
            made.append(_BEFORE.format(name=name, at=at))
        made.append(step.replace("\nrun = [", f'\nrun = ["{at}", "{name}", ', 1))
    if only and "keep-state" not in only:  # the step that these gates stand before
        head = re.sub(r'\[\[gate\]\]\nid = "[a-z._]+"\nbefore = "keep-state"\n(rehearsal.*\n)?', "", head)
    for name in ("app_url", "silence_seconds"):
        if f"{{{name}}}" not in "".join(made):  # one that is used nowhere is an error
            head = re.sub(rf"^{name} = .*\n", "", head, flags=re.MULTILINE)
    return "[[step]]\n".join([head, *made])


@pytest.fixture
def blaze(open_folder: Path) -> Iterator[Blaze]:
    """A site on servers of its own, which may be stopped; the runbook of all steps."""
    servers = DemoServers(temporary_home(), durable=False)
    own = servers.start()
    target, loop = for_database(own.postgres, _TARGET), ServiceLoop("test-blaze")
    client: MongoClient[dict[str, Any]] = MongoClient(own.mongo.reveal(), tz_aware=True)
    stage = None
    try:
        loop.call(execute(own.postgres, f"CREATE DATABASE {_TARGET}"))
        loop.call(prepare(target))
        stage = make_stage(open_folder / "site", target, own.mongo, client, _SOURCE)
        stage.did("start")
        found = Blaze(stage, servers, open_folder)
        found.configure()
        yield found
        found.back("postgres")
        found.back("mongo")
    finally:
        if stage is not None:
            stage.site.close()
        client.close()
        loop.close()
        servers.stop()
