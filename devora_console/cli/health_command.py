"""``health``: cache, bloat, vacuum, sizes, I/O, replication, wraparound, sequences and settings of one database."""

from __future__ import annotations

from math import isnan

import click

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.health_view import Findings, print_health
from devora_console.cli.visiting import as_guest
from devora_console.core.console import Verdict
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.buffers import read_buffers
from devora_console.postgres.health.guide import read_guide
from devora_console.postgres.health.measure import find_relation, measure
from devora_console.postgres.health.read import read_health
from devora_console.postgres.health.snapshot import SECTIONS
from devora_console.postgres.watch.guest import Guest

_group = click.Group("root")


@door_command(_group, "health")
@click.option("--cache", is_flag=True, help="Cache hit ratios; reads by kind of process (16 and later).")
@click.option("--bloat", is_flag=True, help="Estimates of wasted space in tables.")
@click.option("--vacuum", is_flag=True, help="Dead rows, what is due and what is in its way, the xmin horizon.")
@click.option("--sizes", is_flag=True, help="Sizes of the database and its tables.")
@click.option("--io", is_flag=True, help="Temporary files, deadlocks, rollbacks, log, checkpoints.")
@click.option("--replication", is_flag=True, help="How far standbys are, and what replication slots keep.")
@click.option("--wraparound", is_flag=True, help="Age of the oldest transaction and multixact ids.")
@click.option("--sequences", is_flag=True, help="Sequences near their end.")
@click.option("--settings", is_flag=True, help="Settings worth a look.")
@click.option(
    "--interval",
    type=click.FloatRange(0, 3600),
    default=2.0,
    show_default=True,
    metavar="S",
    help="Seconds between two samples of the counters (cache, sizes, io); 0 does not wait.",
)
@click.option("--measure", "measured", metavar="SCHEMA.TABLE", help="Measure the bloat of one table (pgstattuple).")
@click.option("--buffers", is_flag=True, help="What shared buffers hold (pg_buffercache).")
@click.option("--guide", is_flag=True, help="The migration guide's own queries, mended, with their answers.")
@click.option("--why", is_flag=True, help="Tell for every line how its verdict was reached.")
def command(
    door: Door, /, interval: float, measured: str | None, buffers: bool, guide: bool, why: bool, **chosen: bool
) -> Answer:
    """The health of the database; changes nothing. Without a section: all of them.

    Exit code 1 when a line fails; warnings and unknowns leave it at 0.
    """
    if isnan(interval):
        raise usage_error("interval", "--interval is not a number", "Give seconds, from 0 to 3600")
    settings = door.effective.settings.health
    sections = [name for name in SECTIONS if chosen[name]]
    if not sections and not (measured or buffers or guide):
        sections = list(SECTIONS)

    async def look(guest: Guest) -> Findings:
        found = await find_relation(guest, measured) if measured else None
        if interval and {"cache", "sizes", "io"} & set(sections):
            door.narrate(f"Counting for {interval:g} s (--interval 0 does not wait).")
        health = await read_health(guest, settings, sections=sections, interval=interval)
        if found is not None:
            door.narrate(f"Measuring {found[1]}.{found[2]}.")
        return Findings(
            health,
            await measure(guest, found[0]) if found else None,
            await read_buffers(guest) if buffers else None,
            await read_guide(guest) if guide else None,
        )

    found = as_guest(door, "health", look)
    keys: dict[str, object] = {"database": found.health.database, "stats_window": found.health.window}
    keys |= {"interval_seconds": found.health.seconds, **found.health.parts, **found.extras}
    problems = []
    if isinstance(found.measured, Unknown):
        message = f"{measured} was not measured: {found.measured.reason}"
        problems.append(Problem("not_measured", message, found.measured.remedy))
    failing = any(line.verdict is Verdict.FAIL for line in found.health.lines)
    code = ExitCode.NEGATIVE if failing or problems else ExitCode.DONE
    return Answer(keys, lambda out: print_health(out, found, why=why), code, tuple(problems))
