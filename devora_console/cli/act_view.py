"""Acts for people: the preview, and what came of it."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.log import Logged
from devora_console.postgres.acts.model import ON_INDEXES, Outcome, Plan, Result

_WIDEST = 100
_SIGNS = {
    Outcome.DONE: "✓ done and verified",
    Outcome.UNVERIFIED: "✗ not verified",
    Outcome.STOPPED: "‖ stopped early",
    Outcome.UNKNOWN: "? unknown whether it finished",
    Outcome.FAILED: "✗ failed",
    Outcome.INTERRUPTED: "‖ interrupted",
}
_LOCKED = "55P03"


def print_preview(out: Console, plan: Plan, *, done: bool) -> None:
    """What it does, what it locks and for how long, the exact SQL, the way back, and how to confirm it."""
    preview = plan.preview
    out.print(Text(one_line(preview.title, 300), style="bold"))
    _prose(out, "does", preview.consequence)
    _prose(out, "locks", preview.locks)
    _exact(out, "sql", preview.sql)
    if isinstance(plan.undo, Unknown):
        _prose(out, "way back", f"? {plan.undo.reason}")
    elif plan.undo:
        _exact(out, "way back", plan.undo)
    if not done:
        _exact(out, "to do it", preview.command)


def print_result(out: Console, plan: Plan, result: Result) -> None:
    """The verdict, what was looked at, what the server said, what lies about and how to clear it."""
    out.print()
    out.print(Text(f"{_SIGNS[result.outcome]} after {span(result.seconds)}"))
    for check in result.checks:
        sign = "?" if isinstance(check.ok, Unknown) else "✓" if check.ok else "✗"
        why = f" ({check.ok.reason})" if isinstance(check.ok, Unknown) else ""
        out.print(Text(f"  {sign} {one_line(check.what + why, 300)}"))
    for notice in result.notices:
        out.print(Text(f"  · {one_line(notice, 300)}"))
    if isinstance(result.leftovers, Unknown):
        out.print(Text(f"  ? whether anything is left behind: {one_line(result.leftovers.reason, 300)}"))
        return
    if plan.request.kind in ON_INDEXES and not result.leftovers and result.outcome is not Outcome.DONE:
        out.print(Text("  ✓ no invalid index is left behind"))
    for left in result.leftovers:
        out.print(Text(f"  ! left behind: {one_line(left.index, 200)}, {left.why}"))
        for line in safe(left.sql).splitlines():
            out.print(Text(f"      {line}"))


def print_logged(out: Console, entry: Logged) -> None:
    """One line of when, where and what came of it; then the statement as it was sent."""
    took = "" if entry.seconds is None else f" after {span(entry.seconds)}"
    state = f" (SQLSTATE {entry.sqlstate})" if entry.sqlstate else ""
    out.print(Text(one_line(f"{entry.at[:19]}Z  {entry.result}{state}{took}  {entry.server}  by {entry.user}", 300)))
    out.print(Text(f"  {one_line(entry.sql, 2_000)};"))
    if entry.message:
        out.print(Text(f"  {one_line(entry.message, 400)}"))


def problem_of(plan: Plan, result: Result) -> tuple[Problem, ...]:
    """The one thing that is wrong, when something is."""
    if result.outcome is Outcome.DONE:
        return ()
    kind = plan.request.kind
    if result.sqlstate == _LOCKED:
        message = f"{kind} gave up after {span(plan.lock_timeout)} of waiting for a lock or an older transaction"
        return (Problem("lock_timeout", message, "See: devora-console locks; then again, or with --lock-timeout"),)
    if result.outcome is Outcome.UNVERIFIED:
        said = result.message or "the server reported no error, but the effect is not to be seen"
        return (Problem("not_verified", f"{kind}: {said}", "Look at the checks above"),)
    if result.outcome is Outcome.UNKNOWN:
        return (Problem("unknown", f"{kind}: {result.message}", "Look at the checks above before it is done again"),)
    code = {Outcome.STOPPED: "stopped", Outcome.INTERRUPTED: "interrupted"}.get(result.outcome, "failed")
    remedy = "Clear what is left behind, then do it again" if result.leftovers else "It can be done again"
    return (Problem(code, f"{kind}: {result.message}", "" if code == "failed" else remedy),)


def _prose(out: Console, name: str, words: str) -> None:
    width = min(out.width, _WIDEST) - 10
    for at, line in enumerate(_folded(one_line(words, 2_000), max(20, width))):
        out.print(Text(f"{name if at == 0 else '':<10}{line}"))


def _folded(words: str, width: int) -> list[str]:
    """Names and options stay whole: they are there to be copied."""
    return textwrap.wrap(words, width, break_on_hyphens=False, break_long_words=False)


def _exact(out: Console, name: str, words: str) -> None:
    """Never folded: it is there to be copied."""
    for at, line in enumerate(safe(words).splitlines()):
        out.print(Text(f"{name if at == 0 else '':<10}{line}"))
