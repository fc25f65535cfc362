"""A suggestion in words, with what speaks for it and against it. Pure."""

from __future__ import annotations

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice, Asking, Gain, Suggestion
from devora_console.postgres.indexes.facts import Catalogue, TableFacts
from devora_console.postgres.indexes.snapshot import LIKELY, Finding, Kind, no
from devora_console.postgres.indexes.sqltext import Names, create_missing
from devora_console.postgres.statements.snapshot import Bound

_NAMED = 5
_ASKED = f"{LIKELY}: the planner would use it, which is an estimate, not a measurement"
_UNASKED = "an estimate from statistics; the planner was not asked"


def finding_of(
    each: Suggestion, advice: Advice, catalogue: Catalogue, settings: IndexesSettings, names: Names
) -> Finding:
    """The line, its reasons, what it costs, and the SQL."""
    table = catalogue.tables[each.table_oid]
    best = each.gains[0]
    asked = not isinstance(best.cost_after, Unknown)
    count = len(each.gains)
    whose = "a slow statement" if count == 1 else f"{count} slow statements"
    reason = (
        f"estimate: {whose} would look at about {_rows(each.rows_left)} of {_rows(each.rows)} rows instead of"
        f" {each.instead_of}"
    )
    if asked:
        reason += f"; the planner would use it: cost {best.cost_before:.0f} -> {best.cost_after:.0f} (not measured)"
    columns = [(key.name, key.quoted) for key in each.keys]
    return Finding(
        kind=Kind.SUGGESTED,
        verdict=Verdict.NONE,
        schema=table.schema,
        index="",
        table=table.title,
        oid=None,
        size_bytes=each.size_bytes,
        size_estimated=True,
        reason=reason,
        confidence=f"{LIKELY}: the planner would use it, which is an estimate, not a measurement"
        if asked
        else no(_UNASKED),
        remedy_sql=create_missing(table, catalogue.partitions_of().get(table.oid, ()), columns, names),
        key=", ".join(each.columns),
        notes=(
            *(_gain(gain) for gain in each.gains[:_NAMED]),
            *_costs(each, table, catalogue),
            *_how(each, advice, settings),
        ),
        suggestion=each,
    )


def _gain(gain: Gain) -> str:
    of = gain.statement
    text = of.text if isinstance(of.text, str) else f"? {of.text.reason}"
    after = "" if isinstance(gain.cost_after, Unknown) else f", {gain.cost_after:.0f} with the index"
    saved = f"the index would save about {gain.saved_percent:.0f} %"
    return (
        f"Statement {of.queryid}: mean {of.mean_ms:.1f} ms, {of.calls} calls, {_share(of)}; reading the table is"
        f" {gain.scan_percent:.0f} % of its cost ({gain.cost_before:.0f} by the planner's estimate{after}), {saved}:"
        f" {one_line(text, 160)}"
    )


def _share(of: Asking) -> str:
    if isinstance(of.share, Unknown):
        return "share of the time not known"
    about = {Bound.EXACT: "", Bound.AT_MOST: "at most ", Bound.ABOUT: "about "}[of.share.bound]
    return f"{about}{of.share.percent:.1f} % of the time of all statements since the reset"


def _costs(each: Suggestion, table: TableFacts, catalogue: Catalogue) -> list[str]:
    if each.rows_per_entry > 1:
        entry = f"6 bytes, and {each.entry_bytes} for every {each.rows_per_entry:.0f} rows of equal values"
    else:
        entry = f"{each.entry_bytes} bytes (head 8, values, padding, pointer 4)"
    found = [f"Size by estimate: {each.rows:.0f} rows x {entry}, in pages filled to 90 %; it grows with use."]
    if not isinstance(catalogue.situation, Unknown) and catalogue.situation.in_recovery:
        return [*found, "Writes: ? this is a standby, which counts none. The index has to be made on the primary."]
    window = catalogue.window
    seconds = window if isinstance(window, Unknown) else window.seconds
    counted = (
        f"{table.index_writes} inserts, deletes and updates other than HOT"
        f" {'since nobody knows when' if isinstance(seconds, Unknown) else f'in {span(seconds)}'}"
    )
    if isinstance(each.writes_per_day, Unknown):
        found.append(
            f"Writes: each of them would write to it as well: {counted}; a day's: ? {each.writes_per_day.reason}."
        )
    else:
        found.append(f"Writes: about {each.writes_per_day:.0f} rows a day would be written to it as well ({counted}).")
    if table.hot_updated:
        found.append(
            f"{table.hot_updated} updates of the table were HOT; those that change an indexed column are not any more."
        )
    if table.changed_since_analyze > 0.5 * max(1.0, each.rows):
        found.append(
            f"Statistics may be old: by the counters {table.changed_since_analyze} rows changed since ANALYZE."
        )
    return found


def _how(each: Suggestion, advice: Advice, settings: IndexesSettings) -> list[str]:
    found = list(each.notes)
    if len(each.columns) > 1:
        found.append("Rows left are reckoned as if the columns had nothing to do with each other.")
    after = each.gains[0].cost_after
    if isinstance(after, Unknown):
        found.append(f"Estimate from statistics, planner not asked: {after.reason}. {after.remedy}".rstrip())
    else:
        found.append("The planner was asked with hypopg; nothing was measured.")
    found.append(
        f"Plans are of {iso(advice.as_of)[:19]}Z, for values that are not known and taken to be of the columns' types."
    )
    found.append(
        "thresholds: "
        + ", ".join(
            f"indexes.{name} = {getattr(settings, name):g}"
            for name in (
                "suggest_mean_ms", "suggest_calls", "suggest_rows", "suggest_percent", "suggest_enough_rows",
                "suggest_cost", "suggest_saving_percent",
            )
        )
    )  # fmt: skip
    return found


def _rows(number: float) -> str:
    return "1" if 0 < number < 1 else f"{number:.0f}"
