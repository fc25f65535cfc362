"""``cutover plan|...``: the group. Each subcommand is a module of its own, imported when it is called."""

from __future__ import annotations

import importlib

import click

# The subcommand, what it does, and the module cli/cutover_MODULE.py that registers it here.
_SUBCOMMANDS = {
    "plan": ("Every step, command, probe, way back and time; whether the window suffices.", "plan"),
    "run": ("Walk it; it stops, resumable, where a person has to decide.", "run"),
    "status": ("Where a run stands.", "status"),
    "watch": ("Follow a run from any terminal, read-only.", "after"),
    "attest": ("Say that an attested gate is open, with evidence.", "people"),
    "waive": ("Let a run pass a gate that is shut, with name and reason.", "people"),
    "vote": ("GO, no go or objection: for the run, a step, a rollback.", "people"),
    "note": ("A word for the timeline.", "people"),
    "resolve": ("Say what became of a step that nobody knows about.", "people"),
    "retry": ("Have a step start again.", "people"),
    "skip": ("Go on without a step.", "people"),
    "rollback": ("Take back what was done, in reverse.", "people"),
    "delta": ("What was written to PostgreSQL since a mark: what going back would lose.", "delta"),
    "export": ("The timeline for the post-mortem, as Markdown.", "after"),
    "verify": ("Recompute the chain of hashes.", "after"),
    "list": ("Every run that is kept here.", "after"),
}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SUBCOMMANDS:
            return None
        importlib.import_module(f"devora_console.cli.cutover_{_SUBCOMMANDS[cmd_name][1]}")
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (words, _) in _SUBCOMMANDS.items()])


@click.group("cutover", cls=_Group)
def command() -> None:
    """Walk the runbook: from all checks green to Devora on PostgreSQL, and back as long as there is a way back."""
