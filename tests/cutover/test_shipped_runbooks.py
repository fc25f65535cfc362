"""The two runbooks that come with the console: what the guide's script has to become."""

from __future__ import annotations

from pathlib import Path

import pytest

from devora_console.core.problems import ConsoleError
from devora_console.cutover.model import Runbook, StepKind
from devora_console.cutover.runbook import MEASURED, SHIPPED, Given, load_runbook
from devora_console.cutover.runbook_shape import FileShape, GateShape, HeadShape, ProbeShape, StepShape
from devora_console.cutover.state import RunState, StepState
from devora_console.cutover.timing import Timings
from devora_console.cutover.undo import How, rollback_plan
from tests.cutover.small_runbook import SURROUNDINGS, Stood, run_of

SITE = {"site": "/opt/site.sh", "front_url": "http://f", "app_url": "http://a", "green_url": "http://g"}


def shipped(name: str, **variables: str) -> Runbook:
    """One of them, for a site."""
    shared = SITE | {"sync": "read-only"} | variables
    return load_runbook(name, Given(SURROUNDINGS, {}, shared), Path())


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_read_and_everything_before_its_end_can_be_taken_back(name: str) -> None:
    book = shipped(name)
    assert book.name == name
    last = book.point_of_no_return
    assert last is not None
    assert (last.id, last.people, last.pause) == ("open", 1, False)  # its own GO is typed: no key besides
    for step in book.steps[: book.steps.index(last)]:
        if step.kind is StepKind.COMMAND:
            assert step.undo is not None
            assert step.probes


@pytest.mark.parametrize("name", SHIPPED)
def test_past_the_end_the_site_is_shut_before_what_was_written_is_kept(name: str) -> None:
    """Kept before it, what is written until it is shut would be lost."""
    book = shipped(name)
    stood = {step.id: Stood(StepState.PASSED, (0,)) for step in book.steps}
    past = rollback_plan(run_of(book, stood, state=RunState.ROLLING_BACK), book, Timings())
    acts = [way.step for way in past.acts if way.step in ("open", "mark", "switch", "route-all")]
    assert acts[:2] == ["open", "mark"]
    assert (past.past, past.people) == (True, 2)
    shut = rollback_plan(run_of(book, {"mark": stood["mark"]}, state=RunState.ROLLING_BACK), book, Timings())
    (way,) = shut.ways
    assert (way.how, way.time, shut.past) == (How.NOTHING, None, False)
    assert "was not passed" in way.words


def test_every_line_of_the_guides_script_is_covered_and_maintenance_ends() -> None:
    book = shipped("big-bang")
    guide = [step.guide for step in book.steps]
    assert [f"[{n}/7]" in guide for n in range(1, 8)] == [True] * 7
    assert book.steps[-1].command is not None
    assert book.steps[-1].command.argv == ("/opt/site.sh", "maintenance", "off")
    assert {gate.item for gate in book.gates} == {None, *range(1, 9)}
    assert {gate.id for gate in book.gates if gate.attested} == {"rollback.read", "team.informed"}
    assert {gate.id for gate in book.gates if not gate.attested} == MEASURED


def test_a_rollback_puts_the_environment_back_before_it_recreates_the_application() -> None:
    order = [step.id for step in shipped("big-bang").steps]
    assert order.index("keep-state") < order.index("switch") < order.index("recreate")
    undo = shipped("big-bang").step("keep-state").undo
    assert undo is not None
    assert undo.command is not None
    assert undo.command.argv == ("/opt/site.sh", "recreate")


def test_blue_green_is_refused_without_a_sync_that_is_declared_and_measured(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match=r"vars\.sync: has no value"):
        shipped("blue-green", sync="")
    with pytest.raises(ConsoleError, match=r"vars\.sync: should be 'read-only' or 'command'"):
        shipped("blue-green", sync="readonly")
    route = shipped("blue-green", sync="command").step("route-some").command
    assert route is not None
    assert route.argv == ("/opt/site.sh", "route", "10", "--command")
    text = shipped("blue-green").text
    (tmp_path / "unmeasured.toml").write_text(text.replace('"sync", "{sync}"]', '"sync"]'))
    with pytest.raises(ConsoleError, match=r"vars\.sync: is declared but never measured"):
        load_runbook("unmeasured.toml", Given(SURROUNDINGS, {}, SITE | {"sync": "command"}), tmp_path)
    undeclared = text.replace('sync = ""', "").replace("{sync}", "read-only")
    (tmp_path / "undeclared.toml").write_text(undeclared)
    with pytest.raises(ConsoleError, match=r"strategy: a blue-green runbook declares the variable sync"):
        load_runbook("undeclared.toml", Given(SURROUNDINGS, {}, SITE), tmp_path)


def test_a_day_can_be_shortened_for_a_walk() -> None:
    book = shipped("blue-green", observe_seconds="10", retire_seconds="5", sample_floor="3", percent="50")
    assert (book.step("observe").wait_seconds, book.step("keep-blue").wait_seconds) == (10, 5)
    assert book.step("route-some").title == "Send 50 % of the visitors to green"


def test_the_first_documents_every_key() -> None:
    text = shipped("big-bang").text
    for model in (FileShape, HeadShape, GateShape, StepShape, ProbeShape):
        for name, field in model.model_fields.items():
            assert (field.alias or name) in text, name
