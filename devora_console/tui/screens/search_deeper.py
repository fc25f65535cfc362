"""What is looked at closer from the search screen: a hit, plans, exact neighbours, statements, prompts, grades."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from rich.text import Text
from textual import work
from textual.containers import VerticalScroll

from devora_console.core.problems import ConsoleError, Problem
from devora_console.search.judging.mark import grades_of, mark
from devora_console.search.judging.suite import Suite, read_suite
from devora_console.search.model import Asked, Method
from devora_console.tui.ports_search import SearchPort
from devora_console.tui.render.search_closer import neighbours_text, plans_text
from devora_console.tui.render.search_depth import hit_depth
from devora_console.tui.render.search_words import NAMES, View
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.search_forms import FiltersScreen, JudgeScreen, UserScreen
from devora_console.tui.screens.search_prompt import PromptScreen
from devora_console.tui.screens.search_sql import SqlScreen
from devora_console.tui.widgets.line import Line

_PATIENCE = 40.0
_DEPTH = "depth"


class Deeper(ConsoleScreen):
    """The part of the search screen that looks closer. What it finds stands beside the hits, or under them."""

    def __init__(self) -> None:
        super().__init__()
        self._beside: Text | str | None = None
        self._beside_of: object = None
        self._suite: Suite | None = None
        self._path = ""

    @property
    def port(self) -> SearchPort:
        """The services of searching."""
        raise NotImplementedError

    @property
    def wanted(self) -> Asked:
        """What is wanted now."""
        raise NotImplementedError

    @property
    def view(self) -> View:
        """All that is drawn from."""
        raise NotImplementedError

    def ask_differently(self, changed: Asked) -> None:
        """Ask the same text in another way."""
        raise NotImplementedError

    # --- beside the hits --------------------------------------------------------------------------

    def show_beside(self, words: Text | str | None, of: object = None) -> None:
        """Open the pane with these words; ``_DEPTH`` follows the cursor."""
        self._beside, self._beside_of = words, of
        self.draw_beside()
        self.query_one("#beside").scroll_home(animate=False)

    @property
    def beside_open(self) -> bool:
        """Whether something stands beside the hits."""
        return self._beside is not None

    def close_beside(self) -> bool:
        """Close the pane; False when it is closed."""
        was, self._beside = self._beside, None
        self.draw_beside()
        return was is not None

    def draw_beside(self) -> None:
        """Draw the pane, if it is open. What was found out about an answer goes with it."""
        pane = self.query_one("#beside", VerticalScroll)
        shown = self.port.seen.snapshot
        if self._beside_of is not None and (shown is None or shown.asked != self._beside_of):
            self._beside = None
        words = hit_depth(self.view, self.look) if self._beside == _DEPTH else self._beside
        changed = pane.display != bool(words)
        pane.display = bool(words)
        self.query_one("#beside-text", Line).show(words or "")
        if changed:
            self.call_after_refresh(self.catch_up)

    def action_open(self) -> None:
        """The hit under the cursor in depth, beside the hits; again closes it."""
        if self._beside == _DEPTH:
            self.close_beside()
        else:
            self.show_beside(_DEPTH)

    @work(exit_on_error=False, group="closer", exclusive=True, description="explain a search")
    async def action_plan(self) -> None:
        """The plan of the method under the cursor, run again."""
        view = self.view
        if view.snapshot is None:
            return
        self.show_beside(f"Running {NAMES[view.column]} again, under EXPLAIN (ANALYZE, BUFFERS).", view.snapshot.asked)
        try:
            plans = await self.host.bridge.ask(
                self.port.explain(view.snapshot, view.column), "explain the search", within=_PATIENCE
            )
        except ConsoleError as error:
            self.close_beside()
            self.host.complain(error.problem)
            return
        width = max(40, self.query_one("#beside").size.width - 3)
        self.show_beside(plans_text(plans, self.look, width), view.snapshot.asked)

    @work(exit_on_error=False, group="closer", exclusive=True, description="compare exactly")
    async def action_exact(self) -> None:
        """Exact neighbours beside those of the index."""
        view = self.view
        if view.snapshot is None:
            return
        self.show_beside("Comparing the query with every vector.", view.snapshot.asked)
        try:
            found = await self.host.bridge.ask(self.port.neighbours(view.snapshot), "compare exactly", within=_PATIENCE)
        except ConsoleError as error:
            self.close_beside()
            self.host.complain(error.problem)
            return
        answer = view.snapshot.methods.get(Method.SEMANTIC)
        titles = {hit.key: hit.title for each in view.snapshot.methods.values() for hit in each.hits}
        self.show_beside(neighbours_text(found, answer, titles, self.look), view.snapshot.asked)

    # --- screens of their own ---------------------------------------------------------------------

    def action_sql(self) -> None:
        """The exact statement of the method under the cursor."""
        view = self.view
        if view.snapshot is not None:
            self.app.push_screen(SqlScreen(self.port, view.snapshot, view.column))

    def action_rag(self) -> None:
        """The prompt this question becomes."""
        if self.wanted.text.strip():
            self.app.push_screen(PromptScreen(self.port, self.wanted))

    @work(exit_on_error=False, group="forms", exclusive=True, description="choose a user")
    async def action_user(self) -> None:
        """Choose as whom to search."""
        chosen = await self.app.push_screen_wait(UserScreen(self.port, self.look, self.host.bridge))
        if chosen is None:
            return
        self.person = chosen.email
        self.ask_differently(replace(self.wanted, user=chosen.id or None, as_owner=not chosen.id))

    @work(exit_on_error=False, group="forms", exclusive=True, description="set filters")
    async def action_filters(self) -> None:
        """Which types, since and until when, in which language, how many."""
        changed = await self.app.push_screen_wait(FiltersScreen(self.wanted, self.look))
        if changed is not None:
            self.ask_differently(changed)

    person: str = ""

    # --- judging ----------------------------------------------------------------------------------

    def grades(self) -> dict[tuple[str, str], int]:
        """The grades of what is shown."""
        shown = self.port.seen.snapshot
        return grades_of(self._suite, shown.asked.text) if self._suite is not None and shown is not None else {}

    @work(exit_on_error=False, group="forms", exclusive=True, description="judge a hit")
    async def action_judge(self) -> None:
        """Grade the hit under the cursor, in a suite's file."""
        view = self.view
        hit, shown = view.hit, view.snapshot
        if hit is None or shown is None:
            return
        user = shown.asked.user
        if user is None and not shown.asked.as_owner:
            self.host.complain(Problem("judge.no_user", "it is not said as whom to judge", "Choose a user (u)"))
            return
        whose = "" if user is not None else "as owner, from everybody's documents; press u to judge what a user gets"
        path = self._path or self.port.suite
        judged = await self.app.push_screen_wait(JudgeScreen(hit, shown.asked.text, path, self.look, whose))
        if judged is None:
            return
        path, grade = judged
        try:
            self._suite = await asyncio.to_thread(
                mark, Path(path), shown.asked.text, user, f"{hit.entity_type}/{hit.entity_id}", grade
            )
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        self._path = path
        self.notify(f"graded {grade} in {self.look.text(path, 200)}", markup=False, timeout=3)
        self.action_step(1)
        self.catch_up()

    def action_step(self, by: int) -> None:
        """Up or down among the hits."""
        raise NotImplementedError

    @work(exit_on_error=False, group="suite", exclusive=True, description="read the suite")
    async def read_grades(self) -> None:
        """The grades that are in the configured suite already; one that cannot be read says so when judging."""
        if not self.port.suite:
            return
        try:
            suite = await asyncio.to_thread(read_suite, Path(self.port.suite))
        except ConsoleError:
            return
        if not suite.documents:
            self._suite = suite
