"""``demo``: servers that start by themselves, a realistic source, and the console, or the whole way without one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import click

from devora_console import schema
from devora_console.cli.console_command import open_console, require_terminal
from devora_console.cli.demo_site import SHORTENED, running, standing_in
from devora_console.cli.demo_verdict import judge
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.migrate_command import job_settings
from devora_console.cli.migration_view import (
    migration_keys,
    print_migration,
    print_verification,
    verification_keys,
)
from devora_console.cli.running import run_job
from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo import workload
from devora_console.demo.data import Scale, SourceTruth, fill, truth
from devora_console.demo.lifecycle import Ended, end_on_signals
from devora_console.demo.servers import DemoServers, Endpoints, for_database, temporary_home
from devora_console.demo.settled import (
    APPLICATION,
    DATABASE,
    OWNER,
    Settled,
    application_variables,
    login_dsn,
    settle,
)
from devora_console.demo.site.site import Site
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot
from devora_console.postgres.connect import connect, connection

_group = click.Group("root")
_SCALES = [each.value for each in Scale]


@dataclass(slots=True)
class _Demo:
    """A demo that has been set up: where its servers are, and what its source holds."""

    endpoints: Endpoints
    owner: Dsn
    truth: SourceTruth
    settled: Settled
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The folder it lives in."""
        return self.settled.home


@door_command(_group, "demo")
@click.option("--headless", is_flag=True, help="Schema, dry run, execution and verification without a terminal.")
@click.option(
    "--scale",
    type=click.Choice([each.value for each in Scale]),
    default="small",
    show_default=True,
    help="How much data.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, other data.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep the data in DIR.")
@click.option("--traffic/--no-traffic", default=True, help="Have a backend use the database once it is filled.")
@click.option("--site/--no-site", default=True, help="Have an application with a front, for a cutover to act upon.")
def command(
    door: Door, headless: bool, scale: Scale, seed: int, keep: Path | None, traffic: bool, site: bool
) -> Answer | int:
    """Start PostgreSQL and a MongoDB-protocol server with realistic Devora data, and open the console on them."""
    if not headless:
        require_terminal()
    home = keep.absolute() if keep is not None else temporary_home()
    servers = DemoServers(home, narrate=door.narrate)
    try:
        with end_on_signals(), ExitStack() as stack:
            stack.callback(servers.stop)
            demo = set_up(door, servers, Scale(scale), seed)
            return _headless(door, demo) if headless else _open(door, demo, traffic, site)
    except Ended as ended:
        return door.fail(
            ConsoleError.of(ExitCode.INTERRUPTED, "interrupted", str(ended), "The demo's servers have been stopped")
        )


def set_up(door: Door, servers: DemoServers, scale: Scale, seed: int) -> _Demo:
    """Servers up, source filled, target with its schema; what a kept home has already is left as it is."""
    began = time.monotonic()
    endpoints = servers.start()
    seconds = {"servers": time.monotonic() - began}
    settled = settle(servers.home, scale, seed)
    with _timed(seconds, "source"):
        if not settled.filled:
            door.narrate(f"filling MongoDB with the {scale} source, seed {seed} ...")
            until = utc_now().date()  # figures of the last days and months are to have something to tell
            planted = fill(endpoints.mongo.reveal(), DATABASE, scale, seed, narrate=door.narrate, until=until)
            settled.mark_filled(scale, seed, until)
        else:
            planted = truth(scale, seed, settled.until)
    with _timed(seconds, "schema"):
        owner = asyncio.run(_target(door, endpoints, settled))
    settled.write_env(owner, endpoints.postgres, endpoints.mongo)
    settled.write_config(owner, endpoints.postgres, endpoints.mongo, {})
    return _Demo(endpoints, owner, planted, settled, seconds)


async def _target(door: Door, endpoints: Endpoints, settled: Settled) -> Dsn:
    """Roles, database, extensions and schema, by the same code that ``schema bootstrap`` and ``apply`` use."""
    owner = login_dsn(endpoints.postgres, OWNER, settled.password())

    async def opener(name: str) -> asyncpg.Connection[asyncpg.Record]:
        return await connect(for_database(endpoints.postgres, name), purpose="bootstrap", read_only=False)

    async with connection(endpoints.postgres, purpose="bootstrap", read_only=False) as superuser:
        made = await schema.bootstrap(
            superuser,
            opener,
            database=DATABASE,
            owner=OWNER,
            owner_password=settled.password(),
            app_login=APPLICATION,
            app_password=settled.app_password(),
        )
    for problem in made.problems:
        door.narrate(f"! {problem}")
    async with connection(owner, purpose="schema", read_only=False, statement_timeout_seconds=0) as conn:
        applied = await schema.apply(conn)
    if applied.applied:
        door.narrate(f"schema: versions {applied.applied[0]} to {applied.applied[-1]} applied")
    return owner


