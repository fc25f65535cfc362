"""Figures and intervals: what needs how many measurements, and what an interval may not promise."""

from __future__ import annotations

import random

import pytest

from devora_console.bench.statistics import LEAST, METRICS, Change, change, figures
from devora_console.core.unknown import Unknown


def drawn(mean: float, subjects: int, rounds: int, seed: int) -> list[list[float]]:
    """Times of users, each with a pace of their own."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    return [
        [mean * pace * chance.lognormvariate(0, 0.2) for _ in range(rounds)]
        for pace in (chance.lognormvariate(0, 0.4) for _ in range(subjects))
    ]


@pytest.mark.parametrize("n", [0, 1, 19, 20, 99, 100])
def test_no_figure_without_the_measurements_it_needs(n: int) -> None:
    found = figures([[float(value)] for value in range(1, n + 1)])
    assert found.n == n
    for metric in METRICS:
        value = found.of(metric)
        assert isinstance(value, Unknown) is (n < LEAST[metric]), metric
    if n == 100:
        assert (found.average, found.p50, found.p95, found.p99) == (50.5, 50.0, 95.0, 99.0)


def test_a_percentile_is_a_time_that_was_measured() -> None:
    samples = drawn(10, 30, 7, 3)
    flat = sorted(value for each in samples for value in each)
    found = figures(samples)
    assert found.p95 == flat[199]  # 210 * 95 % = 199.5: the 200th
    assert found.p99 in flat
    ragged = [each[: 1 + at % 7] for at, each in enumerate(samples)]
    assert figures(ragged).p50 in flat


def test_the_same_numbers_give_the_same_interval() -> None:
    before, after = drawn(20, 30, 5, 1), drawn(10, 30, 5, 2)
    assert change(before, after) == change(before, after)
    found = change(before, after, "p95")
    assert isinstance(found, Change)
    assert found.low < found.percent < found.high
    assert found.sure


def test_pairs_leave_out_whom_one_side_did_not_measure() -> None:
    before, after = [[10.0] * 4, [], [10.0] * 4], [[5.0] * 4, [1000.0] * 4, [5.0] * 4]
    assert change(before, after) == Change(-50.0, -50.0, -50.0)
    assert isinstance(change([[], []], [[1.0], [2.0]]), Unknown)
    assert isinstance(change([[1.0]], [[2.0]], "p99"), Unknown)


def test_equal_sides_are_seldom_called_different() -> None:
    """Of fifty comparisons of the same thing few may claim a difference: 95 % intervals that hold what they say."""
    claims = 0
    for seed in range(50):
        found = change(drawn(10, 25, 4, seed), drawn(10, 25, 4, 1000 + seed), paired=False, turns=False)
        assert isinstance(found, Change)
        claims += found.sure
    assert claims <= 8


def test_a_round_that_was_slow_widens_the_interval() -> None:
    calm = [[10.0, 10.0, 10.0, 10.0] for _ in range(40)]
    stormy = [[10.0, 10.0, 10.0, 40.0] for _ in range(40)]
    found = change(calm, stormy, turns=False)
    assert isinstance(found, Change)
    assert found.low <= 0 < found.high  # it may have been that one round


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["average", "p50"])
def test_an_interval_has_two_ends_where_some_were_measured_less_often(metric: str) -> None:
    found = change([[1.0, 2.0], [3.0]], [[2.0, 1.0], [3.0]], metric)
    assert isinstance(found, Change)
    assert found.low <= found.percent <= found.high
