"""Runs of suites as files beside them, so that what was measured before a cutover is there after it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from devora_console.core.problems import usage_error
from devora_console.core.snapshot import to_json
from devora_console.search.judging.metrics import Score
from devora_console.search.judging.run import Judged, SuiteRun
from devora_console.search.model import Knobs, Method

_FORMAT = 1


def place(suite: Path, what: str = "recorded") -> Path:
    """Where a suite's run is kept: ``suites/fr.json`` is recorded in ``suites/fr.recorded.json``."""
    return suite.with_name(f"{suite.stem}.{what}.json")


def write_run(path: Path, run: SuiteRun) -> None:
    """Keep a run. Raises ConsoleError where the file cannot be written."""
    document = {"format": _FORMAT, "run": to_json(run)}
    try:
        half = path.with_name(path.name + ".half")
        half.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
        half.replace(path)
    except OSError as error:
        raise usage_error("record_unwritable", f"{path} cannot be written: {error.strerror}") from None


def read_run(path: Path) -> SuiteRun:
    """A run that was kept. Raises ConsoleError (exit 2)."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["format"] != _FORMAT:
            raise ValueError(f"format {document['format']} is not known to this version")
        return _run(document["run"])
    except FileNotFoundError:
        raise usage_error("not_recorded", f"nothing is recorded in {path}", "search suite record FILE") from None
    except OSError as error:
        raise usage_error("record_unreadable", f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise usage_error("record_invalid", f"{path} is not a recorded run: {error}", "Record it again") from None


def _run(raw: dict[str, Any]) -> SuiteRun:
    knobs = raw["knobs"]
    return SuiteRun(
        suite=raw["suite"],
        digest=raw["digest"],
        at=datetime.fromisoformat(raw["at"]),
        model=raw["model"],
        embedder=raw["embedder"],
        versions=raw["versions"],
        knobs=Knobs(
            **{
                **knobs,
                "legs": tuple(Method(each) for each in knobs["legs"]),
                "weights": {Method(each): weight for each, weight in knobs["weights"].items()},
            }
        ),
        judged={
            Method(method): tuple(
                Judged(row["query"], tuple(row["ranking"]), row["found"], Score(**row["score"]), row["problem"])
                for row in rows
            )
            for method, rows in raw["judged"].items()
        },
    )
