"""What is asked for whom: users that are there on both sides, and for each a value of every parameter, by a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devora_console.bench.model import Catalogue, Parameter, Question, Search
from devora_console.bench.placeholders import places, places_of
from devora_console.bench.result import Subject
from devora_console.bench.sides import Listed, QuestionFailed, Side, digest
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line

_WORD = re.compile(r"[^\W\d_]{4,}")
_SHORT_WORD = re.compile(r"[^\W\d_]{2,}")
_TRIES = 25  # users looked at for each that is wanted
_LEAST_TRIES = 500


@dataclass(frozen=True, slots=True)
class Drawn:
    """``values``: by side, of each subject what stands for each parameter. ``notes`` are for people."""

    subjects: tuple[Subject, ...]
    values: Mapping[str, tuple[Mapping[str, Any], ...]]
    notes: tuple[str, ...]


def needed(catalogue: Catalogue, questions: Sequence[Question], sides: Sequence[str]) -> list[Parameter]:
    """The parameters that these questions need on these sides, and those that they need in turn; ``user`` always."""
    wanted = {"user"}
    for each in questions:
        if "mongo" in sides:
            wanted |= {name for name, _ in places_of([[step.find, step.aggregate] for step in each.mongo])}
        if "postgres" in sides and each.postgres is not None:
            text = each.postgres.text if isinstance(each.postgres, Search) else each.postgres
            wanted |= {name for name, _ in places(text)}
    for parameter in reversed(catalogue.parameters):
        if parameter.name in wanted:
            wanted |= {name for name, _ in places(parameter.postgres)}
            wanted |= {name for name, _ in places_of([[step.find, step.aggregate] for step in parameter.mongo])}
    return [each for each in catalogue.parameters if each.name in wanted]


async def draw(
    parameters: Sequence[Parameter],
    sides: Sequence[Side],
    *,
    seed: int,
    wanted: int,
    kept: Sequence[Subject] = (),
) -> Drawn:
    """Draw subjects; or, where some were ``kept``, find those again. Raises ConsoleError when there is nobody."""
    first, *others = parameters
    users = await _common(first, sides, [{} for _ in sides])
    if not users:
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "bench_nobody",
            "no user is there " + ("on both sides" if len(sides) > 1 else f"on the side of {sides[0].name}"),
            "Migrate first, and connect to PostgreSQL as the owner, who sees all users",
        )
    subjects: list[Subject] = []
    values: list[list[Mapping[str, Any]]] = [[] for _ in sides]
    order, by_user = _order(users, seed, kept)
    for key in order[: max(_LEAST_TRIES, _TRIES * wanted)]:
        if len(subjects) == (len(kept) or wanted):
            break
        found = await _subject(others, sides, (key, users[key]), seed, by_user.get(digest(key)))
        if found is not None:
            subject, theirs = found
            subjects.append(subject)
            for at, each in enumerate(theirs):
                values[at].append(each)
    if not subjects:
        names = ", ".join(each.name for each in others)
        raise ConsoleError.of(ExitCode.NEGATIVE, "bench_nobody", f"no user has what is asked for ({names})", "")
    by_side = {side.name: tuple(values[at]) for at, side in enumerate(sides)}
    return Drawn(tuple(subjects), by_side, _notes(len(subjects), len(users), wanted, kept, len(sides)))


def _order(
    users: Mapping[str, Sequence[Any]], seed: int, kept: Sequence[Subject]
) -> tuple[list[str], dict[str, Subject]]:
    """The users to look at, in turn; and what was kept of each, by the digest of the user's key."""
    by_user = {each.keys["user"]: each for each in kept if "user" in each.keys}
    if by_user:
        known = {digest(key): key for key in users}
        return [known[each] for each in by_user if each in known], by_user
    order = sorted(users)
    random.Random(seed).shuffle(order)  # noqa: S311 - nothing secret: the same seed draws the same
    return order, {}


async def _subject(
    parameters: Sequence[Parameter],
    sides: Sequence[Side],
    user: tuple[str, Sequence[Any]],
    seed: int,
    kept: Subject | None,
) -> tuple[Subject, list[Mapping[str, Any]]] | None:
    """A value of every parameter for one user, by side; None where one is missing."""
    keys = {"user": digest(user[0])}
    values: list[dict[str, Any]] = [{"user": value} for value in user[1]]
    for parameter in parameters:
        common = await _common(parameter, sides, values)
        chance = random.Random(f"{seed} {parameter.name} {user[0]}")  # noqa: S311
        key = _chosen(common, chance, kept.keys.get(parameter.name) if kept else None)
        if key is None:
            return None
        for at, value in enumerate(common[key]):
            taken = _word(str(value), random.Random(f"{seed} {key}")) if parameter.take == "word" else value  # noqa: S311
            if taken is None:
                return None
            values[at][parameter.name] = taken
        keys[parameter.name] = digest(key)
    return Subject(keys), list(values)


def _chosen(common: Mapping[str, Sequence[Any]], chance: random.Random, kept: str | None) -> str | None:
    if kept is not None:
        return next((key for key in common if digest(key) == kept), None)
    return chance.choice(sorted(common)) if common else None


def _word(text: str, chance: random.Random) -> str | None:
    """One of the longer words.

    >>> _word("Le panier", random.Random(1))
    'panier'
    """
    words = _WORD.findall(text) or _SHORT_WORD.findall(text)
    return chance.choice(words) if words else None


async def _common(
    parameter: Parameter, sides: Sequence[Side], values: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """What every side lists, by key: the value of each side."""
    listed: list[dict[str, Any]] = []
    for side, known in zip(sides, values, strict=True):
        listed.append({each.key: each.value for each in reversed(await _listed(parameter, side, known))})
    return {key: [each[key] for each in listed] for key in listed[0] if all(key in each for each in listed)}


async def _listed(parameter: Parameter, side: Side, values: Mapping[str, Any]) -> list[Listed]:
    """Raises ConsoleError (exit 1) for a parameter that cannot be listed: nothing can be asked without it."""
    try:
        return await side.listed(parameter, values)
    except TimeoutError:
        said, remedy = "it took too long", "Raise bench.timeout_seconds"
    except QuestionFailed as error:
        said, remedy = str(error), "Correct it in the file of questions, or look at the schema"
    words = one_line(f"the parameter {parameter.name} cannot be drawn from {side.name}: {said}", 300)
    raise ConsoleError.of(ExitCode.NEGATIVE, "bench_parameter", words, remedy)


def _notes(found: int, users: int, wanted: int, kept: Sequence[Subject], sides: int) -> tuple[str, ...]:
    where = "on both sides" if sides > 1 else "there"
    if kept:
        gone = len(kept) - found
        return (f"{gone} of the {len(kept)} users asked before are no longer there as they were.",) if gone else ()
    if found < wanted:
        return (f"{wanted} users were wanted; of {users} that are {where}, {found} have what is asked for.",)
    return ()
