"""What each metric says, that nothing unknown becomes a number, and that no label set grows with a database."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from devora_console.analytics.exporter.collect import LatestSamples, gather, unknowns
from devora_console.analytics.exporter.family import Family, Kind, largest
from devora_console.analytics.exporter.registry import FAMILIES, UNKNOWN, names
from devora_console.analytics.exporter.samples import SAMPLES, Migration, World
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.replication import Replay, Replica, ReplicationPart
from devora_console.postgres.health.wraparound import STOP
from tests.analytics.exporter import worlds
from tests.analytics.exporter.worlds import NOW, WHY

_LABELS = {
    *("server", "version", "environment", "database", "state", "queryid", "outcome", "table", "id", "section"),
    *("verdict", "gate", "fate", "kind", "text", "window", "currency", "percentile"),
}

_HIDDEN = worlds.activity(worlds.session(hidden=True, transaction_seconds=None), hidden=1)


def told(of: World) -> dict[str, dict[tuple[str, ...], float]]:
    """What is known, by the names without their prefix."""
    return {each.family.name: dict(each.values) for each in gather(of)}


def exposition(of: World) -> str:
    registry = CollectorRegistry()
    registry.register(LatestSamples(lambda: of))
    return generate_latest(registry).decode()


def test_declarations_follow_prometheus_conventions() -> None:
    assert len({each.name for each in FAMILIES}) == len(FAMILIES)
    for each in FAMILIES:
        assert re.fullmatch(r"[a-z][a-z0-9_]+", each.name), each.name
        assert not re.search(r"(_ms|_percent|_mb|_kb|_minutes|_total)$|milli", each.name), each.name
        assert each.help.endswith((".", ").")), each.help
        assert "\n" not in each.help
        assert each.sample in SAMPLES, each.name
        assert each.source, each.name
        assert set(each.labels) <= _LABELS, each.labels
    assert {each.sample for each in FAMILIES} == set(SAMPLES)


def test_a_world_in_which_all_is_known_leaves_nothing_unknown() -> None:
    found = gather(worlds.world())
    assert unknowns(found) == {}
    assert [each.family.name for each in found if not each.values] == []


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("up", ("postgres",), 1),
        ("quarantine_open_documents", (), 4),
        ("source_documents", (), 12),
        ("connections", (), 5),
        ("sessions", ("active",), 1),
        ("sessions", ("idle in transaction",), 1),
        ("longest_transaction_seconds", (), 7),
        ("longest_idle_in_transaction_seconds", (), 33),
        ("lock_longest_wait_seconds", (), 12),
        ("slow_statements", (), 2),
        ("statements_load", (), 0.1),
        ("statement_load", ("20",), 2 / 60),
        ("statement_mean_seconds", ("20",), 0.2),
        ("database_blocks_hit", (), 99_000),
        ("transactions", ("rollback",), 5),
        ("deadlocks", (), 2),
        ("cache_hit_ratio", (), 0.99),
        ("table_size_bytes", ("public.t0000",), 1010),
        ("wraparound_ratio", ("transaction",), 2**30 / STOP),
        ("replication_lag_seconds", (), 2.5),
        ("replication_lag_bytes", (), 4096),
        ("sequence_used_ratio", (), 0.5),
        ("health_findings", ("cache", "warn"), 1),
        ("migration_state", ("running",), 1),
        ("migration_progress_ratio", (), 0.25),
        ("migration_lag_seconds", (), 7200),
        ("verification_age_seconds", (), 540),
        ("gate_verdict", ("quarantine.empty", "fail"), 1),
        ("gate_waived", ("quarantine.empty",), 1),
        ("cutover_state", ("paused",), 1),
        ("cutover_steps", ("pending",), 4),
        ("search_documents_embedded", ("stale",), 5),
        ("events", ("waiting",), 8),
        ("events_oldest_waiting_seconds", (), 120),
        ("active_users", ("week",), 40),
        ("mrr", ("EUR",), 199.9),
        ("query_mean_seconds", (), 0.0045),
        ("search_latency_seconds", ("95",), 0.08),
    ],
)
def test_values(name: str, labels: tuple[str, ...], value: float) -> None:
    assert told(worlds.world())[name][labels] == pytest.approx(value)


def test_what_is_unknown_is_absent_and_named() -> None:
    found = gather(worlds.nothing())
    known = {each.family.name for each in found if each.values}
    assert known == {"up"}
    text = exposition(worlds.nothing())
    families = {each.name: each for each in text_string_to_metric_families(text)}
    missing = {sample.labels["what"] for sample in families[UNKNOWN].samples}
    assert missing == names() - {"devora_console_up", UNKNOWN, "devora_console_sample_age_seconds"}
    assert families["devora_console_up"].samples[0].value == 0


def test_a_part_that_is_unknown_leaves_the_others() -> None:
    embedded = replace(worlds.world().samples["embedded"].seen, current=WHY)  # type: ignore[type-var]
    found = gather(worlds.with_sample(worlds.world(), "embedded", embedded))
    by_name = {each.family.name: each for each in found}
    assert by_name["search_documents_embedded"].values == {("stale",): 5.0}
    assert by_name["search_documents_embedded"].unknown == WHY


def test_what_does_not_exist_is_neither_known_nor_unknown() -> None:
    whole = worlds.world()
    without = replace(whole, samples={name: each for name, each in whole.samples.items() if name != "source"})
    assert "source_documents" not in told(without)
    assert "source_documents" not in exposition(without)


def test_an_old_sample_is_not_told_as_the_present() -> None:
    old = worlds.with_sample(worlds.world(), "activity", worlds.activity(), age=601)
    assert told(old)["connections"] == {}
    assert "601 s ago" in unknowns(gather(old))["devora_console_connections"].reason


def test_a_defect_in_one_metric_does_not_cost_the_others() -> None:
    def broken(seen: object, about: object) -> float:
        raise ZeroDivisionError

    found = gather(worlds.world(), [Family("broken", "x.", "console", "x", broken), *FAMILIES])
    assert "ZeroDivisionError" in unknowns(found)["devora_console_broken"].reason
    assert len(found) == len(FAMILIES) + 1


def test_no_number_is_unknown() -> None:
    found = gather(worlds.world(), [Family("odd", "x.", "console", "x", lambda seen, about: float("nan"))])
    assert not found[0].values
    assert found[0].unknown is not None


def test_label_sets_do_not_grow_with_the_database() -> None:
    few, many = told(worlds.world(tables=3, top=5)), told(worlds.world(tables=900, top=5))
    for name in ("table_size_bytes", "table_dead_rows", "table_bloat_bytes"):
        assert len(many[name]) == 6
        assert ("other",) in many[name]
        assert len(few[name]) <= 6
    assert sum(many["table_size_bytes"].values()) == 10_000_000
    assert len(many["statement_load"]) == 6
    assert len(exposition(worlds.world(tables=900))) < 60_000


def test_hostile_names_are_one_line_and_short() -> None:
    text = exposition(worlds.world())
    tables = [
        sample.labels["table"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "table" in sample.labels
    ]
    assert any('a"b\\c x' in name for name in tables)
    assert all(len(name) <= 121 and "\x1b" not in name and "\n" not in name for name in tables)


def test_no_text_of_statements_and_nobody_s_name_is_told() -> None:
    text = exposition(worlds.world())
    assert "SELECT" not in text
    assert '"app"' not in text


def test_counters_are_monotonic_ones_and_end_in_total() -> None:
    counters = {each.full for each in FAMILIES if each.kind is Kind.COUNTER}
    assert counters == {
        f"devora_console_{each}_total"
        for each in (
            *("database_blocks_hit", "database_blocks_read", "transactions", "deadlocks"),
            *("temporary_bytes", "wal_bytes"),
        )
    }
    typed = {each.name: each.type for each in text_string_to_metric_families(exposition(worlds.world()))}
    assert typed["devora_console_deadlocks"] == "counter"
    assert typed["devora_console_up"] == "gauge"


def test_few_accesses_are_no_ratio() -> None:
    of = worlds.with_sample(worlds.world(), "health", worlds.health(hit=9, read=1))
    assert told(of)["cache_hit_ratio"] == {}


@pytest.mark.parametrize(
    ("sample", "seen", "name"),
    [
        (
            "activity",
            worlds.activity(worlds.session(hidden=True, transaction_seconds=None), hidden=1),
            "longest_transaction_seconds",
        ),
        ("locks", worlds.locks(Unknown("hidden")), "lock_longest_wait_seconds"),
        ("queries", worlds.queries(hidden=3, slow=0), "slow_statements"),
        ("queries", worlds.queries(seconds=Unknown("one look")), "statements_load"),
        ("queries", worlds.queries(seconds=Unknown("one look")), "statement_load"),
        ("events", worlds.Delivery(oldest_waiting_at=WHY), "events_oldest_waiting_seconds"),
        ("business", {}, "users"),
    ],
)
def test_no_zero_where_something_is_hidden(sample: str, seen: object, name: str) -> None:
    of = worlds.with_sample(worlds.world(), sample, seen)
    assert told(of)[name] == {}
    assert f"devora_console_{name}" in unknowns(gather(of))


def test_a_zero_where_that_is_the_truth() -> None:
    of = worlds.with_sample(worlds.world(), "queries", worlds.queries(slow=0))
    assert told(of)["slow_statements"] == {(): 0}


def test_a_copy_that_has_ended_has_no_progress() -> None:
    done = Migration("done", None, 9, 9, WHY, WHY, {"migrated": 9}, None, NOW)
    of = worlds.with_sample(worlds.world(), "migration", done)
    values = told(of)
    for name in ("progress_ratio", "rows_done", "rows_per_second", "remaining_seconds", "silence_seconds"):
        assert values[f"migration_{name}"] == {}
        assert f"devora_console_migration_{name}" not in unknowns(gather(of))
    assert "no copy" in unknowns(gather(of))["devora_console_migration_lag_seconds"].reason


@pytest.mark.parametrize(
    ("part", "lag"),
    [
        (ReplicationPart(NOW, None, (), (), ()), {}),
        (ReplicationPart(NOW, Replay(True, True, True, None, 0, 50.0, None), (), (), ()), {(): 0}),
        (ReplicationPart(NOW, Replay(True, True, True, None, 9, 50.0, None), (), (), ()), {(): 50}),
        (ReplicationPart(NOW, None, (Replica(1, "s", None, None, None, None),), (), ()), {}),
        (ReplicationPart(NOW, None, (Replica(1, "s", "streaming", "async", 0, None),), (), ()), {(): 0}),
        (ReplicationPart(NOW, None, (Replica(1, "s", "streaming", "async", 9, None),), (), ()), {}),
    ],
)
def test_replication_lag(part: ReplicationPart, lag: dict[tuple[str, ...], float]) -> None:
    health = worlds.health()
    of = worlds.with_sample(worlds.world(), "health", replace(health, parts={**health.parts, "replication": part}))
    assert told(of)["replication_lag_seconds"] == lag


def test_currencies_are_bounded_and_made_safe() -> None:
    """An invoice's currency is any three characters that somebody wrote."""
    paid = {"EUR": 1.0, "\x1b[m": 900.0} | {f"X{at:02}": float(at) for at in range(50)}
    business = {**worlds.BUSINESS, "total_revenue_by_currency": paid, "mrr_by_currency": dict.fromkeys(paid, 1.0)}
    of = worlds.with_sample(worlds.world(), "business", business)
    for name in ("revenue", "mrr"):
        found = told(of)[name]
        assert len(found) == of.top
        assert ("␛[m",) in found
        assert ("X49",) in found
        assert "more currencies" in unknowns(gather(of))[f"devora_console_{name}"].reason
    assert "\x1b" not in exposition(of)


def test_a_table_that_is_named_other_is_not_lost() -> None:
    assert largest([("other", 7), ("b", 2)], 1) == {("other",): 9}


def test_a_look_counts_for_as_long_as_looks_are_apart() -> None:
    of = worlds.world()
    facts = replace(of.samples["facts"], at=NOW - timedelta(minutes=40))
    late = replace(of, samples={**of.samples, "facts": facts})
    assert told(late)["database_size_bytes"] == {}
    assert told(replace(late, every_seconds=3600.0))["database_size_bytes"]
