"""The gate about search quality: what the last comparison with the recorded suite found."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from devora_console.config.searching import SearchSettings
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, not_known
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.search.judging.compare import Comparison, compare
from devora_console.search.judging.record import place, read_run
from devora_console.search.judging.run import SuiteRun
from devora_console.search.judging.suite import read_suite
from devora_console.search.model import Method

_TTL = timedelta(hours=12)
_COMPARE = "devora-console search suite compare FILE"


def quality_gate(settings: SearchSettings) -> Gate:
    """Whether searches are not worse than they were recorded, by the latest ``search suite compare``.

    It asks nothing itself: a suite takes its time, and is asked where it belongs, before and after.
    """

    async def measure() -> Measurement:
        return await asyncio.to_thread(_measure, settings)

    return Gate(
        "search.quality",
        "Searches are not worse than recorded",
        "The latest comparison of the suite search.suite with what was recorded of it before.",
        _TTL,
        measure,
    )


def _measure(settings: SearchSettings) -> Measurement:
    threshold = f"{settings.method} loses at most {settings.tolerance:g} of any metric, beyond chance"
    if settings.suite is None:
        return not_known(Unknown("no suite of judged queries is configured", "Set search.suite"), threshold)
    try:
        return _judged(settings, settings.suite, threshold)
    except ConsoleError as error:
        return not_known(Unknown(error.problem.message, error.problem.remedy), threshold)


def _judged(settings: SearchSettings, path: Path, threshold: str) -> Measurement:
    suite = read_suite(path)
    before = read_run(place(path))
    try:
        after = read_run(place(path, "compared"))
    except ConsoleError:
        return not_known(Unknown("it was recorded, and not compared since", _COMPARE), threshold)
    if suite.digest != after.digest:
        return not_known(Unknown("the suite has changed since it was compared", _COMPARE), threshold)
    if after.at < before.at:
        return not_known(Unknown("it was recorded again after the last comparison", _COMPARE), threshold)
    found = compare(before, after, tolerance=settings.tolerance, watched=(Method(settings.method),))
    if not found.changes or not any(change.method is Method(settings.method) for change in found.changes):
        return not_known(Unknown(f"{settings.method} was not compared", _COMPARE), threshold)
    return _verdict(found, after, threshold)


def _verdict(found: Comparison, after: SuiteRun, threshold: str) -> Measurement:
    watched = [change for change in found.changes if change.method in found.watched]
    value = ", ".join(f"{change.metric} {change.difference.mean:+.3f}" for change in watched)
    return Measurement(
        Verdict.FAIL if found.worse else Verdict.OK,
        value,
        threshold,
        f"{len(after.judged[found.watched[0]])} queries of {after.suite}"
        + (f"; {'; '.join(found.notes)}" if found.notes else ""),
        "Look at the losses: devora-console search suite compare FILE" if found.worse else "",
        true_at=after.at,
        evidence={"suite": after.suite, "digest": after.digest, "model": after.model},
    )
