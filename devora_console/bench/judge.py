"""What a measured question says: figures of both sides, the change, whether the answers agree, and a verdict or why
there is none. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from devora_console.bench.result import Asked, Result, Series
from devora_console.bench.statistics import METRICS, Change, Figures, change, figures
from devora_console.config.bench import BenchSettings
from devora_console.core.unknown import Unknown


class Verdict(StrEnum):
    """What can be said of a change."""

    FASTER = "faster"
    SLOWER = "slower"
    UNCLEAR = "unclear"  # the interval does not say in which direction
    NONE = "no verdict"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether both sides gave the same answers: of ``compared`` users, those where they did not.

    ``example`` counts the rows of the first of those, (first side, second side).
    """

    compared: int
    differing: int
    example: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Line:
    """One question, judged. ``without``: figures of the second side without making the query's vector.

    ``changes`` by metric (:data:`~.statistics.METRICS`); ``why`` in words what stands against a verdict, or for it.
    """

    id: str
    title: str
    about: str
    first: Figures | Unknown
    second: Figures | Unknown
    without: Figures | None
    apart_by: str
    changes: Mapping[str, Change | Unknown]
    agreement: Agreement | Unknown
    verdict: Verdict
    why: str
    failed: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sides:
    """What stands against what. ``paired``: asked for the same users; ``turns``: in the same rounds; ``answers``:
    whether theirs should be the same; ``apart``: why what was measured at different times does not compare.
    """

    first: str
    second: str
    paired: bool = True
    turns: bool = True
    answers: bool = True
    apart: str = ""


def lines(result: Result, settings: BenchSettings) -> tuple[Line, ...]:
    """Every question of a run, from MongoDB to PostgreSQL."""
    together = result.kind == "both"
    apart = "" if together else busy((result.load_before, result.load), settings)
    sides = Sides("MongoDB", "PostgreSQL", turns=together, apart=apart)
    return tuple(judged(each, each.mongo, each.postgres, settings, sides) for each in result.questions)


def busy(loads: tuple[float | None, float | None], settings: BenchSettings) -> str:
    """Why figures of two times cannot be told from what else the machine did; '' when they can."""
    if all(each is not None and each <= settings.busy_load for each in loads):
        return ""
    then, now = ("not known" if each is None else f"{each:.1f} for each processor" for each in loads)
    return f"measured at different times on a busy machine (load then {then}, now {now})"


def judged(
    asked: Asked,
    first: Series | Unknown,
    second: Series | Unknown,
    settings: BenchSettings,
    sides: Sides,
) -> Line:
    """One question, from one series to another."""
    changes = {metric: _change(first, second, metric, sides) for metric in METRICS}
    agreement: Agreement | Unknown = Unknown("not compared: answers change over time, or other users were asked for")
    if sides.paired and sides.answers:
        agreement = _agreement(asked, first, second)
    verdict, why = _verdict(first, second, changes["average"], agreement, settings, sides)
    without = None if isinstance(second, Unknown) or second.without is None else figures(second.without)
    return Line(
        id=asked.id,
        title=asked.title,
        about=asked.about,
        first=_figures(first),
        second=_figures(second),
        without=without,
        apart_by="" if isinstance(second, Unknown) else second.apart_by,
        changes=changes,
        agreement=agreement,
        verdict=verdict,
        why=why,
        failed=tuple(filter(None, (_failed(each, name) for each, name in _named(first, second, sides)))),
        missing=asked.missing,
    )


def _figures(series: Series | Unknown) -> Figures | Unknown:
    return series if isinstance(series, Unknown) else figures(series.samples)


def _named(
    first: Series | Unknown, second: Series | Unknown, sides: Sides
) -> tuple[tuple[Series | Unknown, str], tuple[Series | Unknown, str]]:
    return (first, sides.first), (second, sides.second)


def _change(first: Series | Unknown, second: Series | Unknown, metric: str, sides: Sides) -> Change | Unknown:
    for each in (first, second):
        if isinstance(each, Unknown):
            return each
    assert isinstance(first, Series)
    assert isinstance(second, Series)
    return change(first.samples, second.samples, metric, paired=sides.paired, turns=sides.turns)


