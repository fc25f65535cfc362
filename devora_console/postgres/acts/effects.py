"""What an act brings about, what it locks and for how long, and what to do instead: in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devora_console.core.clock import span
from devora_console.core.problems import refused, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.model import Request
from devora_console.postgres.acts.things import Thing

OPTIONS = {
    "autovacuum_vacuum_scale_factor": "--scale-factor",
    "autovacuum_vacuum_threshold": "--threshold",
    "autovacuum_analyze_scale_factor": "--analyze-scale-factor",
    "autovacuum_analyze_threshold": "--analyze-threshold",
}
_DUE = (
    ("vacuum", "autovacuum_vacuum_scale_factor", "autovacuum_vacuum_threshold", "scale", "threshold"),
    (
        "analyze",
        "autovacuum_analyze_scale_factor",
        "autovacuum_analyze_threshold",
        "analyze_scale",
        "analyze_threshold",
    ),
)
_FAST, _SLOW = 200e6, 20e6  # bytes a second that a rewrite gets through, from good to poor disks
_MOST_ROWS = 2_147_483_647
COPY = re.compile(r"_cc(new|old)\d*$")
"""How the copies of a rebuild are called that was broken off."""
_OFF = ("false", "off", "no", "0", "f", "n", "of")  # as people wrote it: the catalogue keeps their words


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the relation alone, and with indexes and TOAST; not exact when it could not be measured, and None where
    not even the planner's page count tells.
    """

    own: int | None
    total: int | None
    exact: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """The two sentences of a preview."""

    consequence: str
    locks: str


def vacuum(thing: Thing, older: str) -> Effect:
    """VACUUM of one table."""
    return Effect(
        f"Makes the space of deleted rows usable again ({_dead(thing)}); gives none back to the system but at the end "
        "of the file.",
        "ShareUpdateExclusiveLock: reads and writes go on; other vacuums, index builds and ALTER TABLE wait. "
        "To shorten the file it takes AccessExclusiveLock for a moment at its end, if nobody else is there. "
        + _seen(older),
    )


def _dead(thing: Thing) -> str:
    """Statistics that began anew, after a crash or a reset, count nothing: that is not the same as no dead rows."""
    if thing.live == 0 and thing.dead == 0 and thing.rows != 0:
        return "how many is ?: the statistics have counted nothing in it yet"
    return f"{thing.dead} dead rows counted"


def vacuum_database(name: str, older: str) -> Effect:
    """VACUUM of everything."""
    return Effect(
        f"Vacuums every table of database {name}, one after the other, catalogue included.",
        "ShareUpdateExclusiveLock on one table at a time: reads and writes go on. It reads whatever has changed, so it "
        f"may load the disks for long; autovacuum does the same with pauses. {_seen(older)}",
    )


def vacuum_full(words: str, size: Size, patience: float, *, whole: bool = False) -> Effect:
    """VACUUM FULL of a table, or of the ``whole`` database, and what to do instead."""
    room = (
        "as much free disk meanwhile as its largest table takes" if whole else f"up to {human(size.total)} free on disk"
    )
    held = "AccessExclusiveLock on one table at a time, the catalogue too" if whole else "AccessExclusiveLock"
    return Effect(
        f"Writes {words} anew without its dead space; needs {room}.",
        f"{held}: nobody can read or write it, and everybody who tries queues up, for "
        f"{lasting(size)}; before that, while it waits for the lock, for up to {span(patience)} (--lock-timeout). "
        "Instead: act vacuum (space is used again, nobody waits), act reindex for "
        "bloated indexes, or pg_repack when the space must go back to the system.",
    )


def analyze(words: str) -> Effect:
    """ANALYZE."""
    return Effect(
        f"Takes a sample of {words} and gives the planner fresh statistics; plans may change.",
        "ShareUpdateExclusiveLock: reads and writes go on; vacuum and ALTER TABLE wait. Seconds to a minute per table.",
    )


