"""Small dialogs of the search screen: as whom, which documents, and the grade of a hit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Input

from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.search.judging.metrics import GRADES
from devora_console.search.model import KINDS, Asked, Filters, Hit, SearchType
from devora_console.search.seen import Person
from devora_console.tui.bridge import Bridge
from devora_console.tui.ports_search import SearchPort
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import whole
from devora_console.tui.render.search_words import why
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.patch_table import PatchTable

OWNER = Person("", "", 0)
"""Nobody in particular: everybody's documents, past row-level security."""
_PEOPLE = (
    Column("email", "address", 30, grows=True, rank=0),
    Column("documents", "documents", 9, right=True, rank=1),
    Column("id", "id", 36, rank=2),
)
_DAYS = "%Y-%m-%d"


class UserScreen(ModalScreen[Person | None]):
    """Gives the user to search as, :data:`OWNER`, or None when cancelled."""

    AUTO_FOCUS = "#person"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "cancel", show=False),
        Binding("down", "below", show=False),
    ]

    def __init__(self, port: SearchPort, look: Look, bridge: Bridge) -> None:
        super().__init__()
        self._port, self._look, self._bridge = port, look, bridge
        self._found: tuple[Person, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, a field, those who match, how to leave."""
        with Vertical(id="dialog", classes="tall"):
            yield Line(id="dialog-title")
            yield Input(id="person", placeholder="part of an address, or an id", compact=True, max_length=200)
            yield PatchTable(_PEOPLE, self._look, id="people")
            yield Line(id="wrong", fixed=False)
            yield Line(id="dialog-ask", fixed=False)

    def on_mount(self) -> None:
        """Fill in the words; list somebody to begin with."""
        self.query_one("#dialog-title", Line).show(Text("Search as", style="bold"))
        closing = "Enter takes the first, arrows choose another, Esc cancels"
        self.query_one("#dialog-ask", Line).show(Text(closing, style="dim"))
        self.look_up("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look up as typed."""
        self.look_up(event.value)

    @work(exit_on_error=False, group="people", exclusive=True, description="look users up")
    async def look_up(self, text: str) -> None:
        """List who matches."""
        try:
            found = await self._bridge.ask(self._port.people(text), "look users up")
        except ConsoleError as error:
            self._say(str(error.problem))
            return
        if isinstance(found, Unknown):
            self._say(why(found, self._look))
            return
        self._found = found
        self._say("" if found else "No user this login can see matches. Enter takes a whole id all the same.")
        self.query_one(PatchTable).show([self._owner(), *(self._row(each) for each in found)])

    def _owner(self) -> Row:
        words = {"email": ("as owner: everybody's documents", "bold"), "documents": ("", ""), "id": ("", "")}
        return Row("owner", words)

    def _row(self, each: Person) -> Row:
        counted = whole(each.documents) + ("+" if each.more else "")
        return Row(
            each.id,
            {
                "email": (self._look.text(each.email, 100), ""),
                "documents": (self._look.plain(counted), ""),
                "id": (each.id, self._look.muted),
            },
        )

    def _say(self, words: str) -> None:
        self.query_one("#wrong", Line).show(self._look.text(words, 400))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The first that matches; a whole id also when this login cannot see its user."""
        typed = event.value.strip()
        exact = next((each for each in self._found if typed.lower() in (each.id, each.email.lower())), None)
        if exact is not None or (typed and self._found):
            self.dismiss(exact or self._found[0])
        elif len(typed) == 36 and typed.count("-") == 4:
            self.dismiss(Person(typed.lower(), "", 0))
        elif not typed:
            self.action_below()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """This one."""
        key = self.query_one(PatchTable).current_key
        self.dismiss(next((each for each in self._found if each.id == key), OWNER))

    def action_below(self) -> None:
        """Into the list."""
        self.query_one(PatchTable).focus()

    def action_cancel(self) -> None:
        """As it was."""
        self.dismiss(None)


_FIELDS = (
    ("type", "type", "all, or projects, conversations, messages, files"),
    ("since", "since", "a day: 2025-01-31"),
    ("until", "until", "a day, itself not included"),
    ("language", "language of files", "any"),
    ("limit", "hits", "10"),
)


class FiltersScreen(ModalScreen[Asked | None]):
    """Gives the ask with other filters, None when cancelled."""

    AUTO_FOCUS = "#field-type"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "cancel", show=False),
        Binding("up,shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("down,tab", "app.focus_next", show=False, priority=True),
    ]

    def __init__(self, asked: Asked, look: Look) -> None:
        super().__init__()
        self._asked, self._look = asked, look

    def compose(self) -> ComposeResult:
        """Title, the fields, what is wrong with them, how to leave."""
        kept = self._asked.filters
        kinds = "" if set(kept.kinds) == set(KINDS) else ", ".join(f"{kind}s" for kind in kept.kinds)
        values = {
            "type": kinds,
            "since": f"{kept.since:{_DAYS}}" if kept.since else "",
            "until": f"{kept.until:{_DAYS}}" if kept.until else "",
            "language": kept.language or "",
            "limit": str(self._asked.limit),
        }
        with Vertical(id="dialog"):
            yield Line(id="dialog-title")
            for name, _, empty in _FIELDS:
                with Horizontal(classes="field"):
                    yield Line(id=f"label-{name}")
                    yield Input(values[name], placeholder=empty, id=f"field-{name}", max_length=80, compact=True)
            yield Line(id="wrong", fixed=False)
            yield Line(id="dialog-ask", fixed=False)

    def on_mount(self) -> None:
        """Fill in the words."""
        self.query_one("#dialog-title", Line).show(Text("Which documents", style="bold"))
        for name, label, _ in _FIELDS:
            self.query_one(f"#label-{name}", Line).show(label)
        self.query_one("#dialog-ask", Line).show(Text("Enter applies, Esc cancels, Tab: next field", style="dim"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in any field applies all."""
        values = {name: self.query_one(f"#field-{name}", Input).value.strip() for name, _, _ in _FIELDS}
        found = understood(self._asked, values)
        if isinstance(found, Asked):
            self.dismiss(found)
            return
        name, words = found
        said = f"{self._look.sign(Verdict.FAIL)} {self._look.text(words, 200)}"
        self.query_one("#wrong", Line).show(Text(said, style=self._look.fail))
        self.query_one(f"#field-{name}", Input).focus()

    def action_cancel(self) -> None:
        """As it was."""
        self.dismiss(None)


def understood(asked: Asked, values: dict[str, str]) -> Asked | tuple[str, str]:
    """The ask with these filters, or the field that cannot be understood and why."""
    kinds: list[str] = []
    for word in values["type"].lower().replace(",", " ").split():
        if word.removesuffix("s") not in KINDS and word != SearchType.ALL:
            return "type", f"{word!r} is no type: {', '.join(f'{kind}s' for kind in KINDS)} are"
        kinds += KINDS if word == SearchType.ALL else (word.removesuffix("s"),)
    moments: dict[str, datetime | None] = {"since": None, "until": None}
    for name in moments:
        if values[name]:
            try:
                moments[name] = datetime.strptime(values[name], _DAYS).replace(tzinfo=UTC)
            except ValueError:
                return name, f"{values[name]!r} is no day: write it as 2025-01-31"
    if not values["limit"].isdecimal() or not 1 <= int(values["limit"]) <= 200:
        return "limit", "between 1 and 200 hits"
    wanted = tuple(kind for kind in KINDS if kind in kinds) or KINDS
    language = values["language"].replace("\0", "") or None
    filters = Filters(wanted, moments["since"], moments["until"], language)
    return replace(asked, filters=filters, limit=int(values["limit"]))


FIRST_SUITE = "suites/devora.json"
"""Where grades go until somebody names another file; below the folder the console was started in."""


class JudgeScreen(ModalScreen[tuple[str, int] | None]):
    """Gives the suite's file and the grade, None when cancelled. 0, 1 or 2 is one key, the file being named already."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "cancel", show=False),
        *(Binding(str(grade), f"grade({grade})", show=False) for grade in GRADES),
        Binding("p", "path", show=False),
    ]
    AUTO_FOCUS = ""  # nothing: a grade is one key, and no letter of the file's name

    def __init__(self, hit: Hit, text: str, path: str, look: Look, whose: str = "") -> None:
        super().__init__()
        self._hit, self._text, self._path, self._look, self._whose = hit, text, path or FIRST_SUITE, look, whose

    def compose(self) -> ComposeResult:
        """What is judged, the grades, the file."""
        with Vertical(id="dialog"):
            yield Line(id="dialog-title")
            yield Line(id="dialog-text", fixed=False)
            yield Line(id="dialog-say", fixed=False)
            yield Input(self._path, id="say", placeholder=FIRST_SUITE, compact=True, max_length=1000)
            yield Line(id="dialog-ask", fixed=False)

    def on_mount(self) -> None:
        """Fill in the words."""
        look = self._look
        self.query_one("#dialog-title", Line).show(Text("Judge", style="bold"))
        title = look.text(self._hit.title, 100) or self._hit.entity_type
        words = f"For: {look.text(self._text, 150)}\n{self._hit.entity_type}: {title}\n\n"
        words += f"{self._whose}\n\n" if self._whose else ""
        words += "0 does not help\n1 helps somewhat\n2 answers it"
        self.query_one("#dialog-text", Line).show(words)
        self.query_one("#dialog-say", Line).show("into this file (made when it is missing):")
        self._ask(typing=False)

    def _ask(self, *, typing: bool) -> None:
        words = "Enter when the file is named, Esc cancels" if typing else "0, 1 or 2; p another file, Esc cancels"
        self.query_one("#dialog-ask", Line).show(Text(words, style="dim"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Named; now the grade."""
        self._path = event.value.strip()
        if self._path:
            self.set_focus(None)
            self._ask(typing=False)

    def action_grade(self, grade: int) -> None:
        """This one; in the field a digit is a letter like others."""
        if self._path:
            self.dismiss((self._path, grade))

    def action_path(self) -> None:
        """Name another file."""
        self.set_focus(self.query_one(Input))
        self._ask(typing=True)

    def action_cancel(self) -> None:
        """No grade."""
        self.dismiss(None)
