"""The root of all commands. Each group registers itself when its module is imported, which happens on first use."""

from __future__ import annotations

import importlib
from typing import Any

import click

from devora_console import __version__
from devora_console.cli.door import Door, global_options, merge

# Command or group, the module that has it (as ``command``), and one line for the list.
_COMMANDS = {
    "demo": ("demo", "Start servers with realistic data and open the console on them."),
    "config": ("config", "Show, check, locate or write the configuration."),
    "doctor": ("doctor", "Examine both servers, rights, extensions, tools and this terminal."),
    "schema": ("schema", "Create, inspect, check or take back the target schema."),
    "profile": ("profile", "Look at the source before anything is migrated."),
    "migrate": ("migrate", "Convert every document: as a dry run, or for real."),
    "verify": ("verify", "Compare source and target, to the field."),
    "source": ("source", "Freeze MongoDB for the cutover, prove that nothing writes to it, and take it back."),
    "backup": ("backup", "Take, judge, adopt, list and restore backups of both servers."),
    "queries": ("queries", "The statements that cost most, over an interval or since the reset."),
    "can-commit": ("can_commit", "Whether Devora may be switched to the target, and what is missing."),
    "quarantine": ("quarantine", "Documents that could not be converted."),
    "search": ("search", "One query through every method, side by side; judged suites; refresh."),
    "watch": ("watch", "The first day after the switch, against the values before."),
    "health": ("health", "Cache, bloat, vacuum, sizes, I/O, wraparound, sequences, settings."),
    "explain": ("explain", "The plan of a statement as a tree, the hot node marked and explained."),
    "activity": ("activity", "Sessions: what they do, what they wait for, who lingers."),
    "locks": ("locks", "Who waits for whom, and what would free them."),
    "act": ("act", "VACUUM, ANALYZE, REINDEX, DROP INDEX, cancel, terminate: previewed and verified."),
    "rag": ("rag", "The prompt that a question becomes with what is found for it, and its answer."),
    "embed": ("embed", "Embeddings: what is covered, what a back-fill takes, and the back-fill."),
    "bench": ("bench", "Before and after: the same questions asked of MongoDB and of PostgreSQL."),
    "cutover": ("cutover", "The runbook: planned, walked, watched, taken back."),
    "metrics": ("metrics", "Serve figures to Prometheus; a Grafana dashboard with alert rules."),
    "indexes": ("indexes", "What is wrong with the indexes, how sure that is, and the SQL that mends it."),
    "analytics": ("analytics", "Product events and their delivery; business metrics."),
}


class _Lazy(click.Group):
    """Imports a command's module when the command is called: ``--version`` need not wait for drivers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"devora_console.cli.{_COMMANDS[cmd_name][0]}_command")
        found = module.command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - only on a typing mistake

            near = get_close_matches(name, _COMMANDS, 1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@global_options
@click.version_option(__version__, prog_name="devora-console")
@click.pass_context
def cli(context: click.Context, /, **given: Any) -> int | None:
    """Move Devora from MongoDB to PostgreSQL, and operate what results.

    Without a command the console opens on the configured servers.

    \b
    Exit codes: 0 done and good, 1 done but the verdict is negative, 2 usage or configuration,
    3 cannot connect, 4 refused by the guard, 5 stopped early (resumable), 130 interrupted.
    """
    door = context.ensure_object(Door)
    merge(door, given)
    if context.invoked_subcommand is None:
        from devora_console.cli.console_command import open_console  # noqa: PLC0415 - Textual is loaded only here

        return open_console(door)
    return None
