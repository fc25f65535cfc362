"""Moving about on the search screen: among hits, methods and baselines, and turning the knobs."""

from __future__ import annotations

from devora_console.search.model import Method
from devora_console.tui.render.search_lines import KNOBS, order_of, turned
from devora_console.tui.render.search_words import BASELINES, BEFORE, baseline_words
from devora_console.tui.screens.search_deeper import Deeper
from devora_console.tui.widgets.search import Hits, KnobBar


class Moving(Deeper):
    """The part of the search screen that knows where the cursor is, and what the answers are compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.method: Method | None = None
        self.alone = Method.HYBRID
        self.baseline = Method.FTS.value
        self.column, self.at = Method.HYBRID, 0
        self.knob = KNOBS[0]

    @property
    def wide(self) -> bool:
        """Whether there is room for the methods side by side."""
        raise NotImplementedError

    def action_step(self, by: int) -> None:
        """Up or down among the hits."""
        answer = self.view.snapshot.methods.get(self.view.column) if self.view.snapshot else None
        if answer is not None and answer.hits:
            self.at = max(0, min(len(answer.hits) - 1, self.at + by))
            self.catch_up()

    def action_sideways(self, by: int) -> None:
        """To the next method's hits."""
        now = self.view.column
        self.column = self.alone = Method(order_of([each.value for each in Method], now.value, by))
        self.method = self.column if self.method is not None else None
        self.catch_up()

    def action_method(self) -> None:
        """Show the next method alone; all of them side by side where there is room."""
        if not self.wide:
            self.action_sideways(1)
            return
        every = (None, *Method)
        self.method = every[(every.index(self.method) + 1) % len(every)]
        self.column = self.alone = self.method or self.column
        self.catch_up()

    def action_baseline(self) -> None:
        """Compare with the next thing."""
        self.baseline = order_of(BASELINES, self.baseline, 1)
        if self.baseline == BEFORE and self.port.seen.before is None:
            self.baseline = order_of(BASELINES, self.baseline, 1)
        self.notify(f"compared with {baseline_words(self.baseline)}", markup=False, timeout=2)
        self.catch_up()

    # --- knobs ------------------------------------------------------------------------------------

    def action_knobs(self) -> None:
        """Turn knobs while looking: arrows choose and turn, Esc leaves."""
        bar = self.query_one(KnobBar)
        (self.query_one(Hits) if bar.has_focus else bar).focus()

    def action_choose(self, by: int) -> None:
        """The next knob."""
        self.knob = order_of(KNOBS, self.knob, by)
        self.catch_up()

    def action_turn(self, by: int) -> None:
        """Turn the chosen knob."""
        self.ask_differently(turned(self.wanted, self.knob, by))
