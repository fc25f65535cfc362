"""``locks``: who waits for whom, roots first."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.activity_command import known
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.listing import print_rows
from devora_console.cli.visiting import as_guest
from devora_console.postgres.activity.read_locks import read_locks
from devora_console.postgres.activity.words import locks_headline
from devora_console.tui.render.locks import COLUMNS, ORDERS, rows
from devora_console.tui.render.look import Look

_group = click.Group("root")


@door_command(_group, "locks")
def command(door: Door) -> Answer:
    """The blocking trees: who holds what others want, what it does just now, and what would free them."""
    limits = door.effective.settings.activity
    seen = known(as_guest(door, "locks", lambda guest: read_locks(guest, limits)))
    look = Look()

    def people(out: Console) -> None:
        out.print(Text(look.text(locks_headline(seen), 1_000)))
        if not seen.roots:
            return
        out.print()
        print_rows(out, COLUMNS, rows(seen, look, next(iter(ORDERS))), look)
        for root in seen.roots:
            out.print()
            out.print(Text(look.text(f"{root.key}: {root.frees}" + (":" if root.sql else ""), 400)))
            for line in look.lines(root.sql).splitlines():
                out.print(Text(f"  {line}"))

    keys = {
        "headline": locks_headline(seen),
        "as_of": seen.as_of,
        "roots": seen.roots,
        "waiting": seen.waiting,
        "hidden": seen.hidden,
        "hidden_remedy": seen.hidden_remedy,
        "thresholds": seen.thresholds,
    }
    return Answer(keys, people)
