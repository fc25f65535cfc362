"""How things look: signs with their ASCII twins, styles that only repeat them, safe text of a given width."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from devora_console.core.console import Link, Verdict
from devora_console.core.safetext import one_line, safe

NIL = "\u2013"  # an en dash stands where there is nothing to count yet

_SIGNS: dict[Verdict, tuple[str, str]] = {
    Verdict.OK: ("✓", "+"),
    Verdict.WARN: ("!", "!"),
    Verdict.FAIL: ("✗", "x"),
    Verdict.UNKNOWN: ("?", "?"),
    Verdict.RUNNING: ("…", "~"),
    Verdict.PAUSED: ("‖", "="),
    Verdict.STALE: ("◌", "o"),
    Verdict.NONE: ("·", "-"),
}
_LINKS: dict[Link, Verdict] = {
    Link.CONNECTING: Verdict.RUNNING,
    Link.OK: Verdict.OK,
    Link.LOST: Verdict.FAIL,
    Link.REFUSED: Verdict.FAIL,
    Link.ABSENT: Verdict.NONE,
}
_ASCII = str.maketrans(
    {
        "·": "-",
        "…": "~",
        "\u2013": "-",
        "─": "-",
        "═": "=",
        "▸": ">",
        "→": ">",
        "▲": "^",
        "▼": "v",
        "±": "~",
        "≈": "~",
        "×": "x",
        "\u202f": " ",
        "\u00a0": " ",
        "│": "|",
        "┤": "|",
        "├": "|",
        "┼": "+",
        "┬": "+",
        "┴": "+",
        "└": "+",
        "┘": "+",
        "┌": "+",
        "┐": "+",
    }
)


@dataclass(frozen=True, slots=True)
class Look:
    """The signs and styles in use. Styles are Rich style strings; an empty one adds nothing."""

    unicode: bool = True
    fail: str = "bold red"
    warn: str = "yellow"
    muted: str = "dim"

    def plain(self, words: str) -> str:
        """Our own words, or text already made safe, in the characters this terminal has."""
        if self.unicode:
            return words
        return words.translate(_ASCII).encode("ascii", "replace").decode("ascii")

    def text(self, value: str, limit: int = 200) -> str:
        """Foreign text on one line, made safe."""
        return self.plain(one_line(value, limit))

    def lines(self, value: str, limit: int = 10_000) -> str:
        """Foreign text with its line ends, made safe."""
        return self.plain(safe(value, limit))

    def fit(self, value: str, width: int) -> str:
        """``value`` cut to ``width`` cells, the cut shown."""
        if cell_len(value) <= width:
            return value
        if width <= 0:
            return ""
        return set_cell_size(value, width - 1).rstrip() + self.plain("…")

    def cell(self, value: str, width: int, style: str = "", right: bool = False) -> Text:
        """Foreign text as one table cell, exactly ``width`` cells wide."""
        return self.pad(self.text(value, max(4 * width, 40)), width, style, right)

    def pad(self, words: str, width: int, style: str = "", right: bool = False) -> Text:
        """Safe words as one table cell, exactly ``width`` cells wide."""
        shown = self.fit(self.plain(words), width)
        space = " " * max(0, width - cell_len(shown))
        return Text(space + shown if right else shown + space, style=style, no_wrap=True, end="")

    def sign(self, verdict: Verdict) -> str:
        """The sign of a verdict."""
        return _SIGNS[verdict][0 if self.unicode else 1]

    def state(self, verdict: Verdict, word: str | None = None) -> str:
        """Sign and word: a state is never shown by one of them alone."""
        return f"{self.sign(verdict)} {verdict.value if word is None else word}"

    def style(self, verdict: Verdict) -> str:
        """The style that repeats a verdict; most have none."""
        if verdict is Verdict.FAIL:
            return self.fail
        if verdict is Verdict.WARN:
            return self.warn
        if verdict in (Verdict.UNKNOWN, Verdict.STALE, Verdict.NONE):
            return self.muted
        return ""


def verdict_of(link: Link) -> Verdict:
    """The verdict whose sign a link carries."""
    return _LINKS[link]
