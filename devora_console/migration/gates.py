"""Gates about the copy: was it tried, does the mapping leave nothing out, is what was copied verified?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias, TypeVar

import asyncpg

from devora_console import __version__
from devora_console.config.secret import Dsn
from devora_console.core.clock import iso, span, utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, not_known
from devora_console.core.hanging import may_hang
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.budget import check_words
from devora_console.migration.dry_runs import DryRun, kept
from devora_console.migration.mapping import Mapping, Policy
from devora_console.migration.watermark import STALE_SECONDS, Watermark, latest
from devora_console.mongo.source import Source, open_source
from devora_console.postgres.gates import asked, identity, listed
from devora_console.postgres.target import Target

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_SOURCE_SECONDS = 30.0
_DRY_RUN = "devora-console migrate --dry-run"
_VERIFY = "devora-console verify (its verdict is kept where writing is allowed: --allow-writes)"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the gates are about: ``source`` (a URL, or the folder of a dump) to ``target`` by ``mapping``.

    ``budget`` is how many documents may go to quarantine; ``dry_runs`` is where verdicts of dry runs are kept.
    """

    target: Target
    source: Dsn | str | None
    database: str
    mapping: Mapping
    budget: str
    dry_runs: Path
    timeout_seconds: float = 5.0
    read_preference: str | None = None

    async def ask(self, question: Callable[[Source], T]) -> T | Unknown:
        """What the source answers, or why it does not."""
        where = self.source
        if where is None:
            return Unknown("no MongoDB is configured", "Set MONGO_URL")

        def work() -> T:
            source = open_source(
                where, self.database, timeout_seconds=self.timeout_seconds, read_preference=self.read_preference
            )
            try:
                return question(source)
            finally:
                source.close()

        try:
            return await may_hang(work, self.timeout_seconds + _SOURCE_SECONDS)
        except ConsoleError as error:
            return Unknown(error.problem.message, error.problem.remedy)
        except TimeoutError:
            return Unknown("the source does not answer", "Check that the server is not stopped or overloaded")


def dry_run_gate(scene: Scene) -> Gate:
    """``migration.dry_run``."""
    threshold = f"passed for this mapping, source and target; at most {scene.budget} to quarantine"

    async def measure() -> Measurement:
        source = await scene.ask(lambda found: found.identity)
        if isinstance(source, Unknown):
            return not_known(source, threshold)
        return await asked(
            scene.target, lambda connection: _dry_run(scene, connection, source, threshold), threshold=threshold
        )

    about = (
        "A dry run converts every document and lets the target judge every row. It counts for the mapping, source, "
        "target, schema and console that it was made with."
    )
    return Gate("migration.dry_run", "Dry run passed", about, timedelta(hours=24), measure, item=1)


async def _dry_run(scene: Scene, connection: Connection, source: str, threshold: str) -> Measurement:
    target = await identity(connection)
    version = await connection.fetchval("SELECT max(version) FROM devora_console.schema_version")
    try:
        found = kept(scene.dry_runs)
    except OSError as error:
        return not_known(
            Unknown(f"{scene.dry_runs} cannot be read: {error.strerror}", "Mend its permissions"), threshold
        )
    here = [each for each in found if (each.source, each.target) == (source, target)]
    verdict = next((each for each in here if each.mapping_hash == scene.mapping.hash), None)
    reason = _no_dry_run(scene, found, here, source) if verdict is None else _outdated(verdict, version)
    if verdict is None or reason:
        return not_known(Unknown(reason, _DRY_RUN), threshold)
    return _judged(verdict, scene.budget, threshold)