def _failed(series: Series | Unknown, side: str) -> str:
    """What went wrong with asks of one side; '' when nothing did."""
    if isinstance(series, Unknown):
        return f"{side}: {series.reason}" if series.reason.startswith("it failed") else ""
    if series.errors:
        return f"{side}: {series.errors} asks failed ({series.error})"
    return f"{side}: {series.timeouts} asks were cut off" if series.timeouts else ""


def _agreement(asked: Asked, first: Series | Unknown, second: Series | Unknown) -> Agreement | Unknown:
    if asked.same == "none":
        return Unknown("the answers of this question are not compared")
    if isinstance(first, Unknown) or isinstance(second, Unknown):
        return Unknown("only one side was asked")
    one, other = (each.digests if asked.same == "ids" else each.counts for each in (first, second))
    both = [at for at in range(len(one)) if one[at] is not None and other[at] is not None]
    differing = [at for at in both if one[at] != other[at]]
    if not both:
        return Unknown("no user was answered by both sides")
    example = None
    if differing:
        example = (first.counts[differing[0]] or 0, second.counts[differing[0]] or 0)
    return Agreement(len(both), len(differing), example)


def _verdict(
    first: Series | Unknown,
    second: Series | Unknown,
    found: Change | Unknown,
    agreement: Agreement | Unknown,
    settings: BenchSettings,
    sides: Sides,
) -> tuple[Verdict, str]:
    """The verdict on the average, with its reason."""
    if isinstance(found, Unknown) or isinstance(first, Unknown) or isinstance(second, Unknown):
        return Verdict.NONE, found.reason if isinstance(found, Unknown) else ""
    failed = [words for each, name in _named(first, second, sides) if (words := _failed(each, name))]
    if failed:
        return Verdict.NONE, "; ".join(failed)
    subjects = min(sum(bool(each) for each in series.samples) for series in (first, second))
    if subjects < settings.least_subjects:
        return Verdict.NONE, f"only {subjects} users: {settings.least_subjects} are needed (bench.least_subjects)"
    if isinstance(agreement, Agreement) and _too_different(agreement, settings):
        return Verdict.NONE, f"the answers differ for {agreement.differing} of {agreement.compared} users"
    if sides.apart:
        return Verdict.NONE, sides.apart
    if not found.sure:
        return Verdict.UNCLEAR, f"the change may lie anywhere from {found.low:+.0f} to {found.high:+.0f} %"
    return (Verdict.FASTER if found.high < 0 else Verdict.SLOWER), ""


def _too_different(agreement: Agreement, settings: BenchSettings) -> bool:
    return 100 * agreement.differing > settings.differing_percent * agreement.compared


class Reached(StrEnum):
    """Whether the goal is."""

    YES = "reached"
    NO = "not reached"
    UNSHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal, judged over all questions that both sides were asked."""

    percent: float
    reached: Reached
    words: str


def goal(result: Result, judged_lines: Sequence[Line], settings: BenchSettings) -> Goal:
    """Reached when every question has a verdict, and its whole interval lies below the goal; not reached when the whole
    interval of one lies above it. Against a stand-in nothing is said of MongoDB.
    """
    percent = settings.goal_percent
    asked = [each for each in judged_lines if isinstance(each.first, Figures) and isinstance(each.second, Figures)]
    if not isinstance(result.mongo, Unknown) and result.mongo.stand_in:
        return Goal(percent, Reached.UNSHOWN, "what stood on the MongoDB side is not MongoDB")
    if not asked:
        return Goal(percent, Reached.UNSHOWN, "no question was asked of both sides")
    above = [each.title for each in asked if _judged(each) and _bound(each, "low") > -percent]
    if above:
        return Goal(percent, Reached.NO, f"above it: {', '.join(above)}")
    open_ = [each.title for each in asked if not _judged(each) or _bound(each, "high") > -percent]
    if open_:
        return Goal(percent, Reached.UNSHOWN, f"not shown for: {', '.join(open_)}")
    return Goal(percent, Reached.YES, f"by each of {len(asked)} questions")


def _judged(line: Line) -> bool:
    return line.verdict is not Verdict.NONE


def _bound(line: Line, which: str) -> float:
    found = line.changes["average"]
    assert isinstance(found, Change)
    bound: float = getattr(found, which)
    return bound
