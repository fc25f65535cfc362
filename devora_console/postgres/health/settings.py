"""Settings worth a look: few, each with a reason that holds whatever the load is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.snapshot import HealthLine
from devora_console.postgres.health.words import count, size
from devora_console.postgres.watch.guest import Guest

_DEFAULT_BUFFERS = 128 * 1024 * 1024
_TIMES_BUFFERS = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as pg_settings shows it; ``unit`` is what its number counts (8kB, kB, ...)."""

    name: str
    setting: str
    unit: str | None
    source: str
    pending_restart: bool


@dataclass(frozen=True, slots=True)
class SettingsPart:
    """The settings that were looked at."""

    as_of: datetime
    settings: tuple[Setting, ...]
    lines: tuple[HealthLine, ...]


async def read_settings(guest: Guest, now: datetime, database_bytes: int | Unknown) -> SettingsPart | Unknown:
    """The settings of this session, which are those of the server, the database and the role together."""
    rows = await guest.ask("health_settings")
    if isinstance(rows, Unknown):
        return rows
    found = tuple(Setting(**row) for row in rows)
    return SettingsPart(now, found, tuple(judge_settings(found, database_bytes, guest.host.block_size)))


def judge_settings(found: tuple[Setting, ...], database_bytes: int | Unknown, block_size: int) -> list[HealthLine]:
    """A line for each that is worth a look, or one that says that none is."""
    by_name = {each.name: each for each in found}
    lines = [_off(by_name[name], *words) for name, words in _OFF.items() if _is(by_name, name, "off")]
    lines += [_on(by_name[name], why) for name, why in _ON.items() if _is(by_name, name, "on")]
    lines += _buffers(by_name, database_bytes, block_size)
    lines += _memory(by_name)
    lines += [_pending(each) for each in found if each.pending_restart]
    if not any(line.verdict in (Verdict.FAIL, Verdict.WARN) for line in lines):
        names = ", ".join([*_OFF, *_ON, "shared_buffers"])
        lines.append(
            HealthLine(
                "settings.summary",
                "settings",
                "settings",
                Verdict.OK,
                "none of the settings looked at is known to do harm",
                why=f"Looked at: {names}, and whether any waits for a restart.",
                sql="SELECT name, setting FROM pg_settings WHERE source <> 'default';",
            )
        )
    return lines


_OFF: Mapping[str, tuple[Verdict, str, str]] = {
    "fsync": (Verdict.FAIL, "a crash of the machine can destroy the whole cluster", "Turn it on."),
    "full_page_writes": (
        Verdict.FAIL,
        "a crash of the machine can leave torn pages that recovery cannot mend",
        "Turn it on, unless the file system guarantees that pages of this size are written whole.",
    ),
    "autovacuum": (Verdict.FAIL, "dead rows and old transaction ids pile up", "Turn it on."),
    "track_counts": (Verdict.FAIL, "autovacuum does nothing, and no statistics are counted", "Turn it on."),
    "track_activities": (Verdict.WARN, "what sessions do cannot be seen", "Turn it on."),
    "track_io_timing": (
        Verdict.NONE,
        "times of reads and writes are not measured: where they stand as 0 they are unknown",
        "Turn it on where the clock is cheap to read (pg_test_timing).",
    ),
    "synchronous_commit": (
        Verdict.WARN,
        "a crash can lose transactions that were reported as committed (without damage to the rest)",
        "Turn it on, or leave it to the sessions that can bear the loss.",
    ),
}
_OWN = {
    "user": "for this user",
    "database": "for this database",
    "database user": "for this user here",
    "client": "for this session",
    "session": "for this session",
}
"""Sources of a value that is not the server's, which it hides."""

_ON: Mapping[str, str] = {
    "zero_damaged_pages": "damaged pages are emptied silently when they are read",
    "ignore_checksum_failure": "pages with a wrong checksum are used as if nothing were wrong",
}


def _is(by_name: Mapping[str, Setting], name: str, value: str) -> bool:
    return name in by_name and by_name[name].setting == value