def _no_dry_run(scene: Scene, found: tuple[DryRun, ...], here: list[DryRun], source: str) -> str:
    """Why none of those that are kept counts."""
    if here:
        return (
            f"the mapping has changed since the last dry run, {_ago(here[0])}: that was of "
            f"{one_line(here[0].mapping_name, 40)} {here[0].mapping_hash[:12]}, this is "
            f"{one_line(scene.mapping.name, 40)} {scene.mapping.hash[:12]}"
        )
    if found:
        other = "source" if found[0].source != source else "target"
        return f"no dry run of this source and target is kept; the last one, {_ago(found[0])}, was of another {other}"
    return f"no dry run is kept in {scene.dry_runs}"


def _outdated(verdict: DryRun, version: int | None) -> str:
    if verdict.console != __version__:
        return f"the dry run {_ago(verdict)} was made by console {one_line(verdict.console, 40)}, this is {__version__}"
    if verdict.schema_version is not None and verdict.schema_version != version:
        return (
            f"the schema has changed since the dry run {_ago(verdict)}: version {verdict.schema_version}, now {version}"
        )
    return ""


def _judged(verdict: DryRun, budget: str, threshold: str) -> Measurement:
    why = (
        f"Begun {_second(verdict.through)} on {one_line(verdict.source)}: {verdict.documents} documents to migrate, "
        f"{verdict.archived} to archive, {verdict.ignored} ignored."
    )
    rules = ", ".join(f"{rule} {count}" for rule, count in list(verdict.rules.items())[:5])
    evidence: dict[str, object] = {
        "mapping": verdict.mapping_hash,
        "source": verdict.source,
        "target": verdict.target,
        "documents": verdict.documents,
        "quarantined": verdict.quarantined,
        "archived": verdict.archived,
        "ignored": verdict.ignored,
    }
    allowed = check_words(budget).documents(verdict.documents)
    if verdict.problem:
        ok, value, remedy = Verdict.FAIL, f"refused: {verdict.problem}", f"Remove the cause, then {_DRY_RUN}"
    elif verdict.quarantined > allowed:
        value = f"{verdict.quarantined} of {verdict.documents} documents to quarantine, {allowed} may be"
        ok, remedy = Verdict.FAIL, f"Correct the mapping or the data ({rules}), then {_DRY_RUN}"
    elif not verdict.documents:
        ok, value, remedy = Verdict.UNKNOWN, "it met no document to migrate", "Check DB_NAME and the source"
    else:
        value = f"{verdict.documents - verdict.quarantined} of {verdict.documents} documents convert"
        value += f"; to quarantine: {rules}" if verdict.quarantined else ""
        ok, remedy = Verdict.OK, ""
    return Measurement(ok, value, threshold, why, remedy, true_at=verdict.through, evidence=evidence)


def _second(moment: datetime) -> str:
    return iso(moment.replace(microsecond=0))


def _ago(verdict: DryRun) -> str:
    return f"{span(max(0.0, (utc_now() - verdict.at).total_seconds()))} ago"


def collections_gate(scene: Scene) -> Gate:
    """``collections.mapped``."""
    threshold = "each mapped, archived, or ignored by name"

    async def measure() -> Measurement:
        names = await scene.ask(lambda found: [each.name for each in found.collections()])
        return not_known(names, threshold) if isinstance(names, Unknown) else mapped(scene.mapping, names, threshold)

    about = (
        "What the mapping does not name is left behind if nobody looks: every collection of the source is looked up."
    )
    return Gate("collections.mapped", "Every collection has its place", about, timedelta(minutes=10), measure)


