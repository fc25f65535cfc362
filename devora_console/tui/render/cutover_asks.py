"""What is asked before an act on a cutover: its consequence, the same as a command, what has to be said and typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devora_console.core.clock import span
from devora_console.core.console import Preview
from devora_console.cutover.gating import blocking, why_blocked
from devora_console.cutover.snapshot import StepLine
from devora_console.cutover.state import RunMode, RunState
from devora_console.cutover.undo import PLAN_B_PEOPLE, How
from devora_console.cutover.voting import ROLLBACK_SCOPE, RUN_SCOPE
from devora_console.doctor.cutover import gates_for_go
from devora_console.tui.render.cutover_can import Here
from devora_console.tui.render.cutover_commands import command_words

LEAST = 10
"""Characters of a reason or evidence: "ok" is neither."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. ``verb`` and ``target`` are what the services are asked for once it was confirmed; ``say`` asks for
    words of ``least`` characters, '' for none.
    """

    verb: str
    target: str
    preview: Preview
    confirm: str
    say: str = ""
    least: int = LEAST


def ask(verb: str, here: Here, command: Callable[[str], str]) -> Ask:
    """The question of an act. ``command`` makes a command line of a subcommand."""
    return _ASKS[verb](here, command)


Command = Callable[[str], str]


def _made(
    here: Here, command: Command, key: str, verb: str, title: str, consequence: str, *, type_name: str = ""
) -> tuple[str, Preview]:
    words = command_words(key, here)
    return verb, Preview(title, consequence, "", "", command(words) if words else "", type_name)


def _begin(here: Here, command: Command) -> Ask:
    window = here.seen.window
    fits = "" if window is None or window.fits else f" Its window is too short by {span(-window.spare_seconds)}."
    words = (
        f"A run of this runbook is opened in {here.seen.environment}. Nothing is done yet: its gates are attested and "
        f"measured in it, then it waits for GO.{fits}"
    )
    verb, preview = _made(here, command, "begin", "open", "Open a run", words)
    return Ask(verb, "", preview, "Open")


def _rehearse(here: Here, command: Command) -> Ask:
    skipped = [each for each in here.seen.steps if each.planned.rehearsal.startswith("skipped")]
    words = (
        "A rehearsal is opened: a scratch database is made beside the target, every step but "
        f"{len(skipped)} that would touch the site is done on it, and all is taken back at the end. It waits for GO."
    )
    verb, preview = _made(here, command, "rehearse", "rehearse", "Open a rehearsal", words)
    return Ask(verb, "", preview, "Rehearse")


def _go(here: Here, command: Command) -> Ask:
    line = here.current
    if here.at_no_return and line is not None:
        return _no_return(here, command, line)
    seen, asked = here.seen, gates_for_go(here.seen)
    shut = blocking(asked)
    gates = f"{len(asked) - len(shut)} of {len(asked)} gates are open now. "
    if shut:
        gates += "Not open: " + why_blocked(shut[:4])
        gates += f"; and {len(shut) - 4} more. " if len(shut) > 4 else ". "
    rehearsal = here.live is not None and here.live.mode is RunMode.REHEARSAL
    poll = "" if rehearsal else " Then people are polled for strong objections; silence is consent."
    window = seen.window
    late = "" if window is None or window.fits else f" The window is too short by {span(-window.spare_seconds)}."
    words = (
        f"The {len(seen.steps)} steps begin in {seen.environment}, driven from here. {gates}All of them are measured "
        f"again now, and one that is not open refuses GO.{poll}{late}"
    )
    verb, preview = _made(here, command, "go", "go", "GO", words, type_name=seen.environment)
    return Ask(verb, "", preview, "GO")


def _no_return(here: Here, command: Command, line: StepLine) -> Ask:
    seen, planned = here.seen, line.planned
    last = seen.rollback.eta if seen.rollback is not None else None
    back = f" Now everything can still be taken back, in about {span(last.p50)}." if last is not None else ""
    people = f" {planned.people} people have to approve it (V)." if planned.people > 1 else ""
    words = (
        f"Step {planned.number}, {planned.title}, is the point of no return: from here on visitors write to "
        f"PostgreSQL. Going back afterwards loses what they wrote, and needs two people. This cannot be undone.{back}"
        f"{people}"
    )
    typed = f"{seen.environment} {planned.id}"
    verb, preview = _made(here, command, "go", "go", "GO past the point of no return", words, type_name=typed)
    return Ask(verb, planned.id, preview, "GO")


def _take_up(here: Here, command: Command) -> Ask:
    words = "This console becomes the driver. What runs goes on; what comes next is started from here."
    return Ask(*_with_target("", _made(here, command, "take_up", "take_up", "Drive the run", words)), "Drive")


def _with_target(target: str, made: tuple[str, Preview]) -> tuple[str, str, Preview]:
    return made[0], target, made[1]


def _go_on(here: Here, command: Command) -> Ask:
    run, line = here.live, here.current
    paused = run is not None and run.state is RunState.PAUSED
    what = f"step {line.planned.number}, {line.planned.title}" if line is not None else "its end"
    words = f"The run goes on with {what}." if paused else f"The run waits for a key before {what}: this gives it."
    made = _made(here, command, "go_on", "resume" if paused else "release", "Continue", words)
    return Ask(*_with_target("", made), "Continue")


def _pause(here: Here, command: Command) -> Ask:
    words = "Nothing further is started. A step that runs goes on to its end; the site stays as it is meanwhile."
    return Ask(*_with_target("", _made(here, command, "pause_run", "pause", "Pause the run", words)), "Pause")


def _attest(here: Here, command: Command) -> Ask:
    gate, line = here.gate, here.current
    if gate is not None:
        words = f"You say, by name, that this is so: {gate.title}. {gate.about}".rstrip()
        made = _made(here, command, "attest", "attest", f"Attest {gate.id}", words)
        return Ask(*_with_target(gate.id, made), "Attest", "The evidence: who, what, when, where")
    assert line is not None
    words = (
        f"You say, by name, that this was done: {line.planned.words or line.planned.title}. Its probes are asked then."
    )
    made = _made(here, command, "attest", "done", f"Done: {line.planned.title}", words)
    return Ask(*_with_target(line.planned.id, made), "Done", "The evidence: what was done, and how one sees it")


def _waive(here: Here, command: Command) -> Ask:
    gate = here.gate
    assert gate is not None
    words = (
        f"This run passes {gate.id} although it is {gate.verdict.value}: {gate.value}. The waiver counts for this run "
        "alone, and is exported with your name and reason."
    )
    made = _made(here, command, "waive", "waive", "Waive a gate", words, type_name=gate.id)
    return Ask(*_with_target(gate.id, made), "Waive", "Why it may be passed")


def _step_act(key: str, verb: str, title: str, words: str, confirm: str, say: str = "") -> Callable[..., Ask]:
    def made(here: Here, command: Command) -> Ask:
        line = here.current
        assert line is not None
        past = key in ("happened", "did_not_happen") and here.seen.rollback is not None and here.seen.rollback.past
        two = f" Past the point of no return {PLAN_B_PEOPLE} people have to vote for it first (V)." if past else ""
        shown = words.format(step=f"step {line.planned.number}, {line.planned.title}", state=line.state.value)
        found = _made(here, command, key, verb, f"{title}: {line.planned.title}", shown + two)
        return Ask(*_with_target(line.planned.id, found), confirm, say)

    return made


def _skip(here: Here, command: Command) -> Ask:
    line = here.skippable
    assert line is not None
    words = (
        f"Step {line.planned.number}, {line.planned.title}, is left out: it is not done, its probes are not asked, and "
        "what follows relies on nothing that it does. It is exported with your name and reason."
    )
    made = _made(here, command, "skip", "skip", "Skip a step", words, type_name=line.planned.id)
    return Ask(*_with_target(line.planned.id, made), "Skip", "Why the run may go on without it")


def _roll_back(here: Here, command: Command) -> Ask:
    seen, plan = here.seen, here.seen.rollback
    assert plan is not None
    if not plan.ways:
        words = "Nothing was done yet: the run ends, and another can be opened."
    else:
        steps = "; ".join(
            f"{each.number} {each.title}{_by(each.how)}" for each in plan.ways if each.how is not How.NOTHING
        )
        words = f"Taken back in about {span(plan.eta.p50)}, the latest first: {steps or 'nothing'}."
    if plan.past:
        missing = here.missing_for_rollback
        people = (
            f"{plan.people} people have to vote for it first (V, scope {ROLLBACK_SCOPE}): {missing or 'they have'}."
        )
        lost = f" Measured now: {'; '.join(seen.loss)}." if seen.loss else ""
        words = f"{plan.plan_b}{lost} {people} {words}"
    made = _made(here, command, "roll_back", "roll_back", "Roll back", words, type_name=seen.environment)
    return Ask(*_with_target("", made), "Roll back", "Why")


def _by(how: How) -> str:
    return " (by a person)" if how is How.PERSON else ""


def _scope_words(here: Here) -> str:
    scope = here.vote_scope
    if scope == RUN_SCOPE:
        return "the GO of the run"
    if scope == ROLLBACK_SCOPE:
        stuck = " For the step itself, put the cursor on it first." if here.undecided else ""
        return f"a rollback past the point of no return.{stuck}"
    return f"step {scope}"


def _vote_go(here: Here, command: Command) -> Ask:
    words = f"You approve, by name: {_scope_words(here).rstrip('.')}. It counts for twelve hours, and for this plan."
    made = _made(here, command, "vote_go", "vote_go", "Vote go", words)
    return Ask(*_with_target(here.vote_scope, made), "Vote go")


def _object(here: Here, command: Command) -> Ask:
    words = (
        f"You object, by name, to {_scope_words(here).rstrip('.')}. An objection takes a GO back that is being polled."
    )
    made = _made(here, command, "object", "object", "Object", words)
    return Ask(*_with_target(here.vote_scope, made), "Object", "Why")


def _note(here: Here, command: Command) -> Ask:
    made = _made(here, command, "note", "note", "Add a note", "It is written into the timeline, with your name.")
    return Ask(*_with_target("", made), "Add", "The note", 1)


_ASKS: Mapping[str, Callable[[Here, Command], Ask]] = {
    "begin": _begin,
    "rehearse": _rehearse,
    "go": _go,
    "take_up": _take_up,
    "go_on": _go_on,
    "pause_run": _pause,
    "attest": _attest,
    "waive": _waive,
    "retry": _step_act(
        "retry",
        "retry",
        "Retry",
        "{step}, is {state}. It is started again; where its program ended well, only its probes are asked again.",
        "Retry",
    ),
    "happened": _step_act(
        "happened",
        "happened",
        "It happened",
        "You say, by name, that {step} (now {state}) took effect. In a rollback: that it has been taken back.",
        "It happened",
        "How you know",
    ),
    "did_not_happen": _step_act(
        "did_not_happen",
        "did_not_happen",
        "It did not happen",
        "You say, by name, that {step} (now {state}) took no effect: the run may start it again. In a rollback: that "
        "it has not been taken back.",
        "It did not",
        "How you know",
    ),
    "skip": _skip,
    "roll_back": _roll_back,
    "vote_go": _vote_go,
    "object": _object,
    "note": _note,
    "stop_step": _step_act(
        "stop_step",
        "stop_step",
        "Stop the step",
        "The program of {step}, is asked to end, and killed if it does not. The step then counts as failed.",
        "Stop it",
    ),
}
