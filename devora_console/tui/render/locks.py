"""Who waits for whom: the blocking trees, as safe text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.snapshot import LockNode, LocksSnapshot, Wanted
from devora_console.postgres.activity.words import locks_headline, state_words
from devora_console.tui.render.activity import session_detail
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look

COLUMNS = (
    Column("who", "who", 16),
    Column("state", "state", 22, rank=3),
    Column("waits", "waits", 6, right=True, rank=1),
    Column("blocks", "blocks", 6, right=True, rank=2),
    Column("lock", "lock", 16, rank=4, grows=True),
    Column("user", "user", 10, rank=5),
    Column("query", "query", 20, rank=6, grows=True),
)
ORDERS: Mapping[str, Callable[[LockNode], tuple[Any, ...]]] = {
    "most blocked": lambda root: (-root.blocks, -_longest(root), root.key),
    "longest wait": lambda root: (-_longest(root), -root.blocks, root.key),
}
_BRANCH = "└ "
_STEP = 2
_DEEPEST = 4


def rows(snapshot: LocksSnapshot, look: Look, order: str, keep: str = "") -> list[Row]:
    """Trees in this order, roots first; a tree with ``keep`` in any of its words is shown whole."""
    found: list[Row] = []
    for root in sorted(snapshot.roots, key=ORDERS[order]):
        nodes = list(_walk(root, 0))
        if any(_holds(node, keep) for node, _ in nodes):
            found += [_row(node, depth, look) for node, depth in nodes]
    return found


def _walk(node: LockNode, depth: int) -> Iterator[tuple[LockNode, int]]:
    yield node, depth
    for each in node.waiters:
        yield from _walk(each, depth + 1)


def _row(node: LockNode, depth: int, look: Look) -> Row:
    verdict = node.finding.verdict
    session = node.session
    query = session.query if session is not None else ""
    cells = {
        "who": (_indent(depth, look) + look.text(_who(node), 80), look.style(verdict)),
        "state": (look.state(verdict, look.text(_state(node), 40)), look.style(verdict)),
        "waits": (_waited(node, look), ""),
        "blocks": (str(node.blocks) if node.blocks else look.plain(NIL), ""),
        "lock": (look.text(_lock(node), 200), ""),
        "user": (look.text(_user(node), 80), ""),
        "query": (look.text(str(query), 300), ""),
    }
    return Row(node.key, cells)


def _indent(depth: int, look: Look) -> str:
    return "" if depth == 0 else " " * _STEP * (min(depth, _DEEPEST) - 1) + look.plain(_BRANCH)


def _who(node: LockNode) -> str:
    return node.prepared.gid if node.prepared is not None else node.key


def _user(node: LockNode) -> str:
    if node.prepared is not None:
        return node.prepared.owner
    return (node.session.user or "") if node.session is not None else ""


def _state(node: LockNode) -> str:
    if node.prepared is not None:
        return "prepared"
    if node.session is None:
        return "not found"
    return state_words(node.session)


def _waited(node: LockNode, look: Look) -> str:
    if node.waits is None:
        return look.plain(NIL)
    return "?" if isinstance(node.waits.seconds, Unknown) else span(node.waits.seconds or 0.0)


def _lock(node: LockNode) -> str:
    """What a waiter wants; what a root holds that others want."""
    if node.waits is not None:
        return f"{_mode(node.waits)} on {node.waits.what}"
    return "; ".join(f"holds {_mode(each)} on {each.what}" for each in node.holds)


def _mode(lock: Wanted) -> str:
    return lock.mode.removesuffix("Lock")


def _longest(node: LockNode) -> float:
    own = node.waits.seconds if node.waits is not None else None
    return max((own if isinstance(own, float) else 0.0, *(_longest(each) for each in node.waiters)))


def _holds(node: LockNode, keep: str) -> bool:
    needle = keep.casefold()
    query = node.session.query if node.session is not None else ""
    words = (node.key, _state(node), _lock(node), _user(node), str(query))
    return any(needle in word.casefold() for word in words)


def headline(snapshot: LocksSnapshot) -> str:
    """How many wait, for whom, and what that one does."""
    return locks_headline(snapshot)


def detail(snapshot: LocksSnapshot, key: str, look: Look) -> Text | None:
    """A node in depth: its verdict, what it holds and waits for, what would free those behind it."""
    node = next((each for root in snapshot.roots for each, _ in _walk(root, 0) if each.key == key), None)
    if node is None:
        return None
    text = Text()
    verdict = node.finding.verdict
    said = [
        ("verdict", f"{look.state(verdict)}: {node.finding.why}"),
        ("does", f"{_who(node)} {node.doing}"),
        ("waits for", _wanted(node)),
        ("behind", ", ".join(node.blocked_by) + _queue(node)),
        ("holds", "; ".join(f"{each.mode} on {each.what}" for each in node.holds)),
        ("blocks", str(node.blocks) if node.blocks else ""),
        ("frees them", node.frees if node.blocks and node.waits is None else ""),
    ]
    for name, words in said:
        if words:
            text.append(f"{name:<12}", style=look.muted)
            text.append(look.text(words, 500) + "\n", style=look.style(verdict) if name == "verdict" else "")
    if node.sql and node.blocks and node.waits is None:
        text.append(look.lines(node.sql) + "\n")
    if node.session is not None:
        text.append("\n")
        text.append_text(session_detail(node.session, look))
    return text


def _wanted(node: LockNode) -> str:
    if node.waits is None:
        return ""
    seconds = node.waits.seconds
    since = f"? ({seconds.reason})" if isinstance(seconds, Unknown) else span(seconds or 0.0)
    return f"{node.waits.mode} on {node.waits.what}, for {since}"


def _queue(node: LockNode) -> str:
    if node.in_cycle:
        return " (a circle: a deadlock the server is about to end)"
    return " (those behind it only stand in its queue)" if node.queued else ""
