"""``quarantine list|show|export|waive``."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.schema_command import database_of, on_target
from devora_console.cli.tables import plain_table
from devora_console.core.guard import Act
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line, safe
from devora_console.core.snapshot import to_json
from devora_console.migration import held
from devora_console.migration.mapping_file import load_mapping


@click.group("quarantine")
def command() -> None:
    """Documents that could not be converted: whole, and with the rule that refused them."""


@door_command(command, "list")
@click.option("--all", "everything", is_flag=True, help="Resolved and waived ones too.")
@click.option("--limit", type=click.IntRange(1), default=500, show_default=True, help="At most this many.")
def _list(door: Door, everything: bool, limit: int) -> Answer:
    """What is in quarantine, and why."""
    items = on_target(door, lambda conn: held.held(conn, resolved=everything, limit=limit), read_only=True)

    def people(out: Console) -> None:
        rows = [
            (
                str(each.id),
                each.collection,
                each.source_id,
                each.rule,
                each.path,
                each.message + (f" (resolved: {each.reason})" if each.resolved_at else ""),
            )
            for each in items
        ]
        if rows:
            out.print(plain_table(("id", "collection", "_id", "rule", "path", "why"), rows, right=(0,)))
        out.print(Text(f"{len(items)} documents" if items else "✓ quarantine is empty"))

    return Answer({"items": items}, people)


@door_command(command, "show")
@click.argument("item", type=click.IntRange(1, 2**63 - 1))
def _show(door: Door, item: int) -> Answer:
    """One document, whole; secret fields redacted."""
    mapping = load_mapping(door.effective.settings.migration.mapping)
    found, text = on_target(door, lambda conn: held.document(conn, mapping, item), read_only=True)

    def people(out: Console) -> None:
        out.print(
            Text(one_line(f"{found.collection} {found.source_id}: {found.rule} {found.path}: {found.message}", 400))
        )
        out.print(Text(safe(text, 1_000_000)))

    return Answer({"items": [found], "document": text}, people)


@door_command(command, "export")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def _export(door: Door, path: Path) -> Answer:
    """Write every open item with its exact bytes to PATH (JSON lines, readable for you alone); holds secrets."""
    items = on_target(door, held.export, read_only=True)
    try:
        stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except OSError as error:
        raise usage_error(
            "export_path", f"{one_line(str(path), 160)}: {error.strerror}", "Choose another file"
        ) from None
    with stream:
        for item, raw in items:
            line = {"item": to_json(item), "bson": base64.b64encode(raw).decode("ascii")}
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    shown = one_line(str(path), 160)
    return Answer({"items": len(items), "written": path}, lambda out: out.print(Text(f"✓ {len(items)} to {shown}")))


@door_command(command, "waive")
@click.argument("item", type=click.IntRange(1, 2**63 - 1))
@click.option("--reason", required=True, help="Why this document may stay behind.")
def _waive(door: Door, item: int, reason: str) -> Answer:
    """Accept that a document, as it is now, is not migrated. Undone by the next change of the document."""
    if not reason.strip():
        raise usage_error("waive_reason", "--reason is empty", "Say why this document may stay behind")
    name = database_of(door)
    door.guard.permit(Act(f"waive item {item} in database {name}", name))
    found = on_target(door, lambda conn: held.waive(conn, item, reason), read_only=False)
    words = one_line(f"✓ waived {found.collection} {found.source_id}: {reason}", 300)
    return Answer({"items": [found]}, lambda out: out.print(Text(words)))
