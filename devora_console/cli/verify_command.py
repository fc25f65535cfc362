"""``verify``: source against target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.migrate_command import job_settings
from devora_console.cli.migration_view import print_verification, verification_keys
from devora_console.cli.running import run_job
from devora_console.core.problems import ExitCode
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind
from devora_console.migration.verify import LEVELS, Level

_group = click.Group("root")


@door_command(_group, "verify")
@click.option("--level", type=click.Choice(LEVELS), default="fields", show_default=True, help="How deep to look.")
@click.option("--sample", type=click.IntRange(0), help="Documents per collection to compare field by field.")
@click.option("--source", metavar="URL_OR_DUMP", help="A MongoDB URL, or the folder that mongodump wrote.")
@click.option("--mapping", type=click.Path(path_type=Path), metavar="FILE", help="The mapping the migration used.")
def command(door: Door, level: Level, sample: int | None, source: str | None, mapping: Path | None) -> Answer | int:
    """Compare source and target: counts, digests of every row, and a random sample field by field."""
    settings = job_settings(door, source, mapping)
    settings = replace(
        settings, level=level, sample=settings.sample if sample is None else sample, record=door.guard.armed
    )
    job, error = run_job(lambda report: Job(Kind.VERIFY, settings, report), door)
    verdict = job.snapshot.verification
    if error is not None or verdict is None:
        assert error is not None
        return door.fail(error)
    return Answer(
        verification_keys(verdict),
        lambda out: print_verification(out, verdict),
        ExitCode.DONE if verdict.ok else ExitCode.NEGATIVE,
    )
