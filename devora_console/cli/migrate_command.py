"""``migrate --dry-run`` and ``migrate --execute``; ``migrate status|pause|resume|throttle`` of one that runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.migration_status import print_status, status_keys, write_report
from devora_console.cli.migration_view import migration_keys, print_migration, print_quarantine
from devora_console.cli.running import require_source, run_job
from devora_console.cli.schema_command import database_of, on_target, require_postgres
from devora_console.core.guard import Act
from devora_console.core.problems import usage_error
from devora_console.migration import dry_runs
from devora_console.migration.job import MOST_WORKERS, Job, JobSettings
from devora_console.migration.mapping_file import load_mapping
from devora_console.migration.progress import Kind
from devora_console.migration.report import gather, markdown
from devora_console.migration.steering import Status, status, wish

_group = click.Group("root")


@door_command(_group, "migrate", cls=click.Group, invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="Convert every document, write nothing, say what --execute would do.")
@click.option("--execute", is_flag=True, help="Convert and write. Again: bring the target in step with the source.")
@click.option("--resume", is_flag=True, help="Go on with a stopped run; refused if source, mapping or schema changed.")
@click.option("--prune", is_flag=True, help="Also remove what vanished from the source (with --execute).")
@click.option("--source", metavar="URL_OR_DUMP", help="A MongoDB URL, or the folder that mongodump wrote.")
@click.option("--mapping", type=click.Path(path_type=Path), metavar="FILE", help="A mapping of your own.")
@click.option("--only", multiple=True, metavar="COLLECTION", help="Write only this collection (repeatable).")
@click.option("--max-quarantine", metavar="N|N%", help="How many documents may go to quarantine.")
@click.option("--workers", type=click.IntRange(0, MOST_WORKERS), help="Worker processes; 0 works in this one.")
@click.option("--cluster", metavar="ADDRESS", help="Work on a Dask cluster: tcp://scheduler:8786.")
def command(
    door: Door,
    dry_run: bool,
    execute: bool,
    resume: bool,
    prune: bool,
    source: str | None,
    mapping: Path | None,
    only: tuple[str, ...],
    max_quarantine: str | None,
    workers: int | None,
    cluster: str | None,
) -> Answer | int:
    """Convert every document of MongoDB to rows of PostgreSQL: as a dry run, or for real."""
    if dry_run == execute:
        raise usage_error("migrate_mode", "give one of --dry-run and --execute", "Begin with --dry-run")
    if (prune or resume) and dry_run:
        raise usage_error("migrate_mode", "--prune and --resume go with --execute", "")
    if max_quarantine is not None:
        door.overrides["migration.max_quarantine"] = max_quarantine
    if execute:
        name = database_of(door)
        door.guard.permit(Act(f"write to database {name}", name))
    settings = job_settings(door, source, mapping, only=only, prune=prune, resume=resume, workers=workers)
    settings = replace(settings, cluster=cluster)
    kind = Kind.EXECUTE if execute else Kind.DRY_RUN
    job, error = run_job(lambda report: Job(kind, settings, report), door)
    if error is not None:
        if not door.as_json and error.problem.code == "quarantine_over_budget":
            print_quarantine(door.out, job.snapshot.quarantine_rules, job.snapshot.quarantine)
        return door.fail(error, migration_keys(job.snapshot))

    def people(out: Console) -> None:
        print_migration(out, job.snapshot)

    return Answer(migration_keys(job.snapshot), people)


def job_settings(
    door: Door,
    source: str | None,
    mapping: Path | None,
    *,
    only: tuple[str, ...] = (),
    prune: bool = False,
    resume: bool = False,
    workers: int | None = None,
) -> JobSettings:
    """What a job works on, from the command line and the configuration."""
    settings = door.effective.settings
    return JobSettings(
        postgres=require_postgres(door),
        source=require_source(door, source),
        database=settings.mongo.database,
        mapping=load_mapping(mapping or settings.migration.mapping),
        batch_bytes=settings.migration.batch_bytes,
        max_quarantine=settings.migration.max_quarantine,
        only=only,
        prune=prune,
        resume=resume,
        sample=settings.migration.sample,
        source_timeout_seconds=settings.mongo.server_selection_timeout_seconds,
        source_read_preference=settings.mongo.read_preference,
        connect_timeout_seconds=settings.postgres.connect_timeout_seconds,
        workers=workers if workers is not None else settings.migration.workers,
        bulk=settings.migration.bulk_load,
        verdicts=dry_runs.folder(),
    )


def _steered(door: Door, **changes: object) -> Answer:
    """Change what is wanted of the running migration, and say so."""
    name = database_of(door)
    door.guard.permit(Act(f"steer the migration into database {name}", name))
    on_target(door, lambda conn: wish(conn, **changes), read_only=False)
    return _shown(on_target(door, status, read_only=True))


def _shown(found: Status) -> Answer:
    return Answer(status_keys(found), lambda out: print_status(out, found))


assert isinstance(command, click.Group)


@door_command(command, "status")
def _status(door: Door) -> Answer:
    """How far the target's latest migration is, from any terminal."""
    return _shown(on_target(door, status, read_only=True))


@door_command(command, "report")
@click.option("--run", "run_id", type=click.UUID, metavar="ID", help="Of this run instead of the latest.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there.")
def _report(door: Door, run_id: UUID | None, output: Path | None) -> Answer:
    """The report of a run for the team: Markdown, or with --json the same as data."""
    found = on_target(door, lambda conn: gather(conn, run_id), read_only=True)
    text = markdown(found)
    if output is not None:
        write_report(output, text)

    def people(out: Console) -> None:
        out.print(Text(f"✓ {output}" if output is not None else text))

    return Answer({"report": found, "file": output}, people)


@door_command(command, "pause")
def _pause(door: Door) -> Answer:
    """Have the running migration wait after the batches under way."""
    return _steered(door, paused=True)


@door_command(command, "resume")
def _resume(door: Door) -> Answer:
    """Let a paused migration go on."""
    return _steered(door, paused=False)


@door_command(command, "throttle")
@click.option("--rows-per-second", type=click.FloatRange(1), help="Not more than this.")
@click.option("--workers", type=click.IntRange(1, MOST_WORKERS), help="As many worker processes.")
@click.option("--batch-bytes", type=click.IntRange(10_000, 256_000_000), help="Batches of about this size.")
@click.option("--off", is_flag=True, help="Leave all three to the console again.")
def _throttle(
    door: Door, rows_per_second: float | None, workers: int | None, batch_bytes: int | None, off: bool
) -> Answer:
    """Slow the running migration down, or give it more."""
    given = {"rows_per_second": rows_per_second, "workers": workers, "batch_bytes": batch_bytes}
    changes: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    if off == bool(changes):
        raise usage_error(
            "throttle_what", "say what to limit", "Give --rows-per-second, --workers or --batch-bytes; or --off"
        )
    return _steered(door, **(dict.fromkeys(given) if off else changes))
