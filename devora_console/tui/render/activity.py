"""The sessions of a server, as safe text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.judge import worst_first
from devora_console.postgres.activity.snapshot import ActivitySnapshot, Session
from devora_console.postgres.activity.words import (
    activity_headline,
    query_words,
    session_words,
    state_words,
    wait_words,
)
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look

COLUMNS = (
    Column("pid", "pid", 7, right=True),
    Column("state", "state", 22, rank=1),
    Column("age", "age", 6, right=True),
    Column("wait", "wait", 14, rank=2),
    Column("user", "user", 10, rank=4),
    Column("app", "app", 12, rank=6),
    Column("database", "database", 12, rank=5),
    Column("query", "query", 16, grows=True, rank=3),
)
ORDERS: Mapping[str, Callable[[Session], tuple[Any, ...]]] = {
    "worst first": worst_first,
    "age": lambda each: (-(each.seconds or 0.0), each.pid),
    "transaction": lambda each: (-(each.transaction_seconds or 0.0), each.pid),
    "user": lambda each: (each.user or "", each.pid),
    "database": lambda each: (each.database or "", each.pid),
    "pid": lambda each: (each.pid,),
}
_SPARE = (Verdict.OK, Verdict.NONE)


def rows(snapshot: ActivitySnapshot, look: Look, order: str, keep: str = "") -> list[Row]:
    """One row per session that holds ``keep`` in any of its words."""
    return [row_of(each, look) for each in sorted(snapshot.sessions, key=ORDERS[order]) if _holds(each, keep)]


def row_of(session: Session, look: Look) -> Row:
    """The row of one session."""
    verdict = session.finding.verdict
    style = look.style(verdict)
    age = session.seconds
    cells = {
        "pid": (str(session.pid), style),
        "state": (look.state(verdict, look.text(state_words(session), 40)), style),
        "age": ("?" if session.hidden else look.plain(NIL) if age is None else span(age), ""),
        "wait": (look.text(wait_words(session), 60), ""),
        "user": (look.text(session.user or "", 80), ""),
        "app": (look.text(session.application, 80), ""),
        "database": (look.text(session.database or "", 80), ""),
        "query": (_query(session, look), look.muted if session.state != "active" else ""),
    }
    return Row(str(session.pid), cells)


def _query(session: Session, look: Look) -> str:
    if isinstance(session.query, Unknown):
        return look.text(str(session.query), 200)
    return look.text(session.query, 300)


def _holds(session: Session, keep: str) -> bool:
    needle = keep.casefold()
    query = session.query if isinstance(session.query, str) else ""
    words = (
        str(session.pid),
        state_words(session),
        wait_words(session),
        session.user or "",
        session.application,
        session.database or "",
        query,
    )
    return any(needle in word.casefold() for word in words)


def headline(snapshot: ActivitySnapshot) -> str:
    """The worst thing first, in plain words."""
    return activity_headline(snapshot)


def detail(snapshot: ActivitySnapshot, key: str, look: Look) -> Text | None:
    """A session in depth: how its verdict was reached, everything that is known of it, its query whole."""
    session = next((each for each in snapshot.sessions if str(each.pid) == key), None)
    return session_detail(session, look) if session is not None else None


def session_detail(session: Session, look: Look) -> Text:
    """Names and words, then the text of the query."""
    text = Text()
    for name, words in session_words(session):
        style = look.style(session.finding.verdict) if name == "verdict" else ""
        sign = f"{look.sign(session.finding.verdict)} " if name == "verdict" else ""
        text.append(f"{name:<12}", style=look.muted)
        text.append(f"{sign}{look.text(words, 400)}\n", style=style)
    text.append(look.plain(query_words(session)) + "\n", style=look.muted)
    if isinstance(session.query, str):
        text.append(look.lines(session.query))
        if session.query_truncated:
            text.append(look.plain(" …"), style=look.muted)
    return text
