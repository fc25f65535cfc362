"""A write that slips into the source after it was frozen: the walk stops before the switch, and says where it was."""

from __future__ import annotations

import pytest

from devora_console.core.console import Verdict
from devora_console.cutover.events import Kind
from devora_console.cutover.state import RunState, StepState
from tests.cutover.big_bang import Blaze, blaze  # noqa: F401 - the fixture

INSERT = 'db.invoices.insert_one({"id": "slipped", "amount": 1})', "invoices"
UPDATE = 'db.projects.update_one({"name": "Projet 1"}, {"$set": {"name": "Projet 7"}})', "projects"
DELETE = 'db.users.delete_one({"email": "user3@example.org"})', "users"
SWAP = 'db.templates.delete_one({"stars": 2}); db.templates.insert_one({"id": "slipped", "stars": 2})', "templates"
NEW = 'db.slipped.insert_one({"id": "slipped"})', "slipped"
DROP = "db.templates.drop()", "templates"
SLIPS = [
    pytest.param(*INSERT, id="insert"),
    pytest.param(*UPDATE, id="update that keeps the count"),
    pytest.param(*DELETE, id="delete"),
    pytest.param(*SWAP, id="delete and insert"),
    pytest.param(*NEW, id="new collection"),
    pytest.param(*DROP, id="dropped collection"),
]


def stopped_before_the_switch(blaze: Blaze, collection: str, said: str) -> None:  # noqa: F811
    """The gate is red with the collection's name, wherever one looks; the application was not touched."""
    run = blaze.run()
    gate = run.gates["source.silent"]
    assert gate.verdict is Verdict.FAIL, gate
    assert gate.value == f"the source was written to: {collection}"
    assert gate.value in said.splitlines()[-1]
    assert run.step("keep-state").state is StepState.WAITING
    assert gate.value in run.step("keep-state").reason
    assert not run.step("keep-state").touched
    assert run.step("switch").state is StepState.PENDING
    blaze.stage.did("switch", "mongo", "--check")
    status = blaze.status()
    assert (status["current"], status["run"]["succeeded"]) == ("keep-state", False)
    assert gate.value in status["headline"]
    told = next(each for each in status["gates"] if each["id"] == "source.silent")
    assert (told["verdict"], told["value"]) == ("fail", gate.value)
    assert f"| source.silent | measured | fail | {gate.value} |" in blaze.report()
    assert blaze.whole()


def test_an_update_that_keeps_the_count_after_the_freeze_stops_the_switch(blaze: Blaze) -> None:  # noqa: F811
    statement, collection = UPDATE
    blaze.configure("maintenance-on", "freeze", "before-keep-state", "keep-state", "switch", "open")
    blaze.write_at("keep-state", statement)
    code, said = blaze.walk("--go")
    assert (code, blaze.happened("keep-state")) == (5, True), said
    stopped_before_the_switch(blaze, collection, said)


@pytest.mark.slow
@pytest.mark.parametrize(("statement", "collection"), SLIPS)
def test_a_write_after_the_freeze_stops_the_switch(blaze: Blaze, statement: str, collection: str) -> None:  # noqa: F811
    blaze.write_at("analyze", statement)
    code, said = blaze.walk("--go")
    assert (code, blaze.happened("analyze")) == (5, True), said
    stopped_before_the_switch(blaze, collection, said)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["final-backup", "migrate", "verify"])
@pytest.mark.parametrize(("statement", "collection"), [UPDATE, SWAP], ids=["update", "swap"])
def test_a_write_before_the_comparison_is_no_less_a_write(
    blaze: Blaze,  # noqa: F811
    statement: str,
    collection: str,
    step: str,
) -> None:
    blaze.write_at(step, statement)
    code, said = blaze.walk("--go")
    assert (code, blaze.happened(step)) == (5, True), said
    if step == "verify":  # the comparison itself has found it
        assert (blaze.run().state, blaze.state("verify")) == (RunState.PAUSED, StepState.FAILED), said
        blaze.stage.did("switch", "mongo", "--check")
        return
    stopped_before_the_switch(blaze, collection, said)


@pytest.mark.slow
@pytest.mark.parametrize(("statement", "collection"), SLIPS[:4])
def test_a_write_after_the_switch_stops_the_opening(blaze: Blaze, statement: str, collection: str) -> None:  # noqa: F811
    blaze.write_at("smoke", statement)
    code, said = blaze.walk("--go")
    run = blaze.run()
    assert (code, run.state, run.step("still-silent").state) == (5, RunState.PAUSED, StepState.FAILED), said
    assert f"the source was written to: {collection}" in run.reason
    assert f"the source was written to: {collection}" in blaze.status()["headline"]
    assert not run.step("open").touched
    assert blaze.serves()[0] == 503
    code, said = blaze.decide("retry", "still-silent")
    code, said = blaze.walk("--resume", "--go")
    assert (code, blaze.state("still-silent")) == (5, StepState.FAILED), said
    code, said = blaze.roll_back()
    assert code == 0, said
    assert blaze.serves() == (200, "mongo")


@pytest.mark.slow
def test_what_slipped_in_is_copied_silence_recorded_anew_and_the_walk_goes_on(blaze: Blaze) -> None:  # noqa: F811
    blaze.write_at("analyze", UPDATE[0])
    code, said = blaze.walk("--go")
    assert code == 5, said
    typed = ("--allow-writes", "--yes-i-typed", "devora")
    record = str(blaze.folder / "silence")
    for words in (
        ("source", "silence", "--seconds", "1", "--record", record),
        ("migrate", "--execute", "--prune", *typed),
        ("verify", "--level", "fields"),
        ("act", "analyze", "--database", *typed),
    ):
        code, said = blaze.console(*words)
        assert code == 0, said
    code, said = blaze.walk("--resume", "--go")
    assert (code, blaze.run().state) == (0, RunState.DONE), said
    found = [each.payload["verdict"] for each in blaze.events(Kind.GATE) if each.payload["gate"] == "source.silent"]
    assert "fail" in found
    assert found[-1] == "ok"
    assert blaze.serves() == (200, "postgres")