def mapped(mapping: Mapping, names: list[str], threshold: str) -> Measurement:
    """What becomes of the source's collections."""
    unnamed = sorted(name for name in names if name not in mapping.by_name)
    by = {policy: sorted(n for n in names if mapping.collection(n).policy is policy) for policy in Policy}
    refused = by[Policy.REFUSE]
    silent = [name for name in unnamed if mapping.unmapped is Policy.IGNORE]
    absent = [each.name for each in mapping.mapped() if each.required and each.name not in names]
    words = {Policy.MAP: "mapped", Policy.ARCHIVE: "archived", Policy.IGNORE: "ignored", Policy.REFUSE: "refused"}
    why = f"By {one_line(mapping.origin, 120)}: " + "; ".join(
        f"{words[policy]}: {listed(found, 20)}" for policy, found in by.items() if found
    )
    evidence: dict[str, object] = {words[policy]: found for policy, found in by.items()}
    evidence["not named"] = unnamed
    wrong = [f"{name} is refused" for name in refused]
    wrong += [f"{name} would be left behind: the mapping does not name it" for name in silent]
    wrong += [f"{name} is required and not there" for name in absent]
    if wrong:
        remedy = "Name it in the mapping with policy map, archive or ignore; check DB_NAME"
        return Measurement(Verdict.FAIL, listed(wrong), threshold, why, remedy, evidence=evidence)
    if not names:
        return not_known(Unknown("the source has no collection", "Check DB_NAME and the source"), threshold)
    value = ", ".join(f"{len(found)} {words[policy]}" for policy, found in by.items() if found)
    value += f" (not named by the mapping: {listed(unnamed)})" if unnamed else ""
    return Measurement(Verdict.OK, value, threshold, why, evidence=evidence)


def verification_gate(scene: Scene) -> Gate:
    """``verification.fresh``."""
    threshold = f"0 differences at level digest or deeper, {span(STALE_SECONDS)} old at most"

    async def measure() -> Measurement:
        source = await scene.ask(lambda found: found.identity)
        if isinstance(source, Unknown):
            return not_known(source, threshold)
        return await asked(
            scene.target, lambda connection: _verification(scene, connection, source, threshold), threshold=threshold
        )

    about = (
        "The newest recorded verification: source against target, the digest of every row. It ages from when it began."
    )
    return Gate("verification.fresh", "Verified", about, timedelta(seconds=STALE_SECONDS), measure)


async def _verification(scene: Scene, connection: Connection, source: str, threshold: str) -> Measurement:
    # Age is for whoever judges the measurement; what cannot count at any age is known here.
    found = await latest(connection, scene.mapping.hash, float("inf"))
    if found is None:
        return not_known(Unknown("no verification of this target is recorded", _VERIFY), threshold)
    said = f"the newest verification, begun {_second(found.through)} at level {found.level},"
    reason = _of_other_things(found, source, await identity(connection))
    if reason:
        return not_known(Unknown(f"{said} does not count: {reason}", _VERIFY), threshold)
    why = f"By {one_line(found.holder, 80)} on {one_line(found.source, 120)}, ended {_second(found.at)}."
    evidence: dict[str, object] = {
        "level": found.level,
        "differences": found.differences,
        "rows": found.rows,
        "mapping": found.mapping_hash,
        "source": found.source,
        "target": found.target,
    }
    counted = f"at level {found.level} in {found.rows} rows, {_second(found.through)}"
    if not found.ok:
        where = f" (not in order: {listed(found.wrong)})" if found.wrong else ""
        value, verdict = f"{found.differences} differences{where} {counted}", Verdict.FAIL
        remedy = "Copy again (devora-console migrate --execute), then verify"
    elif found.level == "counts":
        value, verdict, remedy = f"counts agree, contents were not compared: {counted}", Verdict.FAIL, _VERIFY
    elif not found.rows:
        value, verdict, remedy = (
            f"it met no row {counted}",
            Verdict.UNKNOWN,
            "Copy first: devora-console migrate --execute",
        )
    else:
        value, verdict, remedy = f"0 differences {counted}", Verdict.OK, ""
    return Measurement(verdict, value, threshold, why, remedy, true_at=found.through, evidence=evidence)


def _of_other_things(found: Watermark, source: str, target: str) -> str:
    if found.target != target:
        return (
            "it was made in another database, of which this is a copy"
            if found.target
            else "it does not say of which database"
        )
    if found.source != source:
        return f"it was of another source, {one_line(found.source, 120)}"
    return found.stale
