"""The acts on a cutover: each with its question, each at most once at a time."""

from __future__ import annotations

from textual import work

from devora_console.core.problems import ConsoleError
from devora_console.cutover.gating import GateLine
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine
from devora_console.tui.render.cutover_asks import Ask, ask
from devora_console.tui.render.cutover_can import Here, suggested
from devora_console.tui.render.cutover_commands import command_words
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.confirm import ConfirmScreen

_LOSS = 120.0  # seconds: every table of the target is looked at
_ALL_DAY = 86_400.0  # GO measures every gate first; an act is never cut off, its outcome would be unknown


class CutoverActing(ConsoleScreen):
    """A screen of the cutover; subclasses say what the cursor is on."""

    def __init__(self) -> None:
        super().__init__()
        self._asking = False
        self._under_way: dict[str, str] = {}  # verb to words of what was asked and has not answered yet

    @property
    def snapshot(self) -> CutoverSnapshot:
        """The latest snapshot."""
        return self.host.services.cutover()

    def gate(self) -> GateLine | None:
        """The gate under the cursor."""
        return None

    def step(self) -> StepLine | None:
        """The step under the cursor."""
        return None

    @property
    def here(self) -> Here:
        """The snapshot and the cursor."""
        return Here(self.snapshot, self.gate(), self.step())

    @property
    def busy(self) -> str:
        """What was asked of the services and has not answered yet."""
        return ", ".join(self._under_way.values())

    def can(self, verb: str) -> bool:
        """What makes sense in the present state of the run."""
        return verb not in self._under_way and self.here.can(verb)

    def suggestions(self) -> list[tuple[str, str]]:
        """Keys that lead on, with words; the likeliest first."""
        known = {action.verb: action for action in self.host.actions if action.id.startswith("cutover.")}
        return [
            (known[verb].key, known[verb].words) for verb in suggested(self.here) if self.check_action(verb, ()) is True
        ]

    def command(self) -> str:
        """The command line of what leads on; else of looking at the run, or at the plan."""
        verbs = [verb for verb in suggested(self.here) if self.check_action(verb, ()) is True]
        looking = "cutover status" if self.snapshot.run is not None else "cutover plan"
        words = next(filter(None, (command_words(verb, self.here) for verb in verbs)), looking)
        return self.host.services.as_command(words)

    # --- asking and doing -------------------------------------------------------------------------

    def _begin(self, verb: str) -> None:
        """Ask, then act. A key that repeats while the question comes up asks nothing twice."""
        if self._asking or self.check_action(verb, ()) is not True:
            return
        self._asking = True
        self._ask(verb)

    @work(exit_on_error=False, group="confirm", description="confirm")
    async def _ask(self, verb: str) -> None:
        try:
            if verb == "roll_back" and self._loses():
                await self._measure_loss()
            question = ask(verb, self.here, self.host.services.as_command)
            asking = ConfirmScreen(
                question.preview, self.look, question.confirm, say=question.say, least=question.least
            )
            agreed = await self.app.push_screen_wait(asking) is not None
        finally:
            self._asking = False
        if agreed:
            self._do(verb, question, asking.said)

    def _loses(self) -> bool:
        plan = self.snapshot.rollback
        return plan is not None and plan.past

    async def _measure_loss(self) -> None:
        """What going back would lose is known before it is asked whether to; it is asked anyway when it cannot be."""
        self._under_way["loss"] = "measuring what it would lose"
        self.catch_up()
        try:
            doing = self.host.services.cutover_act("measure_loss", "", "")
            await self.host.bridge.ask(doing, "measuring what it would lose", within=_LOSS)
        except ConsoleError as error:
            self.host.complain(error.problem)
        finally:
            self._under_way.pop("loss", None)
        self.catch_up()

    def _do(self, verb: str, question: Ask, said: str) -> None:
        self._act(verb, question.verb, question.target, said, question.confirm)

    @work(exit_on_error=False, group="acting", description="act")
    async def _act(self, key: str, verb: str, target: str, said: str, words: str) -> None:
        if key in self._under_way:
            return
        self._under_way[key] = words
        self.host.complain(None)
        self.catch_up()
        try:
            doing = self.host.services.cutover_act(verb, target, said)
            await self.host.bridge.ask(doing, words, within=_ALL_DAY, abandon=False)
        except ConsoleError as error:
            self.host.complain(error.problem)
        finally:
            self._under_way.pop(key, None)
        self.catch_up()

    # --- the keys ---------------------------------------------------------------------------------

    def action_measure(self) -> None:
        """Measure every gate; it changes nothing, so nothing is asked."""
        if self.check_action("measure", ()) is True:
            self._act("measure", "measure", "", "", "measuring")

    def action_measure_one(self) -> None:
        """Measure the gate under the cursor."""
        gate = self.gate()
        if gate is not None and self.check_action("measure_one", ()) is True:
            self._act("measure_one", "measure", gate.id, "", f"measuring {self.look.text(gate.id, 40)}")

    def action_begin(self) -> None:
        """Open a run."""
        self._begin("begin")

    def action_rehearse(self) -> None:
        """Open a rehearsal."""
        self._begin("rehearse")

    def action_go(self) -> None:
        """GO, for the run or past the point of no return."""
        self._begin("go")

    def action_take_up(self) -> None:
        """Become the driver."""
        self._begin("take_up")

    def action_go_on(self) -> None:
        """Give the key, or resume."""
        self._begin("go_on")

    def action_pause_run(self) -> None:
        """Start nothing further."""
        self._begin("pause_run")

    def action_attest(self) -> None:
        """A gate is open, or manual work done."""
        self._begin("attest")

    def action_waive(self) -> None:
        """Pass a shut gate."""
        self._begin("waive")

    def action_retry(self) -> None:
        """Start the step again."""
        self._begin("retry")

    def action_happened(self) -> None:
        """The step took effect."""
        self._begin("happened")

    def action_did_not_happen(self) -> None:
        """The step took no effect."""
        self._begin("did_not_happen")

    def action_skip(self) -> None:
        """Leave a step out."""
        self._begin("skip")

    def action_roll_back(self) -> None:
        """Take back what was done."""
        self._begin("roll_back")

    def action_vote_go(self) -> None:
        """Approve."""
        self._begin("vote_go")

    def action_object(self) -> None:
        """Object."""
        self._begin("object")

    def action_note(self) -> None:
        """Add a note."""
        self._begin("note")

    def action_stop_step(self) -> None:
        """End the program of the step."""
        self._begin("stop_step")
