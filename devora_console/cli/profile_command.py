"""``profile``: look at the source before anything is migrated."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.profile_view import print_profile, profile_keys
from devora_console.cli.running import require_source
from devora_console.cli.tables import number
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.mapping_file import load_mapping
from devora_console.migration.profile import Draws, Options, profile
from devora_console.mongo.sampling import Draw, ServerSampler, even, whole
from devora_console.mongo.source import CollectionInfo, Source, open_source

_group = click.Group("root")


@door_command(_group, "profile")
@click.option("--collection", "collections", multiple=True, metavar="C", help="Only this collection (repeatable).")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Look at N documents of each collection only.")
@click.option("--source", metavar="URL_OR_DUMP", help="A MongoDB URL, or the folder that mongodump wrote.")
@click.option("--mapping", type=click.Path(path_type=Path), metavar="FILE", help="A mapping of your own.")
@click.option(
    "--max-documents-per-second",
    type=click.IntRange(2),  # a live cursor brings 1,000 documents, and the server forgets it after ten minutes
    metavar="N",
    help="Read no faster than this, at least 2.",
)
def command(
    door: Door,
    collections: tuple[str, ...],
    sample: int | None,
    source: str | None,
    mapping: Path | None,
    max_documents_per_second: int | None,
) -> Answer | int:
    """Look at MongoDB before anything is migrated: types, odd values, references, and what the mapping lacks.

    Reads only. Exit code 1: something found would send documents to quarantine.
    """
    settings = door.effective.settings
    loaded = load_mapping(mapping or settings.migration.mapping)
    where = require_source(door, source)
    options = Options(collections=collections, documents_per_second=max_documents_per_second)
    watch = _Watch(door)
    try:
        with _interruptible(), ExitStack() as stack:
            opened = open_source(
                where,
                settings.mongo.database,
                timeout_seconds=settings.mongo.server_selection_timeout_seconds,
                read_preference=settings.mongo.read_preference,
            )
            stack.callback(opened.close)
            found = profile(opened, loaded, _draws(door, stack, opened, where, sample), options, watch)
            watch.end()
    except KeyboardInterrupt:
        watch.clear()
        return door.fail(
            ConsoleError.of(ExitCode.INTERRUPTED, "interrupted", "interrupted; profile only reads, nothing was changed")
        )
    except ConsoleError:
        watch.clear()
        raise
    code = ExitCode.NEGATIVE if found.blocked else ExitCode.DONE
    return Answer(profile_keys(found), lambda out: print_profile(out, found), code)


def _draws(door: Door, stack: ExitStack, source: Source, where: Dsn | str, sample: int | None) -> Draws:
    """How documents are chosen: all, by the server, or evenly from a dump."""
    if sample is None:
        return lambda info, batch_bytes: whole(source, info, batch_bytes)
    if not isinstance(where, Dsn):
        return lambda info, batch_bytes: even(source, info, sample, batch_bytes)
    mongo = door.effective.settings.mongo
    sampler = ServerSampler(
        where,
        mongo.database,
        timeout_seconds=mongo.server_selection_timeout_seconds,
        read_preference=mongo.read_preference,
    )
    stack.callback(sampler.close)

    def draw(info: CollectionInfo, batch_bytes: int) -> Draw:
        return sampler.draw(source, info, sample, batch_bytes)

    return draw


@contextmanager
def _interruptible() -> Iterator[None]:
    """Every way of being asked to end is a KeyboardInterrupt: scratch files go away, and the exit code is 130."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, end) for each in endings}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Watch:
    """Narrates: one line that rewrites itself on a terminal, else a line per collection."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._live = sys.stderr.isatty() and not door.quiet
        self._name = ""
        self._documents = 0
        self._began = self._last = time.monotonic()

    def __call__(self, name: str, documents: int, total: int | Unknown) -> None:
        if name != self._name:
            self.end()
            self._name, self._began = name, time.monotonic()
        self._documents = documents
        now = time.monotonic()
        if self._live and now - self._last > 0.2:
            self._last = now
            sys.stderr.write("\r\x1b[K" + self._line(documents, total, now - self._began))
            sys.stderr.flush()

    def _line(self, documents: int, total: int | Unknown, seconds: float) -> str:
        of = "" if isinstance(total, Unknown) else f" of ~{number(total)}"
        rate = f" · {number(round(documents / seconds))} documents/s" if seconds > 0.5 else ""
        return f"profiling {one_line(self._name, 40)}: {number(documents)}{of}{rate}"

    def end(self) -> None:
        """Say that a collection is done."""
        self.clear()
        if self._name:
            self._door.narrate(f"profiled {one_line(self._name, 60)}: {self._documents} documents")
        self._name = ""

    def clear(self) -> None:
        """Leave a clean line behind."""
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
