"""Ask the planner about the costliest slow statements, and weigh what they read in vain."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.choose import Text, choose
from devora_console.postgres.advice.columns import Columns, read_columns
from devora_console.postgres.advice.condition import Compared
from devora_console.postgres.advice.costs import fetch_cost
from devora_console.postgres.advice.gather import Gathered, Place, places
from devora_console.postgres.advice.hypothetical import Answer, ask_planner
from devora_console.postgres.advice.scans import Read, read_scans
from devora_console.postgres.indexes.advised import Advice, Asking, Gain
from devora_console.postgres.indexes.facts import Catalogue
from devora_console.postgres.indexes.read import judged, read_catalogue
from devora_console.postgres.indexes.snapshot import IndexesSnapshot
from devora_console.postgres.plans.read import Author, document
from devora_console.postgres.plans.statement import Statement as Sentence
from devora_console.postgres.plans.statement import read_statement
from devora_console.postgres.statements import Statement, StatementsSnapshot, Texts, read_numbers, since_reset
from devora_console.postgres.statements.judge import share_since
from devora_console.postgres.watch.guest import Guest

_SECONDS = 20.0  # for all plans together, and again for those with hypothetical indexes; the rest is counted
_LATE = Unknown("the others took too long to ask for all", "Ask again, or plan fewer")
_NO_HYPOPG = Unknown("hypopg is not installed in this database", "CREATE EXTENSION hypopg; lets the planner be asked")


async def read_advised(guest: Guest, settings: IndexesSettings, *, kept: bool = False) -> IndexesSnapshot:
    """The indexes as :func:`devora_console.postgres.indexes.read` finds them, with what slow statements suggest.

    Dear: reads the texts of statements and plans some of them. Raises ConsoleError when the line is lost.
    """
    catalogue = await read_catalogue(guest, settings)
    advice = await advise(guest, catalogue, settings)
    return await judged(guest, catalogue, settings, kept=kept, advice=advice)


async def advise(guest: Guest, catalogue: Catalogue, settings: IndexesSettings) -> Advice | Unknown:
    """What slow statements of this database suggest, or why nobody knows. Raises ConsoleError when the line is lost."""
    sample = await read_numbers(guest)
    if isinstance(sample, Unknown):
        return sample
    whole = since_reset(sample)
    mine = [each for each in whole.statements if each.key.dbid == guest.host.database_oid and _slow(each, settings)]
    most = int(settings.suggest_statements)
    listed = await Texts().first(guest, replace(whole, statements=tuple(mine)), 0.0, orders=("total",), limit=most)
    slow = len(mine) - (listed.ours if isinstance(listed.ours, int) else 0)
    if sample.hidden and not slow:
        return Unknown(
            f"{sample.hidden} statements of other roles or databases are hidden from this role", sample.place.grant
        )
    gathered = Gathered(catalogue, settings, guest.host.block_size)
    until = time.monotonic() + _SECONDS
    planned = await _planned(guest, listed, gathered, settings, until)
    await _weigh(guest, planned, gathered, until + _SECONDS)
    return Advice(
        as_of=utc_now(),
        slow=slow,
        asked=len(listed.statements),
        suggestions=gathered.suggestions(),
        unknown=gathered.unknown.refusals(),
        declined=gathered.declined.refusals(),
        hidden=sample.hidden,
        planner=True if "hypopg" in guest.host.extensions else _NO_HYPOPG,
    )


def _slow(each: Statement, settings: IndexesSettings) -> bool:
    calls = each.total.calls
    return calls >= settings.suggest_calls and each.total.exec_ms >= settings.suggest_mean_ms * calls


@dataclass(frozen=True, slots=True)
class _Planned:
    """A statement with its plan, and the tables it reads in vain."""

    queryid: int
    asking: Asking
    sentence: Sentence
    author: Author | None
    read: Read
    places: tuple[Place, ...]


async def _planned(
    guest: Guest, listed: StatementsSnapshot, gathered: Gathered, settings: IndexesSettings, until: float
) -> list[_Planned]:
    found = []
    for each in listed.statements:
        sentence = read_statement(each.text) if isinstance(each.text, str) else each.text
        author = None if isinstance(each.user, Unknown) else Author(each.key.userid, each.user)
        top = (
            sentence
            if isinstance(sentence, Unknown)
            else await document(guest, sentence, author=author)
            if time.monotonic() < until
            else Unknown(f"not planned any more: the others took {_SECONDS:g} s", "Ask again, or plan fewer")
        )
        if isinstance(sentence, Unknown) or isinstance(top, Unknown):
            gathered.unknown.add(each.key.queryid, top if isinstance(top, Unknown) else Unknown(""))
            continue
        read = read_scans(top)
        wanted = places(read, gathered.catalogue, settings)
        if isinstance(wanted, str):
            gathered.declined.add(each.key.queryid, Unknown(wanted))
        elif isinstance(wanted, Unknown):
            gathered.unknown.add(each.key.queryid, wanted)
        else:
            found.append(_Planned(each.key.queryid, _asking(each, listed), sentence, author, read, wanted))
    return found


def _asking(each: Statement, listed: StatementsSnapshot) -> Asking:
    total = each.total
    return Asking(
        queryid=str(each.key.queryid),
        user=each.user,
        calls=total.calls,
        mean_ms=total.exec_ms / total.calls,
        total_ms=total.exec_ms,
        share=share_since(each, listed.window),
        text=each.text,
    )


async def _weigh(guest: Guest, planned: list[_Planned], gathered: Gathered, until: float) -> None:
    pairs = {
        (oid, each.column)
        for plan in planned
        for place in plan.places
        for each in (*place.scan.by, *place.scan.condition)
        if isinstance(each, Compared)
        for oid in (place.judged.oid, place.table.oid)
    }
    columns = await read_columns(guest, pairs) if pairs else {}
    for plan in planned:
        if isinstance(columns, Unknown):
            gathered.unknown.add(plan.queryid, columns)
        else:
            await _weigh_one(guest, plan, columns, gathered, until)


async def _weigh_one(guest: Guest, plan: _Planned, columns: Columns, gathered: Gathered, until: float) -> None:
    """Every table it reads in vain; why there is nothing to suggest counts only where nothing was suggested."""
    settings, catalogue = gathered.settings, gathered.catalogue
    against: list[str | Unknown] = []
    collated = any(token.value == "collate" for token in plan.sentence.tokens)
    text = Text(plan.sentence.squashed, collated)
    done = False
    for place in plan.places:
        wanted = choose(place.scan, place.judged, columns, catalogue, settings, text)
        if isinstance(wanted, str | Unknown):
            against.append(wanted)
            continue
        answer: Answer | str = Answer(wanted, _NO_HYPOPG)
        if "hypopg" in guest.host.extensions:
            late = time.monotonic() >= until
            answer = (
                Answer(wanted, _LATE)
                if late
                else await ask_planner(guest, plan.sentence, plan.author, place.table, wanted, plan.read, settings)
            )
        gain = answer if isinstance(answer, str) else _gain(plan, place, answer, settings)
        if isinstance(gain, str) or isinstance(answer, str):
            against.append(str(gain))
            continue
        gathered.add(place, answer.wanted, columns, gain)
        done = True
    if done:
        return
    unknown = next((each for each in against if isinstance(each, Unknown)), None)
    if unknown is not None:
        gathered.unknown.add(plan.queryid, unknown)
    else:
        gathered.declined.add(plan.queryid, Unknown("; ".join(str(each) for each in against)))


def _gain(plan: _Planned, place: Place, answer: Answer, settings: IndexesSettings) -> Gain | str:
    """What the index saves: as the planner says, or else as it would reckon with the rows that are left."""
    before, after = plan.read.cost, answer.cost
    if not isinstance(after, Unknown):
        return Gain(plan.asking, before, place.percent, 100 * (1 - after / before), after)
    fetched = fetch_cost(answer.wanted, place.judged.pages) * place.scan.loops
    saved = place.percent * max(0.0, 1 - fetched / max(place.scan.cost, 0.01))
    if saved >= settings.suggest_saving_percent:
        return Gain(plan.asking, before, place.percent, saved, after)
    keys = ", ".join(each.key.name for each in answer.wanted.columns)
    return (
        f"an index on {place.table.title} ({keys}) would leave about {answer.wanted.left:.0f} rows, and save"
        f" {saved:.0f} % of the cost (indexes.suggest_saving_percent = {settings.suggest_saving_percent:g})"
    )
