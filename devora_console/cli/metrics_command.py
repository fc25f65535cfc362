"""``metrics serve|print|grafana``: the console's figures for Prometheus, and what draws and alerts them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.safetext import one_line

if TYPE_CHECKING:
    from devora_console.analytics.exporter.samples import World
    from devora_console.services.exporting import Exporting

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOP_SECONDS = 5.0


@click.group("metrics")
def command() -> None:
    """Prometheus metrics of both servers, the migration, the gates and the product."""


@door_command(command, "serve")
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: exporter.host, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 takes any free one.  [default: exporter.port, 9477]")
def serve(door: Door, /, host: str | None, port: int | None) -> Answer:
    """Serve /metrics until it is told to stop (Ctrl+C, SIGTERM): exit code 0 then.

    A scrape takes what was seen last and never asks a server. /ready answers 200 while PostgreSQL can be watched, and
    503 while not: a gate of the runbook can ask for it.
    """
    with _until_told() as told:  # from the very begin: loading takes a moment
        return _serve(door, host, port, told)


def _serve(door: Door, host: str | None, port: int | None, told: threading.Event) -> Answer:
    from devora_console.analytics.exporter.serve import Exposing, loopback  # noqa: PLC0415 - drivers when wanted

    given = door.effective.settings.exporter
    where = host if host is not None else given.host
    exporting = _exporting(door)
    exposing = Exposing(where, given.port if port is None else port, exporting.world)
    if not loopback(where):
        door.narrate(
            f"! {one_line(where, 120)} is not loopback: there is no login and no encryption, and whoever reaches it "
            "reads every figure. Let only your Prometheus through."
        )
    try:
        exporting.loop.call(exporting.start(), _STOP_SECONDS)
        exposing.start()
        door.narrate(f"Serving {exposing.url}; Ctrl+C ends it.")
        told.wait()
    finally:
        exposing.stop()
        _end(exporting)
    scrapes = exposing.scrapes
    return Answer(
        {"url": exposing.url, "scrapes": scrapes},
        lambda out: out.print(Text(f"Stopped after {scrapes} scrapes.")) if not door.quiet else None,
    )


@contextlib.contextmanager
def _until_told() -> Iterator[threading.Event]:
    """An event that is set by the signals that end a server; a second one ends the process at once."""
    told = threading.Event()

    def hear(number: int, frame: object) -> None:
        told.set()
        signal.signal(number, signal.SIG_DFL)

    heard = _ENDINGS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, hear) for number in heard}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exporting(door: Door) -> Exporting:
    from devora_console.cli.console_command import aim_of  # noqa: PLC0415 - as above
    from devora_console.services.exporting import Exporting  # noqa: PLC0415

    return Exporting(door.effective.settings, aim_of(door))


def _end(exporting: Exporting) -> None:
    with contextlib.suppress(TimeoutError):  # a server that hangs does not keep us: its connections go with us
        exporting.loop.call(exporting.stop(), _STOP_SECONDS)
    exporting.loop.close(_STOP_SECONDS)


@door_command(command, "print")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=30.0,
    show_default=True,
    metavar="S",
    help="How long to wait for the first look at everything; what was not seen by then is unknown.",
)
def print_once(door: Door, /, seconds: float) -> Answer:
    """One exposition on stdout, for a look or for node_exporter's textfile collector.

    Figures over an interval need two looks, and are unknown here. With --json every metric with its meaning, source and
    values, and why others are not known. Exit code 3 when PostgreSQL does not answer: the exposition says so too.
    """
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - as above

    from devora_console.analytics.exporter.collect import LatestSamples  # noqa: PLC0415

    exporting = _exporting(door)
    try:
        exporting.loop.call(exporting.start(), _STOP_SECONDS)
        exporting.loop.call(exporting.settled(seconds))
        world, up = exporting.world(), exporting.up()
    finally:
        _end(exporting)
    registry = CollectorRegistry()
    registry.register(LatestSamples(lambda: world))
    exposition = generate_latest(registry).decode()

    def show(out: Console) -> None:
        out.file.write(exposition)  # as it is: the format is for a parser

    problems = () if up else (Problem("postgres_away", "PostgreSQL does not answer: devora_console_up is 0"),)
    return Answer(_keys(world), show, ExitCode.DONE if up else ExitCode.CONNECT, problems)


def _keys(world: World) -> dict[str, object]:
    from devora_console.analytics.exporter.collect import gather, unknowns  # noqa: PLC0415 - as above
    from devora_console.analytics.exporter.samples import SAMPLES  # noqa: PLC0415

    found = gather(world)
    return {
        "metrics": [
            {
                "name": each.family.full,
                "type": each.family.kind,
                "help": each.family.help,
                "source": each.family.source,
                "sample": each.family.sample,
                "at_most_every": SAMPLES[each.family.sample].every,
                "values": [
                    {"labels": dict(zip(each.family.labels, labels, strict=True)), "value": value}
                    for labels, value in each.values.items()
                ],
            }
            for each in found
        ],
        "unknown": unknowns(found),
    }


@door_command(command, "grafana")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="The folder to write into; it is made if need be.",
)
@click.option("--force", is_flag=True, help="Write over files that are there and differ.")
def grafana(door: Door, /, folder: Path, force: bool) -> Answer:
    """Write a Grafana dashboard, alert rules, Prometheus' configuration and a compose file for both.

    Thresholds of the rules are those of the settings. Nothing is started, and no password is in any file.
    """
    from devora_console.analytics.exporter.stack import files, write  # noqa: PLC0415 - as above

    made = files(door.effective.settings)
    try:
        written = write(folder, made, force=force)
    except OSError as error:
        raise ConsoleError.of(
            ExitCode.USAGE,
            "metrics_files",
            f"{one_line(str(folder), 160)}: {one_line(error.strerror or str(error), 120)}",
            "Give another --out, or --force to write over what is there",
        ) from None

    def show(out: Console) -> None:
        for name in made:
            out.print(Text(f"{'written' if name in written else 'unchanged'}  {folder / name}"))
        out.print(Text(f"Next: read {folder / 'README.md'}"))

    return Answer({"folder": folder, "files": list(made), "written": written}, show)
