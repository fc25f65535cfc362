"""``migrate --dry-run`` and ``migrate --execute``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.migration_view import migration_keys, print_migration, print_quarantine
from devora_console.cli.running import require_source, run_job
from devora_console.cli.schema_command import database_of, require_postgres
from devora_console.core.guard import Act
from devora_console.core.problems import usage_error
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping_file import load_mapping
from devora_console.migration.progress import Kind

_group = click.Group("root")


@door_command(_group, "migrate")
@click.option("--dry-run", is_flag=True, help="Convert every document, write nothing, say what --execute would do.")
@click.option("--execute", is_flag=True, help="Convert and write. Again: bring the target in step with the source.")
@click.option("--resume", is_flag=True, help="Go on with a stopped run; refused if source, mapping or schema changed.")
@click.option("--prune", is_flag=True, help="Also remove what vanished from the source (with --execute).")
@click.option("--source", metavar="URL_OR_DUMP", help="A MongoDB URL, or the folder that mongodump wrote.")
@click.option("--mapping", type=click.Path(path_type=Path), metavar="FILE", help="A mapping of your own.")
@click.option("--only", multiple=True, metavar="COLLECTION", help="Write only this collection (repeatable).")
@click.option("--max-quarantine", metavar="N|N%", help="How many documents may go to quarantine.")
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
    settings = job_settings(door, source, mapping, only=only, prune=prune, resume=resume)
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
    )