def configured(door: Door, demo: _Demo) -> None:
    """The demo's own settings, whatever the person's files and variables say."""
    door.config_file = demo.settled.config
    door.effective = load(
        config_file=door.config_file,
        overrides={
            "postgres.dsn": demo.owner.reveal(),
            "postgres.superuser_dsn": demo.endpoints.postgres.reveal(),
            "mongo.url": demo.endpoints.mongo.reveal(),
            "mongo.database": DATABASE,
            "environment": "demo",
        },
        environ={"DEVORA_CONSOLE_HOME": str(demo.home)},
        cwd=demo.home / "postgres",
    )


def _open(door: Door, demo: _Demo, traffic: bool, with_site: bool) -> int:
    with inhabited(door, demo, traffic=traffic, with_site=with_site):
        return open_console(door)


@contextmanager
def inhabited(door: Door, demo: _Demo, *, traffic: bool = True, with_site: bool = True) -> Iterator[None]:
    """The demo with its application, the application's own traffic on PostgreSQL, and the settings that name them."""
    mongo = demo.endpoints.mongo
    with ExitStack() as stack:
        if with_site and (site := _site(door, demo)) is not None:
            demo.settled.write_config(demo.owner, demo.endpoints.postgres, mongo, {**site.variables(), **SHORTENED})
            door.narrate(f"the application is at {site.front_url} in a moment; its script is {site.script}")
            stack.enter_context(running(site))
        configured(door, demo)
        stack.enter_context(standing_in(demo.settled.config, application_variables(demo.owner, mongo)))
        stack.enter_context(workload.traffic(demo.owner, demo.settled.events) if traffic else nullcontext())
        yield


def _site(door: Door, demo: _Demo) -> Site | None:
    """The site's folder; its processes come later. The demo does without one that cannot be had."""
    app = login_dsn(demo.endpoints.postgres, APPLICATION, demo.settled.app_password())
    site = Site(demo.home / "site", demo.endpoints.mongo, DATABASE, app)
    try:
        site.make()
    except ConsoleError as error:
        door.narrate(f"! no site: {error.problem}")
        return None
    return site


def _headless(door: Door, demo: _Demo) -> Answer | int:
    """The guide's steps 2 to 3.3 in order; ends at the first that fails."""
    configured(door, demo)
    settings = job_settings(door, None, None)
    snapshots: dict[Kind, MigrationSnapshot] = {}
    for kind, words in (
        (Kind.DRY_RUN, "dry run: converting every document, writing nothing"),
        (Kind.EXECUTE, "execute: converting and writing"),
        (Kind.VERIFY, "verify: comparing source and target to the field"),
    ):
        door.narrate(words)
        with _timed(demo.seconds, str(kind)):
            job, error = run_job(lambda report, kind=kind: Job(kind, settings, report), door)  # type: ignore[misc]
        if error is not None:
            return door.fail(error, _keys(demo, snapshots))
        snapshots[kind] = job.snapshot
        if not door.as_json and kind is not Kind.VERIFY:
            print_migration(door.out, job.snapshot, quarantine=kind is Kind.DRY_RUN)
            door.out.print()
    verdict = snapshots[Kind.VERIFY].verification
    assert verdict is not None
    problems = judge(demo.truth, snapshots[Kind.DRY_RUN], snapshots[Kind.EXECUTE], verdict)
    good = verdict.ok and not problems
    return Answer(
        _keys(demo, snapshots),
        lambda out: print_verification(out, verdict),
        ExitCode.DONE if good else ExitCode.NEGATIVE,
        problems,
    )


def _keys(demo: _Demo, snapshots: dict[Kind, MigrationSnapshot]) -> dict[str, object]:
    dry, execution, check = (snapshots.get(kind) for kind in (Kind.DRY_RUN, Kind.EXECUTE, Kind.VERIFY))
    verdict = check.verification if check else None
    return {
        "postgres": {"dsn": str(demo.owner), "bin": demo.endpoints.postgres_bin},
        "mongo": {"url": str(demo.endpoints.mongo), "database": DATABASE},
        "home": demo.home,
        "source_truth": demo.truth,
        "dry_run": migration_keys(dry) if dry else None,
        "migration": migration_keys(execution) if execution else None,
        "verification": {"ok": verdict.ok, **verification_keys(verdict)} if verdict else None,
        "seconds": {name: round(value, 3) for name, value in demo.seconds.items()},
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = time.monotonic() - began
