"""The phases of a run as people follow them: how far each is and in which unit, one line of them all, their rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, PhaseProgress, RatePoint, State
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import share, short

_ROUTES: Mapping[Kind, tuple[Phase, ...]] = {
    Kind.DRY_RUN: (Phase.SURVEY, Phase.DECIDE),
    Kind.EXECUTE: (
        Phase.SURVEY,
        Phase.DECIDE,
        Phase.PREPARE,
        Phase.WRITE,
        Phase.VECTORS,
        Phase.INDEXES,
        Phase.CONSTRAINTS,
        Phase.ANALYZE,
    ),
    Kind.VERIFY: (Phase.SURVEY, Phase.DECIDE, Phase.VERIFY),
}
_BROUGHT_BACK = frozenset({Phase.VECTORS, Phase.DOCUMENTS, Phase.INDEXES, Phase.CONSTRAINTS})
_ASIDE = frozenset({Phase.PREPARE, Phase.WRITE}) | _BROUGHT_BACK
_PART_OF: Mapping[Phase, Phase] = {Phase.DOCUMENTS: Phase.VECTORS}
"""Short phases that show as a part of the one before them."""
_WORDS: Mapping[Phase, tuple[str, str]] = {  # in full, and where there is little room
    Phase.PREPARE: ("setting aside", "aside"),
    Phase.WRITE: ("copy", "copy"),
    Phase.VECTORS: ("search vectors", "vectors"),
    Phase.CONSTRAINTS: ("constraints", "keys"),
}
_NOUNS: Mapping[Phase, str] = {
    Phase.SURVEY: "documents",
    Phase.WRITE: "rows",
    Phase.VECTORS: "rows",
    Phase.DOCUMENTS: "documents",
    Phase.INDEXES: "indexes",
    Phase.ANALYZE: "tables",
    Phase.VERIFY: "rows",
}
_MEASURED: Mapping[Phase, str] = {
    Phase.SURVEY: "documents/s",
    Phase.WRITE: "rows/s",
    Phase.VECTORS: "rows/s",
    Phase.DOCUMENTS: "documents/s",
    Phase.VERIFY: "rows/s",
}
"""Phases whose throughput means something: so many of the same every second."""
_ACTIVE = {State.RUNNING: Verdict.RUNNING, State.STOPPING: Verdict.RUNNING, State.PAUSED: Verdict.PAUSED}
_BROKEN = {State.FAILED: Verdict.FAIL, State.STOPPED: Verdict.WARN}


# --- how far ------------------------------------------------------------------------------------------


def noun(snapshot: MigrationSnapshot) -> str:
    """What the present phase counts: documents, rows, indexes, foreign keys, triggers or tables."""
    if snapshot.phase is Phase.CONSTRAINTS:
        # First the foreign keys come back, then the triggers.
        rounds = sum(each.phase is Phase.CONSTRAINTS for each in snapshot.phases)
        return "triggers" if rounds > 1 else "foreign keys"
    return _NOUNS.get(snapshot.phase, "") if snapshot.phase else ""


def measured(snapshot: MigrationSnapshot) -> bool:
    """Whether the present phase counts rows or documents, of which so many are through every second."""
    return snapshot.phase in _MEASURED


def progress(snapshot: MigrationSnapshot) -> str:
    """How far the phase is, in its own unit: ``61 % of 1.91 M rows``, ``12 of 28 indexes``; empty when it has none."""
    unit = noun(snapshot)
    if not unit:
        return ""
    done, total = snapshot.rows_done, snapshot.rows_total
    if isinstance(total, Unknown):
        return f"{short(done)} {unit} so far" if done or snapshot.phase is Phase.SURVEY else ""
    if not measured(snapshot):
        return f"{short(done)} of {short(total)} {unit}" if total else ""
    return f"{share(done, total)} of {short(total)} {unit}" if total else ""


def in_steps(snapshot: MigrationSnapshot) -> bool:
    """Whether the run does things that take as long as they take, or waits on purpose: silence is no bad sign then."""
    slow = snapshot.phase is not None and snapshot.phase is not Phase.CONNECT and not measured(snapshot)
    return slow or bool(snapshot.throttled_by)


def aside(snapshot: MigrationSnapshot) -> bool:
    """Whether indexes, keys or triggers of the target are, as far as is known, set aside just now."""
    return _bulk(snapshot) and snapshot.phase in _ASIDE


def _bulk(snapshot: MigrationSnapshot) -> bool:
    came = any(each.phase in _BROUGHT_BACK for each in snapshot.phases)
    return snapshot.bulk is True or came or snapshot.phase is Phase.PREPARE


# --- one line of them all -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of the run: how it stands (NONE: still to come), how far it is while it runs, how long it took."""

    phase: Phase
    verdict: Verdict
    share: str = ""
    seconds: float = 0.0

    def words(self, look: Look, *, brief: bool = False, times: bool = True) -> str:
        """``copy ✓ 3.1s``; ``brief`` takes the short name."""
        name = _WORDS.get(self.phase, (self.phase.value,) * 2)[brief]
        if self.verdict is Verdict.NONE:
            return name
        figure = span(self.seconds) if self.verdict is Verdict.OK and times else self.share
        return f"{name} {look.sign(self.verdict)}" + (f" {figure}" if figure else "")


