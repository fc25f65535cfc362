"""Widgets of the search screen: hits with a cursor, knobs that are turned. What their keys do is the screen's."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.page import Page


class Hits(Page, can_focus=True):
    """The hits; arrows move the cursor among them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.step(-1)", show=False),
        Binding("down", "screen.step(1)", show=False),
        Binding("pageup", "screen.step(-10)", show=False),
        Binding("pagedown", "screen.step(10)", show=False),
        Binding("home", "screen.step(-1000)", show=False),
        Binding("end", "screen.step(1000)", show=False),
        Binding("left", "screen.sideways(-1)", show=False),
        Binding("right", "screen.sideways(1)", show=False),
    ]


class KnobBar(Line, can_focus=True):
    """The knobs; while it has the focus, left and right choose one, up and down turn it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.choose(-1)", show=False),
        Binding("right", "screen.choose(1)", show=False),
        Binding("up,plus", "screen.turn(1)", show=False),
        Binding("down,minus", "screen.turn(-1)", show=False),
        Binding("enter", "screen.to_hits", show=False),
    ]
