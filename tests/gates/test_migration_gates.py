"""Dry run, mapping, verification, quarantine, vectors: condition, verdict, what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import judged
from devora_console.core.problems import ConsoleError
from devora_console.migration.dry_runs import DryRun, keep, kept
from devora_console.migration.gates import Scene, collections_gate, dry_run_gate, mapped, verification_gate
from devora_console.migration.gates_data import quarantine_gate, vectors_gate
from devora_console.migration.held import carry_waivers
from devora_console.migration.mapping import Mapping, Policy
from devora_console.migration.mapping_file import builtin_mapping
from devora_console.migration.progress import Kind
from devora_console.postgres.connect import connection
from devora_console.postgres.target import Target
from tests.gates.conftest import Place, cases, do, dsn_of, measured
from tests.migration.world import execute, run
from tests.postgres.conftest import as_role


async def _tried(scene: Scene, **more: object) -> None:
    assert isinstance(scene.source, str)
    await run(Kind.DRY_RUN, dsn_of(scene), Path(scene.source), verdicts=scene.dry_runs, **more)


async def test_a_dry_run_counts_for_what_it_was_made_with(place: Place) -> None:
    scene = await place()
    none = await measured(dry_run_gate(scene))
    assert (none.verdict, "no dry run is kept" in none.why) == (Verdict.UNKNOWN, True)
    assert none.remedy == "devora-console migrate --dry-run"

    await _tried(scene)
    good = await measured(dry_run_gate(scene))
    assert (good.verdict, good.value) == (Verdict.OK, "16 of 17 documents convert; to quarantine: not_null 1"), good
    assert good.true_at is not None
    assert judged(good, timedelta(hours=24), good.true_at + timedelta(hours=25)) is Verdict.STALE

    strict = await measured(dry_run_gate(replace(scene, budget="0")))
    assert (strict.verdict, strict.value) == (Verdict.FAIL, "1 of 17 documents to quarantine, 0 may be")

    (verdict,) = kept(scene.dry_runs)
    for change, words in _OTHERS.items():
        other = replace(scene, dry_runs=scene.dry_runs.with_name(f"other-{words[:5]}"))
        given: dict[str, Any] = {change: 3 if change == "schema_version" else "another"}
        keep(other.dry_runs, replace(verdict, **given))
        found = await measured(dry_run_gate(other))
        assert (found.verdict, words in found.why) == (Verdict.UNKNOWN, True), found


_OTHERS = {
    "mapping_hash": "the mapping has changed since",
    "source": "source",
    "target": "was of another target",
    "console": "was made by console another",
    "schema_version": "the schema has changed since",
}


async def test_a_dry_run_that_was_refused_fails_and_one_that_was_cut_off_says_nothing(place: Place) -> None:
    scene = await place()
    with pytest.raises(ConsoleError):
        await _tried(scene, max_quarantine="0")
    bad = await measured(dry_run_gate(scene))
    assert (bad.verdict, bad.value.startswith("refused: 1 of 17")) == (Verdict.FAIL, True), bad

    await _tried(scene)
    nowhere = Dsn("postgresql://nobody@127.0.0.1:1/none")
    assert isinstance(scene.source, str)
    with pytest.raises(ConsoleError):
        await run(Kind.DRY_RUN, nowhere, Path(scene.source), verdicts=scene.dry_runs)
    assert (await measured(dry_run_gate(scene))).verdict is Verdict.OK


def _verdict(mapping: str) -> DryRun:
    now = utc_now()
    return DryRun(now, now, "1", "m", mapping, "s", "t", 14, 1, 0, 0, 0, {}, "")


def test_verdicts_are_kept_apart_and_damaged_ones_left_out(tmp_path: Path) -> None:
    for mapping in ("one", "two", "one"):
        keep(tmp_path / "new", _verdict(mapping))
    assert {each.mapping_hash for each in kept(tmp_path / "new")} == {"one", "two"}
    (path, _) = sorted((tmp_path / "new").iterdir())
    path.write_text(path.read_text()[:40])
    (tmp_path / "new" / "list.json").write_text(json.dumps([1]))
    assert len(kept(tmp_path / "new")) == 1
    assert kept(tmp_path / "none") == ()


def _mapping(unmapped: Policy) -> Mapping:
    return replace(builtin_mapping(), unmapped=unmapped)


MAPPED: dict[str, tuple[Policy, list[str], Verdict, str]] = {
    "all is named": (Policy.REFUSE, ["users", "projects", "conversations"], Verdict.OK, "3 mapped"),
    "another is archived": (
        Policy.ARCHIVE,
        ["users", "projects", "conversations", "odd"],
        Verdict.OK,
        "1 archived (not named by the mapping: odd)",
    ),
    "another would be left behind": (
        Policy.IGNORE,
        ["users", "projects", "conversations", "odd"],
        Verdict.FAIL,
        "odd would be left behind",
    ),
    "another is refused": (
        Policy.REFUSE,
        ["users", "projects", "conversations", "odd"],
        Verdict.FAIL,
        "odd is refused",
    ),
    "nothing is there": (Policy.ARCHIVE, [], Verdict.FAIL, "users is required and not there"),
}


@pytest.mark.parametrize("case", MAPPED)
def test_every_collection_has_its_place(case: str) -> None:
    unmapped, names, verdict, words = MAPPED[case]
    found = mapped(_mapping(unmapped), names, "")
    assert (found.verdict, words in found.value) == (verdict, True), found


async def test_the_source_itself_is_looked_at(place: Place, mongo_url: Dsn, mongo_database: str) -> None:
    scene = await place()
    assert (await measured(collections_gate(scene))).value.endswith("(not named by the mapping: templates)")
    live = replace(scene, source=mongo_url, database=mongo_database)
    assert "required and not there" in (await measured(collections_gate(live))).value
    for source in (None, Dsn("mongodb://127.0.0.1:1"), "/no/such/folder"):
        found = await measured(collections_gate(replace(scene, source=source)))
        assert (found.verdict, bool(found.why)) == (Verdict.UNKNOWN, True), found


_COPIED = (
    "INSERT INTO devora_console.run (run, kind, state, mapping_hash, started_at, finished_at)"
    " VALUES (gen_random_uuid(), 'execute', '{state}', '{hash}', now(), {end})"
)
_SAID = "UPDATE devora_console.run SET summary = jsonb_set(summary, '{%s}', '%s') WHERE kind = 'verify'"

VERIFICATION: dict[str, tuple[Callable[[Scene], tuple[str, ...]], Verdict, str]] = {
    "as it was made": (lambda scene: (), Verdict.OK, "0 differences at level fields in 40 rows"),
    "none": (
        lambda scene: ("DELETE FROM devora_console.run WHERE kind = 'verify'",),
        Verdict.UNKNOWN,
        "no verification of this target is recorded",
    ),
    "of another mapping": (
        lambda scene: ("UPDATE devora_console.run SET mapping_hash = 'other' WHERE kind = 'verify'",),
        Verdict.UNKNOWN,
        "the mapping has changed since",
    ),
    "of another source": (
        lambda scene: ("UPDATE devora_console.run SET source_identity = 'dump /yesterday' WHERE kind = 'verify'",),
        Verdict.UNKNOWN,
        "another source, dump /yesterday",
    ),
    "of the database that this is a copy of": (
        lambda scene: (_SAID % ("target", '"postgresql 1/1"'),),
        Verdict.UNKNOWN,
        "of which this is a copy",
    ),
    "of nobody knows which database": (
        lambda scene: ("UPDATE devora_console.run SET summary = summary - 'target'",),
        Verdict.UNKNOWN,
        "does not say of which database",
    ),
    "before another copy": (
        lambda scene: (_COPIED.format(state="done", hash=scene.mapping.hash, end="now()"),),
        Verdict.UNKNOWN,
        "written to by a migration since",
    ),
    "of counts only": (lambda scene: (_SAID % ("level", '"counts"'),), Verdict.FAIL, "contents were not compared"),
    "with differences": (
        lambda scene: (_SAID % ("ok", "false"), _SAID % ("differences", "[1, 2]"), _SAID % ("tables,0,status", '"x"')),
        Verdict.FAIL,
        "2 differences (not in order: users)",
    ),
    "of nothing": (lambda scene: (_SAID % ("tables", "[]"),), Verdict.UNKNOWN, "it met no row"),
}


@pytest.mark.parametrize(
    "case",
    cases(VERIFICATION, "as it was made", "of another mapping", "of another source", "of counts only"),
)
async def test_the_newest_verification_is_good_and_of_this(place: Place, case: str) -> None:
    statements, verdict, words = VERIFICATION[case]
    scene = await place()
    await do(scene, *statements(scene))
    found = await measured(verification_gate(scene))
    assert (found.verdict, words in f"{found.value} {found.why}") == (verdict, True), found


async def test_a_verification_ages(place: Place) -> None:
    scene = await place()
    await do(
        scene,
        "UPDATE devora_console.run SET finished_at = now() - interval '3 h'",
        "UPDATE devora_console.run SET started_at = now() - interval '2 h', finished_at = now() - interval '110 min'"
        " WHERE kind = 'verify'",
    )
    gate = verification_gate(scene)
    found = await measured(gate)
    assert found.verdict is Verdict.OK
    assert judged(found, gate.ttl, utc_now()) is Verdict.STALE


async def test_a_copy_of_a_verified_database_is_not_verified(place: Place) -> None:
    found = await measured(verification_gate(await place(adopted=False)))
    assert (found.verdict, "of which this is a copy" in found.why) == (Verdict.UNKNOWN, True)


_WAIVE = "UPDATE devora_console.quarantine SET resolved_at = now(), resolved_by = 'waived by ana', reason = 'a test'"

QUARANTINE: dict[str, tuple[Callable[[Scene], tuple[str, ...]], Verdict, str]] = {
    "one is open": (lambda scene: (), Verdict.FAIL, "1 unresolved: users 1"),
    "all are waived by name": (lambda scene: (_WAIVE,), Verdict.OK, "1 waived (users 1), none open"),
    "the waived one has migrated since": (
        lambda scene: (_WAIVE, "UPDATE devora_console.document SET fate = 'migrated'"),
        Verdict.OK,
        "empty",
    ),
    "the copy is under way": (
        lambda scene: (_WAIVE, _COPIED.format(state="running", hash=scene.mapping.hash, end="NULL")),
        Verdict.UNKNOWN,
        "is under way",
    ),
    "the copy was cut off": (
        lambda scene: (_WAIVE, _COPIED.format(state="stopped", hash=scene.mapping.hash, end="now()")),
        Verdict.UNKNOWN,
        "ended as stopped",
    ),
    "the copy was by another mapping": (
        lambda scene: (_WAIVE, _COPIED.format(state="done", hash="other", end="now()")),
        Verdict.UNKNOWN,
        "was by another mapping",
    ),
}


@pytest.mark.parametrize("case", cases(QUARANTINE, "one is open", "all are waived by name", "the copy was cut off"))
async def test_quarantine_is_empty_or_waived(place: Place, case: str) -> None:
    statements, verdict, words = QUARANTINE[case]
    scene = await place()
    await do(scene, *statements(scene))
    found = await measured(quarantine_gate(scene))
    assert (found.verdict, words in f"{found.value} {found.why}") == (verdict, True), found


async def test_a_rehearsal_knows_what_was_waived(place: Place, untouched: Place) -> None:
    """Its target is another one, into which the same documents come to quarantine again."""
    real, copy = await place(), await untouched()
    await do(real, _WAIVE)
    assert isinstance(copy.source, str)
    async with (
        real.target.strictly(purpose="test", statement_timeout_seconds=5) as before,
        connection(dsn_of(copy), purpose="test", read_only=False) as after,
    ):
        assert [await carry_waivers(before, after), await carry_waivers(before, after)] == [1, 0]
    await execute(dsn_of(copy), Path(copy.source))
    found = await measured(quarantine_gate(copy))
    assert (found.verdict, found.value) == (Verdict.OK, "1 waived (users 1), none open"), found


_UNHEEDED = "ALTER TABLE messages DISABLE TRIGGER update_messages_search"
_BARE = "UPDATE messages SET search_vector = NULL WHERE ctid = (SELECT min(ctid) FROM messages)"

VECTORS = {
    "a copy fills them": ((), Verdict.OK, "every row of 3 tables (20 rows)"),
    "one row lacks its own": ((_UNHEEDED, _BARE), Verdict.FAIL, "messages.search_vector 1 of 12"),
    "nobody fills them any more": (
        ("DROP TRIGGER update_messages_search ON messages", _BARE),
        Verdict.FAIL,
        "messages.search_vector 1 of 12",
    ),
    "a document is missing": (
        ("DELETE FROM search_documents WHERE entity_type = 'project'",),
        Verdict.FAIL,
        "search documents of projects: ",
    ),
}


@pytest.mark.parametrize("case", cases(VECTORS, "a copy fills them", "one row lacks its own"))
async def test_search_vectors_are_filled(place: Place, case: str) -> None:
    statements, verdict, words = VECTORS[case]
    scene = await place()
    await do(scene, *statements)
    found = await measured(vectors_gate(scene))
    assert (found.verdict, words in found.value) == (verdict, True), found


async def test_before_anything_was_copied(untouched: Place) -> None:
    scene = await untouched()
    quarantine, vectors = await measured(quarantine_gate(scene)), await measured(vectors_gate(scene))
    assert (quarantine.verdict, quarantine.why) == (
        Verdict.UNKNOWN,
        "nothing has been copied into this target yet",
    )
    assert (vectors.verdict, vectors.value) == (Verdict.OK, "every row of 3 tables (no row yet)")


async def test_what_row_security_hides_is_not_counted_as_none(place: Place) -> None:
    scene = await place()
    await do(scene, _UNHEEDED, _BARE)
    role = await as_role(dsn_of(scene), "app_user")
    await do(scene, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_user")
    found = await measured(vectors_gate(replace(scene, target=Target(PostgresSettings(dsn=role)))))
    assert (found.verdict, "row-level security" in found.why) == (Verdict.UNKNOWN, True), found
