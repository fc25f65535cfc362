"""Latency of searches: percentiles, cold and warm, and what is cut off."""

from __future__ import annotations

import asyncio

import pytest

from devora_console.core.unknown import Unknown
from devora_console.search.bench import Percentiles, measure, percentiles


def test_percentiles_of_nothing_are_unknown() -> None:
    assert isinstance(percentiles([]), Unknown)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], (5.0, 5.0, 5.0)),
        ([float(n) for n in range(100, 0, -1)], (50.0, 95.0, 99.0)),
        ([1.0, 100.0], (1.0, 100.0, 100.0)),
    ],
)
def test_percentiles_are_values_that_were_measured(values: list[float], expected: tuple[float, ...]) -> None:
    found = percentiles(values)
    assert isinstance(found, Percentiles)
    assert (found.p50, found.p95, found.p99) == expected
    assert (found.count, found.worst) == (len(values), max(values))


async def test_the_first_round_is_cold_and_what_is_cut_off_counts_as_the_limit() -> None:
    seen: list[str] = []

    async def quick(query: str) -> int:
        seen.append(query)
        return 3

    async def stuck(query: str) -> int:
        if query == "b":
            await asyncio.sleep(60)
        return 1

    found = await measure(
        {"quick": quick, "stuck": stuck},
        ["a", "b"],
        rounds=3,
        limit_seconds=0.05,
        possible=lambda method, query: 2 if method == "stuck" else None,
    )
    assert seen == ["a", "b"] * 3
    quick_cold, stuck_warm = found["quick"].cold, found["stuck"].warm
    assert isinstance(quick_cold, Percentiles)
    assert isinstance(stuck_warm, Percentiles)
    assert (quick_cold.count, quick_cold.timeouts, found["quick"].short) == (2, 0, 0)
    assert (stuck_warm.count, stuck_warm.timeouts, stuck_warm.worst) == (4, 2, 50.0)
    assert found["stuck"].short == 3  # the cut-off ones returned nothing, which says nothing


async def test_one_round_has_no_warm_times() -> None:
    async def ask(query: int) -> int:
        return query

    assert isinstance((await measure({"m": ask}, [1], rounds=1))["m"].warm, Unknown)
