"""The benchmark of searches, small: what it asks comes back whole, whoever asks."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[1] / "benchmarks" / "search_latency.py"


@pytest.mark.slow
async def test_no_search_is_short_and_the_nearest_are_found() -> None:
    options = ["--messages", "4000", "--users", "30", "--queries", "8", "--rounds", "2"]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, str(_SCRIPT), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["short_results"] == 0
    assert answer["ann_recall"] >= 0.95
    assert {f"hybrid_{size}_p95_ms" for size in ("18pct", "7pct", "0.1pct", "9rows")} <= answer.keys()
