"""How well searches find what was judged: each method on a suite of queries, with the offline embedder.

    uv run python tests/benchmarks/retrieval.py [FILE] [--quick]

FILE is a suite with documents of its own; without one the French development set. The documents are put into a
database of their own on a server that is started for this (or on the one DEVORA_TEST_POSTGRES_DSN names). The last line
of stdout is one JSON object; narration goes to stderr. ``--quick`` asks the first ten queries only.

The default weights were chosen on judged_fr_dev.json and judged_fr_third.json; judged_fr_second.json was asked only
after they stood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.search.judging.metrics import NAMES
from devora_console.search.judging.run import SuiteRun
from devora_console.search.judging.suite import read_suite
from devora_console.services.judged import judge

_DEVELOPMENT = Path(__file__).parents[1] / "search" / "data" / "judged_fr_dev.json"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How well searches find what was judged.")
    parser.add_argument("file", type=Path, nargs="?", default=_DEVELOPMENT)
    parser.add_argument("--quick", action="store_true", help="the first ten queries only")
    given = parser.parse_args()
    own = os.environ.get("DEVORA_TEST_POSTGRES_DSN")
    if own:
        run = _measure(Dsn(own), given.file, quick=given.quick)
    else:
        demo = DemoServers(temporary_home(), durable=False, narrate=_say)
        try:
            run = _measure(demo.start().postgres, given.file, quick=given.quick)
        finally:
            demo.stop()
    _table(run)
    sys.stdout.write(json.dumps(_line(run, given.file), ensure_ascii=False) + "\n")
    return 0


def _measure(dsn: Dsn, file: Path, *, quick: bool) -> SuiteRun:
    suite = read_suite(file)
    if quick:
        suite = replace(suite, queries=suite.queries[:10])
    _say(f"asking {len(suite.queries)} queries of {file.name} about {len(suite.documents)} documents")
    return asyncio.run(judge(Settings(postgres=PostgresSettings(dsn=dsn)), suite))


def _line(run: SuiteRun, file: Path) -> dict[str, object]:
    figures = {method: run.figures(method) for method in run.judged}
    n = len(next(iter(run.judged.values())))
    return {
        "file": file.name,
        "n": n,
        "embedder": run.model,
        "metrics": {
            method.value: {name: round(each.metrics[name].mean, 4) for name in NAMES}
            for method, each in figures.items()
        },
        "intervals_95": {
            method.value: {
                name: [round(each.metrics[name].low, 4), round(each.metrics[name].high, 4)] for name in NAMES
            }
            for method, each in figures.items()
        },
        "zero_results": {method.value: each.zero for method, each in figures.items()},
        "best": run.best().value,
        "versions": dict(run.versions),
    }


def _table(run: SuiteRun) -> None:
    for method in run.judged:
        figures = run.figures(method)
        words = "  ".join(
            f"{name} {each.mean:.2f} [{each.low:.2f}, {each.high:.2f}]" for name, each in figures.metrics.items()
        )
        _say(f"{method.value:9} {words}  without results {figures.zero} of {figures.n}")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