def _off(setting: Setting, verdict: Verdict, text: str, remedy: str) -> HealthLine:
    if setting.source in _OWN:
        return _own(setting)
    remedy, sql = _change(setting, remedy, f"ALTER SYSTEM SET {setting.name} = on;\nSELECT pg_reload_conf();")
    return _worth(setting, verdict, f"off: {text}", f"{_source(setting)} {text.capitalize()}.", remedy, "on", sql)


def _on(setting: Setting, text: str) -> HealthLine:
    if setting.source in _OWN:
        return _own(setting)
    remedy, sql = _change(setting, "Turn it off.", f"ALTER SYSTEM RESET {setting.name};\nSELECT pg_reload_conf();")
    why = f"{_source(setting)} It is meant for saving what is left of damaged data, not for operation."
    return _worth(setting, Verdict.FAIL, f"on: {text}", why, remedy, "off", sql)


def _change(setting: Setting, remedy: str, sql: str) -> tuple[str, str]:
    """The remedy and its SQL: what the command line gives, no configuration file overrides."""
    if setting.source != "command line":
        return remedy, sql
    more = f"The server's command line sets it (-c {setting.name}), which no ALTER SYSTEM overrides: start it without."
    return f"{remedy} {more}", f"SHOW {setting.name};"


def _own(setting: Setting) -> HealthLine:
    text = f"{setting.setting} {_OWN[setting.source]}; what the server is set to is hidden by that"
    sql = "SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting;"
    why = f"{_source(setting)} The value of this session says nothing of other sessions."
    return _worth(setting, Verdict.UNKNOWN, text, why, "", None, sql)


def _buffers(by_name: Mapping[str, Setting], database_bytes: int | Unknown, block_size: int) -> list[HealthLine]:
    setting = by_name.get("shared_buffers")
    if setting is None or isinstance(database_bytes, Unknown):
        return []
    held = int(setting.setting) * block_size
    if held > _DEFAULT_BUFFERS or database_bytes < _TIMES_BUFFERS * held:
        return []
    why = (
        f"It is not above PostgreSQL's default of 128 MiB, and this database is {database_bytes / held:.0f} times as "
        f"large. Whether that hurts, the cache hit ratio says. Looked at from {_TIMES_BUFFERS} times on."
    )
    text = f"{size(held)} for a database of {size(database_bytes)}: the default, which suits no large database"
    remedy = "A quarter of the machine's memory is the usual start; it needs a restart."
    return [_worth(setting, Verdict.WARN, text, why, remedy, None, "SHOW shared_buffers;")]


def _memory(by_name: Mapping[str, Setting]) -> list[HealthLine]:
    """A fact, not a verdict: the server does not tell how much memory its machine has."""
    work, sessions = by_name.get("work_mem"), by_name.get("max_connections")
    if work is None or sessions is None:
        return []
    most = int(work.setting) * 1024 * int(sessions.setting)
    text = (
        f"{size(int(work.setting) * 1024)} × {count(int(sessions.setting))} connections = {size(most)}, "
        "if each used it once"
    )
    why = (
        "work_mem is a limit for each sort or hash: one statement may use several, hashes hash_mem_multiplier times as "
        "much, parallel workers each their own. Compare with the machine's memory, which PostgreSQL does not tell."
    )
    return [_worth(work, Verdict.NONE, text, why, "", None, "SHOW work_mem;")]


def _pending(setting: Setting) -> HealthLine:
    text = "was changed in the configuration and waits for a restart"
    why = "pg_settings.pending_restart. What is in effect is not what the file says."
    sql = "SELECT name, setting, sourcefile, sourceline FROM pg_file_settings;"
    return _worth(setting, Verdict.WARN, text, why, "Restart the server when it suits.", None, sql)


def _source(setting: Setting) -> str:
    return f"{setting.name} is {setting.setting} (from: {setting.source})."


def _worth(
    setting: Setting, verdict: Verdict, text: str, why: str, remedy: str, threshold: str | None, sql: str
) -> HealthLine:
    return HealthLine(
        f"settings.{setting.name}" + (".restart" if setting.pending_restart and "restart" in text else ""),
        "settings",
        f"setting {setting.name}",
        verdict,
        text,
        value=setting.setting,
        threshold=threshold,
        why=why,
        remedy=remedy,
        sql=sql,
    )
