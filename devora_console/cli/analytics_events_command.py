"""``analytics events|flush|status``: product events and how far they have come."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime
from functools import partial
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from devora_console.analytics import delivery
from devora_console.analytics.delivery import DeliverySnapshot, StoredEvent
from devora_console.analytics.events import COMMON, EventType
from devora_console.analytics.flush import Flushed, flush
from devora_console.analytics.privacy import Dropped
from devora_console.analytics.setup import NO_KEY, Setup
from devora_console.cli.analytics_command import command as group
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.running import until_signal
from devora_console.cli.schema_command import database_of
from devora_console.cli.tables import number, plain_table
from devora_console.core.clock import iso
from devora_console.core.guard import Act
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.target import Target

# What goes wrong is in the answer; without a handler Python would write it to stderr as well.
logging.getLogger("devora_console.analytics").addHandler(logging.NullHandler())

_SIGNS = {"delivered": "✓ delivered", "waiting": "… waiting", "refused": "✗ refused", "untracked": "– untracked"}


@door_command(group, "events")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option("--type", "name", metavar="NAME", help="Only events of this name, such as project_created.")
@click.option("--undelivered", is_flag=True, help="Those that PostHog does not have, oldest first.")
@click.option("--types", is_flag=True, help="Instead: every type of event, and the properties that may come with it.")
def _events(door: Door, limit: int, name: str | None, undelivered: bool, types: bool) -> Answer:
    """The newest events in the database, and whether PostHog has them."""
    if types:
        return _catalogue()
    settings = door.effective.settings
    found = asyncio.run(
        delivery.events(Target(settings.postgres), most=limit, name=name, undelivered=undelivered),
    )

    def people(out: Console) -> None:
        rows = [(iso(e.at.replace(microsecond=0)), e.name, e.user or "–", _SIGNS[e.state], _about(e)) for e in found]
        out.print(plain_table(("at", "event", "user", "state", "properties"), rows) if rows else Text("no such event"))

    return Answer({"events": found}, people)


def _about(event: StoredEvent) -> str:
    why = f" ({event.problem}; tried {event.attempts}×)" if event.problem else ""
    said = json.dumps(event.properties, ensure_ascii=False) if event.properties else ""
    return one_line(said, 120) + why


def _catalogue() -> Answer:
    def people(out: Console) -> None:
        rows = [(e.value, e.group.value, e.meaning, ", ".join(sorted(e.properties))) for e in EventType]
        out.print(plain_table(("event", "about", "meaning", "properties of its own"), rows))
        out.print()
        out.print(Text(f"with every event: {', '.join(sorted(COMMON))}"))

    each = [
        {"name": e.value, "group": e.group, "meaning": e.meaning, "properties": sorted(e.properties)} for e in EventType
    ]
    return Answer({"types": each, "common": sorted(COMMON)}, people)


@door_command(group, "flush")
@click.option(
    "--seconds", type=click.FloatRange(0, 86_400), default=60.0, show_default=True, help="How long it may take."
)
@click.option("--retry-refused", is_flag=True, help="Also try again what PostHog refused.")
def _flush(door: Door, seconds: float, retry_refused: bool) -> Answer:
    """Move what waits on this machine's disk to the database, and send PostHog what it does not have.

    Exit code 5 when some remain, 2 when PostHog's key or address is wrong.
    """
    settings, name = door.effective.settings, database_of(door)
    door.guard.permit(Act(f"record events in {name} and send them to PostHog", name))
    setup = Setup.of(settings)

    async def work() -> tuple[Flushed, DeliverySnapshot]:
        flushed = await flush(setup, seconds=seconds, retry=retry_refused)
        return flushed, await delivery.read(settings, partial(Target(settings.postgres).visit, purpose="events"))

    flushed, after = asyncio.run(until_signal(work()))
    code, problems = _judged(flushed, after)

    def people(out: Console) -> None:
        said = f"{number(flushed.moved)} recorded, {number(flushed.delivered)} delivered"
        out.print(Text(f"{'✓' if code is ExitCode.DONE else '!'} {said}"))
        _print(out, after)

    keys = {"moved": flushed.moved, "sent": flushed.delivered, "delivery": after}
    return Answer(keys, people, code, problems)


def _judged(flushed: Flushed, after: DeliverySnapshot) -> tuple[ExitCode, tuple[Problem, ...]]:
    if after.fault and after.fault != NO_KEY:
        return ExitCode.USAGE, (Problem("posthog_settings", after.fault, "Set it, or POSTHOG_HOST"),)
    note = () if after.configured else (Problem("posthog_key", NO_KEY, "Set POSTHOG_API_KEY to send them"),)
    counts = (after.spooled, after.waiting, after.refused) if after.configured else (after.spooled,)
    left = [each for each in counts if isinstance(each, Unknown) or each]
    if not left:
        return ExitCode.DONE, note
    if isinstance(unclear := left[0], Unknown):
        return ExitCode.STOPPED, (Problem("events_unknown", unclear.reason, unclear.remedy),)
    if flushed.halted:
        return ExitCode.USAGE, (Problem("posthog_refuses", flushed.problem, "Check POSTHOG_API_KEY and POSTHOG_HOST"),)
    if not after.spooled and not after.waiting:
        remedy = "See: devora-console analytics events --undelivered; --retry-refused tries again"
        return ExitCode.STOPPED, (Problem("events_refused", f"refused by PostHog: {_count(after.refused)}", remedy),)
    if flushed.problem and after.configured:
        why = f"some events remain: {flushed.problem}"
    else:
        why = f"still on this machine's disk: {_count(after.spooled)}; " if after.spooled else ""
        why += f"still to be sent: {_count(after.waiting)}; " if after.configured and after.waiting else ""
        why += "the time was over, or a living process has them"
    return ExitCode.STOPPED, (Problem("events_remain", why, "Run it again later"), *note)


@door_command(group, "status")
def _status(door: Door) -> Answer:
    """How many events are on the disk, in the database and at PostHog, what was dropped, and what went wrong last.

    Exit code 1 when something of it cannot be known, 3 when the database is away: what is on the disk is told anyway.
    """
    settings = door.effective.settings
    visit, away = partial(Target(settings.postgres).visit, purpose="events"), list[ConsoleError]()

    async def lend(work: Any) -> Any:
        try:
            return await visit(work)
        except ConsoleError as error:
            away.append(error)
            raise

    found = asyncio.run(delivery.read(settings, lend))
    problems = tuple(
        dict.fromkeys(
            Problem("events_unknown", each.reason, each.remedy)
            for each in (found.stored, found.spooled)
            if isinstance(each, Unknown)
        )
    )
    keys = {"delivery": found, "key": settings.analytics.posthog_api_key is not None}
    code = away[0].exit_code if away else ExitCode.NEGATIVE if problems else ExitCode.DONE
    return Answer(keys, lambda out: _print(out, found), code, problems)


def _print(out: Console, found: DeliverySnapshot) -> None:
    rows = [
        ("spooled", _count(found.spooled), "on this machine's disk, not in the database yet"),
        ("stored", _count(found.stored), "in the database"),
        ("delivered", _count(found.delivered), _since("PostHog has them", found.last_delivered_at, "last one at")),
        ("waiting", _count(found.waiting), _since("for PostHog", found.oldest_waiting_at, "oldest of")),
        ("refused", _count(found.refused), "PostHog will not take them: analytics events --undelivered"),
        ("untracked", _count(found.untracked), "written by something else, not sent"),
    ]
    out.print(plain_table(("events", "count", ""), rows, right=(1,)))
    out.print()
    out.print(Text(f"PostHog      {found.host}" if found.configured else f"PostHog      not configured: {found.fault}"))
    if isinstance(found.last_error, str) and found.last_error:
        when = iso(found.last_error_at) if isinstance(found.last_error_at, datetime) else "?"
        out.print(Text(f"last problem {one_line(found.last_error, 300)} ({when})"))
    _print_dropped(out, found.dropped)


def _print_dropped(out: Console, dropped: Dropped | Unknown) -> None:
    if isinstance(dropped, Unknown):
        out.print(Text(f"dropped      {dropped}"))
        return
    for title, counts in (("dropped properties", dropped.properties), ("dropped events", dropped.events)):
        said = ", ".join(f"{name} {number(n)}×" for name, n in sorted(counts.items(), key=lambda item: -item[1])[:20])
        out.print(Text(f"{title}: {one_line(said, 600) or 'none'}"))


def _count(value: int | Unknown) -> str:
    return "?" if isinstance(value, Unknown) else number(value)


def _since(words: str, moment: datetime | Unknown | None, before: str) -> str:
    return f"{words}, {before} {iso(moment)}" if isinstance(moment, datetime) else words
