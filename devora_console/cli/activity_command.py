"""``activity``: the sessions, the worst first."""

from __future__ import annotations

from typing import TypeVar

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.listing import print_rows
from devora_console.cli.visiting import as_guest
from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.read import read
from devora_console.postgres.activity.snapshot import ActivitySnapshot, Session
from devora_console.postgres.activity.words import activity_headline
from devora_console.tui.render.activity import COLUMNS, row_of, session_detail
from devora_console.tui.render.look import Look

T = TypeVar("T")
_group = click.Group("root")


@door_command(_group, "activity")
@click.option("--all", "everything", is_flag=True, help="Idle sessions and workers of the server too.")
@click.option("--pid", type=click.IntRange(1), help="One session in depth.")
def command(door: Door, everything: bool, pid: int | None) -> Answer:
    """Sessions: what they do and since when, what they wait for, who lingers in a transaction."""
    limits = door.effective.settings.activity
    seen = known(as_guest(door, "activity", lambda guest: read(guest, limits)))
    look = Look()
    keys = {
        "headline": activity_headline(seen),
        "as_of": seen.as_of,
        "sessions": seen.sessions,
        "hidden": seen.hidden,
        "hidden_remedy": seen.hidden_remedy,
        "own": seen.own,
        "background": seen.background,
        "connections": seen.connections,
        "thresholds": seen.thresholds,
    }
    if pid is not None:
        session = next((each for each in seen.sessions if each.pid == pid), None)
        if session is None:
            raise usage_error("no_session", f"there is no session {pid}", "See: devora-console activity --all")
        return Answer({**keys, "sessions": [session]}, lambda out: out.print(session_detail(session, look)))

    def people(out: Console) -> None:
        shown = [each for each in seen.sessions if everything or _worth_a_line(each)]
        out.print(Text(look.text(activity_headline(seen), 1_000)))
        if shown:
            out.print()
            print_rows(out, COLUMNS, [row_of(each, look) for each in shown], look)
        out.print()
        out.print(Text(_also(seen, len(seen.sessions) - len(shown))))

    return Answer(keys, people)


def known(found: T | Unknown) -> T:
    """What was found. Raises ConsoleError (exit 1) with the reason when it cannot be known."""
    if isinstance(found, Unknown):
        raise ConsoleError.of(ExitCode.NEGATIVE, "unknown", f"this cannot be known: {found.reason}", found.remedy)
    return found


def _worth_a_line(session: Session) -> bool:
    """Whoever does something, or could be in somebody's way."""
    quiet = session.finding.verdict in (Verdict.OK, Verdict.NONE) and session.state != "active"
    return not quiet or session.idle_in_transaction or bool(session.blocks)


def _also(seen: ActivitySnapshot, left_out: int) -> str:
    words = [f"{seen.connections.finding.why}"]
    if left_out:
        words.append(f"{left_out} idle or background sessions not shown (--all)")
    words.append(f"{seen.own} of this console's own left out, {seen.background} processes without a database")
    return "; ".join(words) + "."
