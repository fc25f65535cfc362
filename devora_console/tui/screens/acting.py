"""Acts from a list: preview, the name to type, progress, and what came of it."""

from __future__ import annotations

from textual import work

from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.model import Kind, Outcome, Request, Result
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.listing import ListScreen

_ALL_DAY = 86_400.0
_CONFIRM = {Kind.CANCEL: "End statement"}  # beside a button that is called Cancel


class ActingScreen(ListScreen):
    """A list whose lines can be acted on."""

    @work(exit_on_error=False, group="acting", description="act")
    async def act_on(self, request: Request, oid: int | None = None) -> None:
        """Ask for the plan, then the person, then do it."""
        services, bridge = self.host.services, self.host.bridge
        self.host.complain(None)
        try:
            plan = await bridge.ask(services.prepare_act(request, oid), "prepare the act", within=30)
            words = str(request.kind).replace("-", " ")
            confirm = _CONFIRM.get(request.kind, words.capitalize())
            typed = await self.app.push_screen_wait(ConfirmScreen(plan.preview, self.look, confirm))
            if typed is None:
                return
            result = await bridge.ask(services.perform_act(plan, typed), words, within=_ALL_DAY, abandon=False)
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        said = told(plan.preview.title, result)
        if result.outcome is Outcome.DONE:
            self.notify(self.look.text(said.message, 600), markup=False, timeout=10)
        else:
            self.host.complain(said)
        await bridge.ask(services.look(self.name_of), "look again")


def told(title: str, result: Result) -> Problem:
    """What came of an act, in words: its end, what was looked at afterwards, and what is left behind."""
    words = f"{title}: {result.outcome} after {result.seconds:.1f} s"
    if result.message:
        words += f": {result.message}"
    checked = [f"{check.what}: {_judged(check.ok)}" for check in result.checks]
    if checked:
        words += ". " + "; ".join(checked)
    remedy = ""
    if isinstance(result.leftovers, Unknown):
        remedy = f"What is left behind is not known: {result.leftovers.reason}"
    elif result.leftovers:
        remedy = " ".join(f"Left behind: {each.index} ({each.why}); {each.sql}" for each in result.leftovers)
    return Problem("act_" + str(result.outcome).replace(" ", "_"), words, remedy)


def _judged(ok: bool | Unknown) -> str:
    if isinstance(ok, Unknown):
        return f"not known ({ok.reason})"
    return "yes" if ok else "no"
