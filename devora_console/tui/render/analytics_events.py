"""How far events have come, as rows. Pure."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text

from devora_console.analytics.delivery import DeliverySnapshot
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.doctor.events import verdict_of
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import whole

COLUMNS = (
    Column("what", "events", 22, rank=0),
    Column("value", "", 12, right=True, rank=0),
    Column("about", "", 30, grows=True, rank=1),
)
_MEANING = {
    "spooled": "on this machine's disk, not in the database yet",
    "stored": "in analytics_events",
    "delivered": "PostHog confirmed them",
    "waiting": "in the database, to be sent to PostHog",
    "refused": "PostHog refused them, for good",
    "untracked": "did not come by track_event: nothing sends them",
}


def rows(seen: DeliverySnapshot, look: Look) -> list[Row]:
    """Counts first, then moments, then what was not kept."""
    out = [_row(name, getattr(seen, name), about, look) for name, about in _MEANING.items()]
    out += [
        _moment("oldest waiting", seen.oldest_waiting_at, seen.at, look),
        _moment("next attempt", seen.next_due_at, seen.at, look),
        _moment("last delivered", seen.last_delivered_at, seen.at, look),
        _moment("last error", seen.last_error_at, seen.at, look, str(seen.last_error or "")),
    ]
    out.append(_text("PostHog", "sending" if seen.configured else "not sending", seen.fault or seen.host, look))
    if isinstance(seen.dropped, Unknown):
        return [*out, _text("dropped", "?", seen.dropped.reason, look)]
    for kind, counted in (("property", seen.dropped.properties), ("event", seen.dropped.events)):
        for name, count in sorted(counted.items(), key=lambda item: -item[1]):
            about = "not in the allow-list" if kind == "property" else "not kept"
            out.append(_text(f"dropped {kind}", whole(count), f"{name}: {about}", look, key=f"{kind}.{name}"))
    return out


def _row(name: str, value: int | Unknown, about: str, look: Look) -> Row:
    if isinstance(value, Unknown):
        return _text(name, "?", value.reason, look)
    return _text(name, look.plain(whole(value)), about, look)


def _moment(name: str, value: datetime | Unknown | None, now: datetime, look: Look, about: str = "") -> Row:
    if value is None:
        return _text(name, look.plain(NIL), about, look)
    if isinstance(value, Unknown):
        return _text(name, "?", value.reason, look)
    seconds = (now - value).total_seconds()
    words = f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"
    return _text(name, words, about or iso(value.replace(microsecond=0)), look)


def _text(name: str, value: str, about: str, look: Look, key: str | None = None) -> Row:
    muted = look.muted if value in ("?", look.plain(NIL)) else ""
    cells = {"what": (look.text(name, 60), ""), "value": (value, muted), "about": (look.text(about, 300), look.muted)}
    return Row(key or name, cells)


def headline(seen: DeliverySnapshot) -> str:
    """How delivery stands, and what to do."""
    verdict, text, remedy = verdict_of(seen)
    begin = {Verdict.WARN: "Events do not all arrive: ", Verdict.UNKNOWN: "Not known: ", Verdict.NONE: ""}
    return f"{begin.get(verdict, 'Events: ')}{text}. {remedy}".rstrip(" .") + "."


def detail(seen: DeliverySnapshot, key: str, look: Look) -> Text | None:
    """One line in depth."""
    row = next((each for each in rows(seen, look) if each.key == key), None)
    if row is None:
        return None
    out = Text(end="")
    out.append(row.cells["what"][0], style="bold")
    out.append(f"\n{row.cells['value'][0]}  {row.cells['about'][0]}")
    value = getattr(seen, key, None)
    if isinstance(value, Unknown) and value.remedy:
        out.append("\n" + look.plain("→ ") + look.text(value.remedy, 300))
    if key.startswith("property."):
        out.append(
            "\n\n" + look.text("Properties are kept when the catalogue of events or analytics.allow names them.")
        )
    return out
