"""The checklist of gates and the timeline of events, line by line. Pure."""

from __future__ import annotations

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.gates import GateClass
from devora_console.cutover.gating import GateLine
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.telling import words
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.cutover import moment
from devora_console.tui.render.look import NIL, Look

GATE_COLUMNS = (
    Column("state", "state", 9, rank=0),
    Column("class", "class", 8, rank=3),
    Column("item", "item", 4, right=True, rank=6),
    Column("title", "gate", 20, grows=True, rank=1),
    Column("value", "found", 14, grows=True, rank=2),
    Column("age", "age/limit", 10, right=True, rank=4),
)
EVENT_COLUMNS = (
    Column("at", "at", 8, rank=0),
    Column("actor", "who", 10, rank=3),
    Column("words", "what", 30, grows=True, rank=1),
    Column("hash", "hash", 8, rank=4),
)


def gate_rows(seen: CutoverSnapshot, look: Look) -> list[Row]:
    """Every gate, in the runbook's order."""
    return [_gate(each, look) for each in seen.gates]


def gate_class(gate: GateLine) -> str:
    """Who says so: the console, or a person."""
    return (GateClass.ATTESTED if gate.attested else GateClass.MEASURED).value.upper()


def gate_state(gate: GateLine, look: Look) -> tuple[str, str]:
    """Sign and word, with their style. One that is passed by is never green."""
    if gate.waiver and gate.verdict is not Verdict.OK:
        return look.state(Verdict.WARN, "waived"), look.style(Verdict.WARN)
    return look.state(gate.verdict), look.style(gate.verdict)


def gate_age(gate: GateLine) -> str:
    """How old the finding is, against how old it may be."""
    return f"{NIL if gate.age_seconds is None else _rough(gate.age_seconds)}/{_rough(gate.ttl_seconds)}"


def _rough(seconds: float) -> str:
    """One unit where that says enough: a limit of 72 hours is 3d."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{seconds / 60:.0f}m"
    return f"{seconds / 3600:.0f}h" if seconds < 86_400 * 2 else f"{seconds / 86_400:.0f}d"


def _gate(gate: GateLine, look: Look) -> Row:
    value = gate.value
    if gate.waiver and gate.verdict is not Verdict.OK:
        value = f"by {gate.waived_by}: {gate.waiver}"
    elif gate.attested and gate.actor:
        value = f"{gate.actor}: {gate.value}"
    elif gate.verdict is Verdict.UNKNOWN and gate.why:
        value = gate.why
    elif gate.phase != "start" and gate.age_seconds is None:
        value = f"asked before {gate.phase}"
    cells = {
        "state": gate_state(gate, look),
        "class": (gate_class(gate), ""),
        "item": (str(gate.item) if gate.item is not None else "", ""),
        "title": (look.text(gate.title), ""),
        "value": (look.text(value), ""),
        "age": (look.plain(gate_age(gate)), ""),
    }
    return Row(gate.id, cells)


def gate_limit(gate: GateLine) -> str:
    """The limit of its age in full."""
    return span(gate.ttl_seconds)


def event_rows(seen: CutoverSnapshot, look: Look) -> list[Row]:
    """What happened, newest last."""
    return [
        Row(
            str(each.seq),
            {
                "at": (moment(each.at, seen.as_of), ""),
                "actor": (look.text(each.actor, 40), ""),
                "words": (look.text(words(each), 400), ""),
                "hash": (look.text(each.hash[:8], 8), look.muted),
            },
        )
        for each in seen.events
    ]
