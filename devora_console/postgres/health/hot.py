"""HOT updates: those that need no new index entries. Two things prevent them, and from 16 on they can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge
from devora_console.postgres.health.options import integer, parse_options
from devora_console.postgres.health.snapshot import HealthLine, only_first, unknown_line
from devora_console.postgres.health.words import count, figure, percent
from devora_console.postgres.names import quoted
from devora_console.postgres.watch.guest import Guest

_MOST_LINES = 5
_FILLFACTORS = (85, 70, 50)  # the next lower one is proposed
_LEAST_FILLFACTOR = _FILLFACTORS[-1]
_SQL = "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables ORDER BY n_tup_upd - n_tup_hot_upd DESC;"


@dataclass(frozen=True, slots=True)
class HotRatio:
    """Updates of a table since the counters began, how many were HOT, and (16 and later, else None) how many had to
    go to another page. ``fillfactor`` in percent is what the table has now.
    """

    oid: int
    schema: str
    name: str
    updates: int
    hot: int
    new_page: int | None
    fillfactor: int = 100


async def read_hot(guest: Guest, settings: HealthSettings) -> tuple[HotRatio, ...] | Unknown:
    """Tables with enough updates to judge."""
    rows = await guest.ask("health_hot", settings.hot_min_updates)
    if isinstance(rows, Unknown):
        return rows
    return tuple(
        HotRatio(
            row["oid"],
            row["schema"],
            row["name"],
            row["updates"],
            row["hot"],
            row["new_page"],
            integer(parse_options(row["options"]), "fillfactor", 100),
        )
        for row in rows
    )


def judge_hot(ratios: Sequence[HotRatio] | Unknown, age: StatsAge, settings: HealthSettings) -> list[HealthLine]:
    """Tables whose updates are rarely HOT, with the cause where it is known. Nothing is said of the others."""
    if isinstance(ratios, Unknown):
        return [unknown_line("vacuum.hot", "HOT updates", ratios)]
    lines = [line for each in ratios if (line := _line(each, age, settings)) is not None]
    return only_first(lines, _MOST_LINES, "tables")


def _line(each: HotRatio, age: StatsAge, settings: HealthSettings) -> HealthLine | None:
    name = quoted(each.schema, each.name)
    cause = _cause(each, settings)
    if cause is None:
        return None
    said, remedy, sql = cause
    return HealthLine(
        f"vacuum.hot.{each.oid}",
        "vacuum",
        f"HOT updates {each.schema}.{each.name}",
        Verdict.WARN,
        f"{percent(each.hot, each.updates)} of {count(each.updates)} updates were HOT ({age.words}): {said}",
        value=100 * each.hot / each.updates,
        threshold=settings.hot_percent,
        why=f"n_tup_hot_upd / n_tup_upd, judged from {figure(settings.hot_min_updates)} updates on. Named when "
        f"{figure(settings.hot_newpage_percent)} % of updates go to another page (16 and later), or below "
        f"{figure(settings.hot_percent)} % HOT of those that stay.",
        remedy=remedy,
        sql=sql.format(name=name) if sql else _SQL,
    )


def _cause(each: HotRatio, settings: HealthSettings) -> tuple[str, str, str] | None:
    new_page = each.new_page
    if new_page is not None and 100 * new_page >= settings.hot_newpage_percent * each.updates:
        said = f"{percent(new_page, each.updates)} found no room on their page"
        if each.fillfactor <= _LEAST_FILLFACTOR:
            remedy = (
                f"The fill factor is {each.fillfactor} already. Old versions take the room until they are removed: see "
                "whether vacuum keeps up and what holds the horizon, or update in smaller batches."
            )
            return said, remedy, ""
        lower = next(step for step in _FILLFACTORS if step < each.fillfactor)
        remedy = "A lower fill factor leaves room for updates; it counts for pages written from then on."
        if each.fillfactor < 100:
            said += f", at a fill factor of {each.fillfactor}"
        return said, remedy, "ALTER TABLE {name} SET (fillfactor = " + str(lower) + ");"
    stayed = each.updates - (new_page or 0)
    if stayed <= 0 or 100 * each.hot >= settings.hot_percent * stayed:
        return None
    if new_page is None:
        return (
            "pages are full, or an indexed column is updated (this version does not tell which)",
            "See which columns the updates set, and whether an index on them is needed; else lower the fill factor.",
            "",
        )
    return ("an indexed column is updated", "See whether the indexes on the updated columns are needed.", "")
