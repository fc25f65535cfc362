"""The one declaration of what a person can do: footer, palette, help, bindings and keymap come from here.

A *place* is a screen with a number key. An *action* belongs to the screens it names, or to all of them.
Keys are written as people write them (``X``, ``?``, ``space``, ``ctrl+p``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from devora_console.core.problems import ConsoleError, usage_error


@dataclass(frozen=True, slots=True)
class Place:
    """A screen reached by a number key; ``short`` is its name where the strip is narrow."""

    id: str
    key: str
    title: str
    short: str
    about: str


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do.

    ``id`` is stable (keymaps name it), ``words`` fit a footer, ``about`` is a sentence for help and palette.
    ``screens`` empty means everywhere. ``changes`` marks acts on a server: greyed and refused when read-only.
    Of the footer, the lowest ``rank`` stays longest on a narrow terminal; 0 keeps an action out of it.
    """

    id: str
    key: str
    words: str
    about: str
    screens: tuple[str, ...] = ()
    changes: bool = False
    rank: int = 0
    more_keys: tuple[str, ...] = ()

    @property
    def verb(self) -> str:
        """The name a screen implements it under: ``migration.dry_run`` is ``dry_run``."""
        return self.id.rpartition(".")[2]

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that triggers it, the one to show first."""
        return (self.key, *self.more_keys)


PLACES: tuple[Place, ...] = (
    Place("overview", "1", "Overview", "Over", "Both servers and every verdict at a glance."),
    Place("migration", "2", "Migration", "Migr", "Dry run, copy, verification and quarantine."),
    Place("queries", "3", "Queries", "Quer", "The statements that cost most, and their plans."),
    Place("indexes", "4", "Indexes", "Indx", "Indexes that are unused, double, missing, invalid or bloated."),
    Place("health", "5", "Health", "Hlth", "Cache, bloat, vacuum, wraparound, sequences, sizes."),
    Place("activity", "6", "Activity", "Actv", "Sessions, what they wait for, and who blocks whom."),
    Place("search", "7", "Search", "Srch", "One query, every method's answer side by side, judged and explained."),
    Place("cutover", "8", "Cutover", "Cut", "The runbook step by step: gates, GO, the walk, and the way back."),
    Place("analytics", "9", "Analytics", "Anlt", "Figures, trends, events, before and after, the first day."),
)

_MIGRATION = ("migration",)
_QUARANTINE = ("quarantine",)
_WATCHED = ("queries", "indexes", "health", "activity", "locks")
_LISTS = ("migration", "quarantine", *_WATCHED)
_CUTOVER = ("cutover",)
_SEARCH = ("search",)
_SQL = ("search_sql",)
_PROMPT = ("search_prompt",)
_ANALYTICS = ("analytics",)
_COMMANDS = (*_LISTS, "cutover", "search", "analytics")
_COPIED = ("overview", "document", "statement", "cutover_depth", "search_sql", "search_prompt", *_COMMANDS)

ACTIONS: tuple[Action, ...] = (
    Action(
        "overview.open",
        "enter",
        "open",
        "Go to the screen that explains the line under the cursor.",
        ("overview",),
        rank=10,
    ),
    Action("migration.dry_run", "d", "dry run", "Convert every document and write nothing.", _MIGRATION, rank=10),
    Action(
        "migration.execute",
        "X",
        "execute",
        "Copy into PostgreSQL, after a preview and the typed name.",
        _MIGRATION,
        changes=True,
        rank=11,
    ),
    Action(
        "migration.pause_run",
        "P",
        "pause",
        "Pause the run after what is in flight, or resume it.",
        _MIGRATION,
        rank=12,
    ),
    Action(
        "migration.throttle",
        "T",
        "throttle",
        "Limit rows per second, workers and batches of the copy that runs.",
        _MIGRATION,
        rank=19,
    ),
    Action(
        "migration.stop_run",
        "S",
        "stop",
        "Stop the run; what is written stays and can be continued.",
        _MIGRATION,
        rank=17,
    ),
    Action("migration.verify", "v", "verify", "Compare source and target, row by row.", _MIGRATION, rank=13),
    Action(
        "migration.quarantine",
        "q",
        "quarantine",
        "List the documents that could not be converted.",
        _MIGRATION,
        rank=14,
    ),
    Action(
        "migration.tables",
        "t",
        "tables",
        "Switch between collections and the verification table.",
        _MIGRATION,
        rank=15,
    ),
    Action("quarantine.open", "enter", "document", "Show the whole document.", _QUARANTINE, rank=10),
    Action("quarantine.reload", "r", "reload", "Read the list again.", _QUARANTINE, rank=12),
    Action("queries.open", "enter", "statement", "The whole text, its figures and its plan.", ("queries",), rank=10),
    Action("queries.slow", "l", "slow only", "List slow statements only, slowest first.", ("queries",), rank=11),
    Action("statement.plan", "p", "plan", "Ask for the plan; nothing is run.", ("statement",), rank=10),
    Action("indexes.kinds", "t", "kind", "List one kind of finding only, the next each time.", ("indexes",), rank=10),
    Action("indexes.measure", "m", "measure", "Read the whole index to measure its bloat.", ("indexes",), rank=11),
    Action(
        "indexes.suggest",
        "p",
        "suggest",
        "Plan the slowest statements for indexes they ask for; nothing is run.",
        ("indexes",),
        rank=14,
    ),
    Action("health.sections", "t", "section", "List one section only, the next each time.", ("health",), rank=10),
    Action("health.measure", "m", "measure", "Measure the bloat of the table under the cursor.", ("health",), rank=11),
    Action("indexes.drop", "D", "drop", "Drop the index, after a preview and its typed name.", ("indexes",), True, 12),
    Action("indexes.rebuild", "R", "rebuild", "Build the index anew beside the old one.", ("indexes",), True, 13),
    Action("health.vacuum", "V", "vacuum", "Vacuum the table under the cursor.", ("health",), True, 12),
    Action("health.analyze", "N", "analyze", "Take new statistics of that table.", ("health",), True, 13),
    Action("activity.cancel", "K", "cancel", "End the statement of the session.", ("activity", "locks"), True, 12),
    Action(
        "activity.terminate",
        "T",
        "terminate",
        "End the session, after cancel did not help.",
        ("activity", "locks"),
        True,
        13,
    ),
    Action("activity.locks", "l", "locks", "Who waits for whom, roots first.", ("activity",), rank=10),
    Action("cutover.open", "enter", "in depth", "The step, gate or event under the cursor.", _CUTOVER, rank=16),
    Action("cutover.views", "t", "view", "Steps, checklist of gates, timeline: the next one.", _CUTOVER, rank=10),
    Action("cutover.measure", "m", "measure", "Measure every gate now; nothing is changed.", _CUTOVER, rank=12),
    Action("cutover.measure_one", "r", "this gate", "Measure the gate under the cursor alone.", _CUTOVER, rank=17),
    Action("cutover.begin", "O", "open run", "Open a run: gates are attested and waived in it.", _CUTOVER, True, 11),
    Action("cutover.rehearse", "H", "rehearse", "Open a run on a scratch target.", _CUTOVER, True, 13),
    Action("cutover.go", "G", "GO", "Give GO, after the typed name and a poll for objections.", _CUTOVER, True, 10),
    Action("cutover.take_up", "D", "drive", "Take the run up: this console moves it.", _CUTOVER, True, 10),
    Action("cutover.go_on", "C", "continue", "Give the key that is waited for, or resume.", _CUTOVER, True, 10),
    Action("cutover.pause_run", "P", "pause", "Start nothing further; what runs goes on.", _CUTOVER, True, 11),
    Action("cutover.attest", "A", "attest", "Say that a gate is open, or manual work done.", _CUTOVER, rank=12),
    Action("cutover.waive", "W", "waive", "Let this run pass a shut gate, with a reason.", _CUTOVER, True, 14),
    Action("cutover.retry", "R", "retry", "Start the step again, or ask its probes again.", _CUTOVER, True, 11),
    Action("cutover.happened", "Y", "it happened", "Say that the step took effect.", _CUTOVER, True, 12),
    Action("cutover.did_not_happen", "U", "it did not", "Say that it took no effect.", _CUTOVER, True, 12),
    Action("cutover.skip", "S", "skip", "Go on without a step, with a reason.", _CUTOVER, True, 14),
    Action("cutover.roll_back", "B", "roll back", "Take back what was done, in reverse.", _CUTOVER, True, 13),
    Action("cutover.vote_go", "V", "vote go", "Approve what is asked, by name.", _CUTOVER, rank=14),
    Action("cutover.object", "J", "object", "Object, with a reason: the GO is taken back.", _CUTOVER, rank=15),
    Action("cutover.note", "N", "note", "Add a note to the timeline.", _CUTOVER, rank=15),
    Action("cutover.stop_step", "X", "stop step", "End the program of the step; it failed then.", _CUTOVER, True, 14),
    Action("search.type", "/", "type", "Type a query; it is searched for as you type.", _SEARCH, rank=10),
    Action("search.open", "enter", "in depth", "The hit under the cursor: where each method has it.", _SEARCH, rank=16),
    Action("search.method", "m", "method", "All methods side by side, or the next one alone.", _SEARCH, rank=11),
    Action("search.user", "u", "user", "Search as a user, with row-level security, or as owner.", _SEARCH, rank=12),
    Action("search.plan", "x", "explain", "Run it again for its plan, and what is wrong with that.", _SEARCH, rank=13),
    Action("search.judge", "j", "judge", "Grade the hit 0, 1 or 2 in a suite's file.", _SEARCH, rank=14),
    Action("search.baseline", "b", "baseline", "Compare with another method, or with before.", _SEARCH, rank=15),
    Action("search.knobs", "w", "weights", "Turn weights, limits and thresholds: arrows turn.", _SEARCH, rank=15),
    Action("search.filters", "f", "filters", "Only some types, days or a language; how many hits.", _SEARCH, rank=17),
    Action("search.sql", "s", "SQL", "The exact statement: copy it, edit it, run it read-only.", _SEARCH, rank=17),
    Action("search.exact", "a", "exact", "Exact neighbours beside those of the index.", _SEARCH, rank=19),
    Action("search.rag", "r", "RAG prompt", "The prompt this question becomes; no model is asked.", _SEARCH, rank=16),
    Action("search_sql.run", "r", "run", "Run it read-only, as the one who asked; at most 200 rows.", _SQL, rank=10),
    Action("search_sql.edit", "i", "edit", "Edit the statement; its parameters stay.", _SQL, rank=11),
    Action("search_sql.method", "m", "method", "The statement of the next method.", _SQL, rank=12),
    Action("search_sql.undo", "u", "undo", "The statement as it was.", _SQL, rank=13),
    Action("search_prompt.ask_model", "A", "ask", "Send it to the model, after a confirmation.", _PROMPT, rank=10),
    Action("search_prompt.conversation", "v", "conversation", "Go on with one of the latest.", _PROMPT, rank=11),
    Action(
        "analytics.views",
        "t",
        "view",
        "Figures, trends, events, before and after, first day: the next one.",
        _ANALYTICS,
        rank=10,
    ),
    Action(
        "analytics.begin_watch", "w", "watch", "Begin the watch of the first day; looks are kept.", _ANALYTICS, rank=12
    ),
    Action("analytics.keep_before", "b", "keep before", "Keep the values before the switch.", _ANALYTICS, rank=13),
    Action("analytics.older", "<", "older", "The result of the bench before this one.", _ANALYTICS, rank=14),
    Action("analytics.newer", ">", "newer", "The result of the bench after this one.", _ANALYTICS, rank=15),
    Action("list.look", "r", "look now", "Look now instead of in a while.", (*_WATCHED, *_ANALYTICS), rank=19),
    Action("list.earlier", "<", "earlier", "Show what was seen before, as far back as an hour.", _WATCHED, rank=26),
    Action("list.later", ">", "later", "Show what was seen after that; Esc goes back to now.", _WATCHED, rank=27),
    Action("list.filter", "/", "filter", "Keep the lines that hold a text.", _LISTS, rank=20),
    Action("list.sort", "s", "sort", "Sort by the next column.", _LISTS, rank=21),
    Action("list.copy_command", "y", "as command", "Copy the same thing as a command line.", _COMMANDS, rank=23),
    Action("list.copy", "c", "copy", "Copy the line under the cursor, exactly.", _COPIED, rank=24),
    Action("list.export", "e", "export", "Write what is shown to a file, as JSON.", _COPIED, rank=22),
    Action("app.freeze", "space", "freeze", "Pause or resume the refresh of this screen.", rank=25),
    Action("app.palette", ":", "palette", "Find an action by its name.", more_keys=("ctrl+p",)),
    Action("app.help", "?", "help", "Explain what is under the cursor, and list the keys."),
    Action("app.back", "escape", "back", "Go back, or close the message."),
    Action(
        "app.quit",
        "Q",
        "quit",
        "End the console; asks first while a run is active.",
        rank=18,
        more_keys=("ctrl+c",),
    ),
)

# Eaten by plain terminals (ctrl+m is Enter, ctrl+j a line end, ctrl+h Backspace, ctrl+i Tab, ctrl+[ Esc), by
# flow control (ctrl+s, ctrl+q), by job control (ctrl+z) or by screen and tmux (ctrl+a, ctrl+b).
UNSAFE_KEYS = frozenset(f"ctrl+{letter}" for letter in "mjhi[sqzab")


def actions_of(screen: str, actions: tuple[Action, ...] = ACTIONS) -> tuple[Action, ...]:
    """The actions of one screen: its own first, then those of every screen."""
    own = tuple(action for action in actions if screen in action.screens)
    return own + tuple(action for action in actions if not action.screens)


def with_keymap(keymap: Mapping[str, str], actions: tuple[Action, ...] = ACTIONS) -> tuple[Action, ...]:
    """The actions with the keys of ``keymap`` (id to key) instead of their own.

    Raises a usage error naming the id for an unknown action, a key that does not survive terminals, or a key
    that two actions of one screen would share.
    """
    known = {action.id: action for action in actions}
    for name, key in keymap.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            raise usage_error("keymap.unknown_action", f"keymap: there is no action {name!r}", hint)
        if key.lower() in UNSAFE_KEYS or not key.strip():
            remedy = "Choose a letter, a sign, or another ctrl key."
            raise usage_error("keymap.unsafe_key", f"keymap: {name} = {key!r} is lost on the way", remedy)
    mapped = tuple(
        replace(action, key=keymap[action.id], more_keys=()) if action.id in keymap else action for action in actions
    )
    _refuse_clashes(mapped)
    return mapped


def _refuse_clashes(actions: tuple[Action, ...]) -> None:
    screens = {screen for action in actions for screen in action.screens} | {place.id for place in PLACES}
    for screen in sorted(screens):
        taken = {place.key: f"go.{place.id}" for place in PLACES}
        for action in actions_of(screen, actions):
            for key in action.keys:
                if taken.setdefault(key, action.id) != action.id:
                    raise _clash(key, taken[key], action.id, screen)


def _clash(key: str, first: str, second: str, screen: str) -> ConsoleError:
    return usage_error(
        "keymap.clash",
        f"keymap: {key!r} would be both {first} and {second} on screen {screen}",
        "Give one of them another key.",
    )