def reindex(thing: Thing, indexes: Sequence[Any] | Unknown, older: str, patience: float) -> Effect:
    """REINDEX CONCURRENTLY of an index or of all of a table."""
    left = ""
    if isinstance(indexes, Unknown):
        what, room = f"the indexes of {thing.words}", "as much"
    else:
        single = thing.kind == "i"
        # Of a whole table the server passes over what is invalid.
        meant = [row for row in indexes if row["meant"] and not row["exclusion"] and (single or row["valid"])]
        total = Size(sum(row["about_bytes"] for row in meant), sum(row["about_bytes"] for row in meant), exact=False)
        what = thing.words if single else f"{len(meant)} index{'' if len(meant) == 1 else 'es'} of {thing.words}"
        room = f"about {human(total.total)} (as of the last vacuum or analyze)"
        skipped = [row["name"] for row in indexes if row["meant"] and row["exclusion"]]
        if skipped:
            what += f" (not {', '.join(skipped)}: exclusion constraints cannot be rebuilt so)"
        broken = [row["name"] for row in indexes if not (row["valid"] or row["at_work"] or row["oid"] == thing.oid)]
        if broken:
            left = f" Left invalid by something earlier, and stays so: {', '.join(broken)} (see: indexes --invalid)."
    if thing.kind == "i" and not thing.valid and COPY.search(thing.name):
        left += " It is what an earlier rebuild left behind, of no use even when whole: better act drop-index."
    return Effect(
        f"Builds {what} anew beside what is there and changes over; needs {room} more disk meanwhile.{left}",
        "ShareUpdateExclusiveLock: reads and writes go on. It reads the table twice, and waits three times for every "
        f"older transaction. {_waits(older, patience)}",
    )


def reindex_database(indexes: Sequence[Any] | Unknown, older: str, patience: float) -> Effect:
    """REINDEX DATABASE CONCURRENTLY, and what to do instead."""
    size, what = Size(None, None, exact=False), "every index (how many: ?)"
    if not isinstance(indexes, Unknown):
        rows = [row for row in indexes if row["valid"] and not row["exclusion"] and not row["toast"]]
        every = sum(row["about_bytes"] for row in rows)
        size, what = Size(every, every, exact=False), f"{len(rows)} indexes"
    return Effect(
        f"Builds {what} of the database anew, one after the other ({human(size.total)}); the system catalogue and "
        "exclusion constraints are left out.",
        f"ShareUpdateExclusiveLock on one table at a time: reads and writes go on, but the disks are busy for "
        f"{lasting(size)} at the least, and for every index it waits for every older transaction. Without "
        "CONCURRENTLY, as often recommended, each table would refuse writes and its indexes reads meanwhile. Instead: "
        f"act reindex for the few indexes that need it (indexes --all, health --bloat). {_waits(older, patience)}",
    )


def drop_index(thing: Thing, size: Size, older: str, patience: float) -> Effect:
    """DROP INDEX CONCURRENTLY."""
    loses = f"Frees {human(size.own)} and what each write to {thing.table_name} pays for it; "
    loses += "queries that use it slow down." if thing.valid else "it is invalid, so no query uses it."
    if thing.unique and thing.twin is not None:
        loses += f" It is UNIQUE; {thing.twin} goes on refusing the same duplicates"
        loses += "." if thing.twin_same else ", but ON CONFLICT on all of its columns fails."
    elif thing.unique:
        loses += " It is UNIQUE: duplicates will be accepted from then on, and ON CONFLICT on its columns fails."
    if thing.replica_identity:
        loses += " It is the replica identity: UPDATE and DELETE will fail on a published table."
    return Effect(
        loses,
        "ShareUpdateExclusiveLock on the table: reads and writes go on. It waits for every older transaction that may "
        f"use the index. {_waits(older, patience)}",
    )


