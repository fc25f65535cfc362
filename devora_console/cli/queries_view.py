"""How ``queries`` shows what it found: as JSON keys, and for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devora_console.cli.listing import print_rows
from devora_console.cli.tables import number, plain_table
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.statements import (
    Figures,
    QueriesSnapshot,
    RunningSnapshot,
    Statement,
    StatementsSnapshot,
    change_percent,
    extremes,
    figures,
    in_window,
    listed,
    over_interval,
    share,
    share_since,
    slow,
)
from devora_console.tui.render.look import Look
from devora_console.tui.render.queries import columns_for, headline, rows, running_words
from devora_console.tui.render.queries_detail import running_notes


def queries_keys(snapshot: QueriesSnapshot, sort: str, *, view: bool, only_running: bool) -> dict[str, object]:
    """The keys of the JSON answer."""
    statements = snapshot.statements
    keys: dict[str, object] = {"slow_ms": snapshot.slow_ms, "running": _running_keys(snapshot.running)}
    if only_running:
        return keys | {"notes": running_notes(snapshot.running)}
    if isinstance(statements, Unknown):
        return keys | {"window": statements, "statements": statements, "notes": running_notes(snapshot.running)}
    window = statements.window
    return keys | {
        "window": {
            "kind": "interval" if statements.over_interval else "since_reset",
            "from": window.began if statements.over_interval else window.since,
            "to": window.ended,
            "seconds": window.seconds,
            "since": window.since,
            "dealloc": window.dealloc,
            "evictions": window.evictions,
            "was_reset": window.was_reset,
            "restarted": window.restarted,
            "total_ms": (window.interval if statements.over_interval else window.lifetime).ms,
            "total_since_reset_ms": window.lifetime.ms,
            "statements": statements.count,
            "slow": statements.slow,
            "unknown": window.unknown if statements.over_interval else 0,
            "hidden": statements.hidden,
            "ours": statements.ours,
            "extension": ".".join(map(str, statements.place.version)),
            "sort": sort,
        },
        "statements": [_statement_keys(each, statements, snapshot.slow_ms) for each in listed(statements, sort)],
        "notes": [*statements.notes, *running_notes(snapshot.running), *(_VIEW_NOTES if view else ())],
    }


_VIEW_NOTES = (
    "Unlike the view slow_queries, this list tells users, databases and nested statements apart, leaves out the"
    " console's own statements, and does not show a minimum or maximum that was reset as 0.",
)


def _statement_keys(each: Statement, statements: StatementsSnapshot, slow_ms: float) -> dict[str, object]:
    known, longest = over_interval(each, statements.place), extremes(each.total)
    return {
        "queryid": str(each.key.queryid),  # 64 bits: as a number it would not survive every JSON reader
        "userid": each.key.userid,
        "dbid": each.key.dbid,
        "toplevel": Unknown("this version of the extension does not tell")
        if each.key.toplevel is None
        else each.key.toplevel,
        "user": each.user,
        "database": each.database,
        "text": each.text,
        "slow": slow(in_window(each, statements), slow_ms),
        "mark": each.mark,
        "share": share(each, statements.window) if statements.over_interval else share_since(each, statements.window),
        "change_percent": change_percent(each),
        "interval": known,
        "since_reset": {
            **_fields(figures(each.total, statements.place)),
            "share": share_since(each, statements.window),
            "min_ms": longest.min_ms,
            "max_ms": longest.max_ms,
            "minmax_since": longest.since,
            "since": Unknown("this version of the extension does not tell")
            if each.total.since is None
            else each.total.since,
        },
    }


def _fields(found: Figures) -> dict[str, object]:
    return {name: getattr(found, name) for name in Figures.__dataclass_fields__}


def _running_keys(running: RunningSnapshot | Unknown) -> object:
    if isinstance(running, Unknown):
        return running
    return [
        {
            "pid": each.pid,
            "queryid": Unknown("the server computes no query identifiers")
            if each.key is None
            else str(each.key.queryid),
            "ms": each.ms,
            "started": each.started,
            "waits_for": each.waits_for,
            "in_statistics": each.counted,
            "user": each.user,
            "database": each.database,
            "text": each.text,
            "text_cut": each.cut,
        }
        for each in running.statements
    ]


def print_queries(out: Console, snapshot: QueriesSnapshot, sort: str, *, view: bool, only_running: bool) -> None:
    """The same for people."""
    look, statements = Look(), snapshot.statements
    if only_running:
        words = running_words(snapshot.running)
        if isinstance(snapshot.running, RunningSnapshot) and not snapshot.running.statements:
            words.insert(0, f"Nothing visible has been running for {snapshot.running.threshold_ms:g} ms or longer.")
        out.print(Text(look.text(" ".join(words), 1_000)))
    else:
        out.print(Text(look.text(headline(snapshot), 1_000)))
    if view and isinstance(statements, StatementsSnapshot):
        out.print(_view(listed(statements, sort), statements))
    elif table := rows(snapshot, look, sort):
        measured = isinstance(statements, StatementsSnapshot) and statements.over_interval
        print_rows(out, columns_for(sort, interval=measured), table, look)
    if isinstance(statements, StatementsSnapshot) and statements.over_interval:
        for reason in sorted(
            {each.delta for each in statements.statements if isinstance(each.delta, Unknown)}, key=str
        ):
            out.print(Text(f"? {look.text(f'{reason.reason}. {reason.remedy}', 600)}"))
    notes = queries_keys(snapshot, sort, view=view, only_running=only_running)["notes"]
    assert isinstance(notes, list)
    for note in notes:
        out.print(Text(f"! {look.text(note, 600)}"))


def _view(shown: list[Statement], statements: StatementsSnapshot) -> Table:
    """The columns of the view slow_queries."""
    lines = []
    for each in shown:
        found, longest = figures(each.total, statements.place), extremes(each.total).max_ms
        text = f"? {each.text.reason}" if isinstance(each.text, Unknown) else each.text
        times = (
            "?" if isinstance(value, Unknown) else f"{value:.2f}" for value in (found.exec_ms, found.mean_ms, longest)
        )
        lines.append((number(found.calls), *times, number(found.rows), one_line(text, 120)))
    titles = ("calls", "total_exec_time", "mean_exec_time", "max_exec_time", "rows", "query")
    return plain_table(titles, lines, right=(0, 1, 2, 3, 4))
