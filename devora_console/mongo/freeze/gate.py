"""The gate ``source.silent``: nothing was written to the source since silence was recorded."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from devora_console.config.settings import Settings
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.gates import NOT_KNOWN, Gate, Measurement
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import records
from devora_console.mongo.freeze.server import Login, connected, examine
from devora_console.mongo.freeze.silence import Question, watch_silence, words

TTL = timedelta(minutes=10)
_THRESHOLD = "no difference from the newest record of silence"
_RECORD = "Freeze the source, then: devora-console source silence --record FILE"


def silent_gate(settings: Settings) -> Gate:
    """The gate for the source of these settings. Measuring reads every document of it once."""

    async def measure() -> Measurement:
        return await asyncio.to_thread(_measured, settings)

    about = (
        "After the freeze 'source silence --record' keeps a digest of every collection. The source is read again and "
        "compared: an insert, an update that keeps the count, a delete, a dropped or new collection turn this red."
    )
    return Gate("source.silent", "No write to the source since the freeze", about, TTL, measure)


def _measured(settings: Settings) -> Measurement:
    url, database = settings.mongo.url, settings.mongo.database
    if url is None:
        return _unknown("MongoDB is not configured", "Set MONGO_URL")
    login = Login(url, "MONGO_URL")
    timeout = settings.mongo.server_selection_timeout_seconds
    try:
        with connected(login, timeout) as client:
            path = records.default_path(settings, records.SILENCE, examine(client, database).identity)
        if not path.exists():
            return _unknown("silence has not been recorded", _RECORD)
        found = watch_silence(Question(login, database, timeout), 0, lambda line: None, path)
    except ConsoleError as error:
        return _unknown(error.problem.message, error.problem.remedy)
    except OSError as error:
        return _unknown(f"the record cannot be read: {error.strerror}", _RECORD)
    silent = found.silent
    verdict = Verdict.UNKNOWN if isinstance(silent, Unknown) else Verdict.OK if silent else Verdict.FAIL
    assert found.against is not None
    return Measurement(
        verdict,
        value=words(found),
        threshold=_THRESHOLD,
        why=f"{len(found.reading.collections)} collections read in {span(found.reading.seconds)}; "
        + "; ".join(f"{each.name}: {each.words}" for each in found.evidence),
        remedy="" if silent is True else "Find who wrote (source writers), copy again what changed, and record anew",
        true_at=found.until,
        evidence={
            "record": str(path),
            "recorded_at": iso(found.against),
            "changed": [str(each) for each in found.changed],
            "collections": {
                name: {"documents": each.documents, "digest": each.digest}
                for name, each in found.reading.collections.items()
            },
        },
    )


def _unknown(why: str, remedy: str) -> Measurement:
    return Measurement(Verdict.UNKNOWN, NOT_KNOWN, _THRESHOLD, why, remedy)