def autovacuum(request: Request, thing: Thing, row: Any) -> Effect:
    """From how many dead rows on the table is vacuumed, before and after."""
    options = dict(option.partition("=")[::2] for option in row["options"])
    after = {} if request.reset else {**options, **request.options}
    words = []
    for verb, *keys in _DUE:
        old, new = (_due(each, row, thing.rows, *keys) for each in (options, after))
        words += [f"{verb} after {new} instead of {old}"] if new != old else []
    if not words:
        words.append("no limit moves")
    idle = ""
    if not row["on"]:
        idle = " But autovacuum is off on this server (autovacuum, track_counts): until it is on, nothing comes of it."
    elif options.get("autovacuum_enabled", "true").lower() in _OFF:
        idle = " But it is switched off for this table (autovacuum_enabled): until that is reset, nothing comes of it."
    return Effect(
        f"Autovacuum sees to {thing.words} earlier or later: {'; '.join(words)}.{idle}",
        "ShareUpdateExclusiveLock for a moment: reads and writes go on; it waits for a vacuum in progress, while "
        "an autovacuum gives way.",
    )


def _due(options: dict[str, Any], row: Any, rows: float, scale: str, threshold: str, own: str, own_base: str) -> str:
    factor = float(options.get(scale, row[own]))
    base = float(options.get(threshold, row[own_base]))
    if rows < 0:
        return f"{base:.0f} changed rows + {factor:g} of all (how many: ? never analysed)"
    due = base + factor * rows
    most = options.get("autovacuum_vacuum_max_threshold", row["most"])
    if scale == "autovacuum_vacuum_scale_factor" and most is not None and float(most) >= 0:
        due = min(due, float(most))  # 18 and later
    return f"{due:.0f} changed rows"


def storage(request: Request, thing: Thing, row: Any) -> tuple[str, str]:
    """The ALTER TABLE and the one that takes it back. Raises ConsoleError for values out of range, or nothing to do."""
    if bool(request.options) == request.reset:
        raise usage_error("options", "give values to set, or --reset", "See: devora-console act autovacuum --help")
    before = dict(option.partition("=")[::2] for option in row["options"])
    alter = f"ALTER {'MATERIALIZED VIEW' if thing.kind == 'm' else 'TABLE'} {thing.quoted}"
    if request.reset:
        names = sorted(name for name in before if name in OPTIONS)
        if not names:
            raise refused("nothing_to_do", f"{thing.words} has none of these settings of its own", "Nothing to reset")
        return f"{alter} RESET ({', '.join(names)})", f"{alter} SET ({_pairs({n: before[n] for n in names})});"
    for name, value in request.options.items():
        most = 100 if "scale" in name else _MOST_ROWS
        if not 0 <= value <= most:
            raise usage_error("range", f"{OPTIONS[name]} {format_value(value)} is not between 0 and {most}")
    undo = []
    if old := {name: before[name] for name in request.options if name in before}:
        undo.append(f"{alter} SET ({_pairs(old)});")
    if new := [name for name in request.options if name not in before]:
        undo.append(f"{alter} RESET ({', '.join(new)});")
    return f"{alter} SET ({_pairs(request.options)})", "\n".join(undo)


def _pairs(options: Any) -> str:
    return ", ".join(f"{name} = {format_value(value)}" for name, value in options.items())


def format_value(value: float | str) -> str:
    """A number as SQL: never with an exponent; what the catalogue holds as it is there."""
    return value if isinstance(value, str) else f"{value:.10f}".rstrip("0").rstrip(".")


def _seen(older: str) -> str:
    return f"Rows that older transactions may still see stay: {older}." if older else "No older transaction is open."


def _waits(older: str, patience: float) -> str:
    limit = f"It gives up after {span(patience)} of waiting (--lock-timeout)"
    return f"{limit}; {older}." if older else f"{limit}; no older transaction is open just now."


def lasting(size: Size) -> str:
    """How long a rewrite lasts, by size, for disks between poor and good: an estimate, and said to be one."""
    if size.total is None:
        return "a time that cannot be told, as its size is not known just now"
    low, high = size.total / _FAST, size.total / _SLOW
    guess = "" if size.exact else ", size as of the last vacuum or analyze"
    if high < 1:
        return f"a second or less ({human(size.total)}{guess})"
    return f"about {span(max(low, 0.1))} to {span(high)} ({human(size.total)} at 20 to 200 MB/s{guess})"


def human(count: float | None) -> str:
    """Bytes with a decimal unit.

    >>> human(512), human(44_100_000), human(None)
    ('512 B', '44.1 MB', '? bytes')
    """
    if count is None:
        return "? bytes"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