def steps(snapshot: MigrationSnapshot) -> tuple[Step, ...]:
    """The phases that this run has had, has, and will have as far as is known; the same phase twice is one."""
    if snapshot.kind is None or (snapshot.state in _BROKEN and not snapshot.phases):
        return ()
    found: dict[Phase, list[PhaseProgress]] = {}
    for each in snapshot.phases:
        found.setdefault(_PART_OF.get(each.phase, each.phase), []).append(each)
    out: list[Step] = []
    for phase in _ROUTES[snapshot.kind]:
        here = snapshot.phase is not None and phase is _PART_OF.get(snapshot.phase, snapshot.phase)
        if here or phase in found or _will_come(phase, snapshot):
            out.append(_step(phase, here, found.get(phase, []), snapshot.state))
    return tuple(out)


def _will_come(phase: Phase, snapshot: MigrationSnapshot) -> bool:
    if snapshot.state is State.DONE or phase is Phase.PREPARE:
        return False
    if phase is Phase.DECIDE:
        return snapshot.kind is not Kind.EXECUTE
    return phase not in _BROUGHT_BACK or _bulk(snapshot)


def _step(phase: Phase, here: bool, found: Sequence[PhaseProgress], state: State) -> Step:
    seconds = sum(each.seconds for each in found)
    verdict = Verdict.OK if found else Verdict.NONE
    if here:
        verdict = _ACTIVE.get(state) or _BROKEN.get(state, verdict)
    if verdict in (Verdict.OK, Verdict.NONE):
        return Step(phase, verdict, seconds=seconds)
    return Step(phase, verdict, _share(found), seconds)


def _share(found: Iterable[PhaseProgress]) -> str:
    done = total = 0
    for each in found:
        if isinstance(each.total, Unknown):
            return ""
        done, total = done + each.done, total + each.total
    return share(done, total) if total else ""


def phases_line(snapshot: MigrationSnapshot, width: int, look: Look) -> Text:
    """Every phase with its state; short of room the times go first, then the long names."""
    # Of a copy the decisions are a moment: they show while they are made.
    passed = Phase.DECIDE if snapshot.kind is Kind.EXECUTE else None
    found = [each for each in steps(snapshot) if each.phase is not passed or each.verdict is not Verdict.OK]
    line = Text("", end="")
    for times, brief in ((True, False), (False, False), (False, True)) if found else ():
        line = _line(found, look, times=times, brief=brief)
        if line.cell_len <= width:
            return line
    line.truncate(width)
    return line


def _line(found: Iterable[Step], look: Look, *, times: bool, brief: bool) -> Text:
    line = Text(" phases  ", no_wrap=True, end="")
    for index, each in enumerate(found):
        line.append(look.plain(" · ") if index else "")
        style = look.style(each.verdict) if each.verdict is not Verdict.NONE else ""
        line.append(look.plain(each.words(look, brief=brief, times=times)), style=style)
    return line


# --- rates --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rates:
    """The throughput of one phase: what was counted, over which phase, and how it went."""

    unit: str
    phase: Phase
    points: tuple[RatePoint, ...]
    mean: float | Unknown

    @property
    def of(self) -> str:
        """``rows/s of the copy``."""
        name = {Phase.WRITE: "copy", Phase.VERIFY: "verification"}.get(self.phase, self.phase.value)
        return f"{self.unit} of the {name}"


def rates(snapshot: MigrationSnapshot) -> Rates | None:
    """Rates of the present phase, or else of the chief one before it: never of two phases, for their units differ."""
    stretches = _stretches(snapshot)
    chief = (Phase.VERIFY, Phase.WRITE, Phase.SURVEY)
    for phase in (snapshot.phase, *chief):
        for each, begin, end in reversed(stretches):
            if each.phase is not phase or each.phase not in _MEASURED:
                continue
            points = tuple(point for point in snapshot.rates if begin < point.at <= end)
            if len(points) > 1:
                mean = each.done / each.seconds if each.seconds > 0 else Unknown("too short to tell")
                return Rates(_MEASURED[each.phase], each.phase, points, mean)
    return None


def _stretches(snapshot: MigrationSnapshot) -> list[tuple[PhaseProgress, float, float]]:
    """(phase, begin, end) in seconds of the run: one follows the other, and the last reaches to the present."""
    end = snapshot.seconds
    found: list[tuple[PhaseProgress, float, float]] = []
    for each in reversed(snapshot.phases):
        found.append((each, end - each.seconds, end))
        end -= each.seconds
    return found[::-1]
