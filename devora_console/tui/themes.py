"""Themes: each a Textual theme and the styles that repeat signs in it.

The default uses the terminal's own colours: it is readable wherever the person can read at all, and costs
half the bytes of true colour. Without colour (NO_COLOR) the same theme is used and only bold, dim and reverse
remain.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.theme import Theme

from devora_console.core.problems import usage_error
from devora_console.tui.render.look import Look

_ANSI_VARIABLES = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "border": "ansi_default",
    "border-blurred": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "reverse",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "scrollbar": "ansi_bright_black",
    "scrollbar-hover": "ansi_bright_black",
    "scrollbar-active": "ansi_bright_black",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
    "scrollbar-corner-color": "ansi_default",
}


@dataclass(frozen=True, slots=True)
class Skin:
    """A Textual theme with the Rich styles of failures, warnings and quiet text in it."""

    theme: Theme
    fail: str
    warn: str
    muted: str = "dim"


def _ansi(name: str, *, dark: bool) -> Theme:
    return Theme(
        name=name,
        ansi=True,
        dark=dark,
        primary="ansi_default",
        secondary="ansi_default",
        warning="ansi_yellow" if dark else "ansi_magenta",
        error="ansi_bright_red" if dark else "ansi_red",
        success="ansi_default",
        accent="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables=_ANSI_VARIABLES,
    )


THEMES: dict[str, Skin] = {
    "devora": Skin(_ansi("devora", dark=True), fail="bold bright_red", warn="yellow"),
    "devora-light": Skin(_ansi("devora-light", dark=False), fail="bold red", warn="bold magenta"),
    "blue-orange": Skin(
        Theme(
            name="blue-orange",
            primary="#4ea1ff",
            secondary="#8fb7e0",
            warning="#ffd166",
            error="#ff8c1a",
            success="#4ea1ff",
            accent="#4ea1ff",
            foreground="#e6e9ef",
            background="#10141b",
            surface="#10141b",
            panel="#18202b",
            boost="#18202b",
        ),
        fail="bold #ff8c1a",
        warn="#ffd166",
        muted="#8b94a3",
    ),
}
PLAIN = Skin(THEMES["devora"].theme, fail="bold", warn="", muted="dim")


def skin_of(name: str, no_color: bool) -> Skin:
    """The skin by name, or the one without colour. Raises a usage error for a name that is not there."""
    if name not in THEMES:
        raise usage_error("tui.theme", f"there is no theme {name!r}", f"Known: {', '.join(THEMES)}.")
    return PLAIN if no_color else THEMES[name]


def look_of(skin: Skin, unicode: bool) -> Look:
    """The look of the renderers under a skin."""
    return Look(unicode=unicode, fail=skin.fail, warn=skin.warn, muted=skin.muted)
