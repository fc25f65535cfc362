"""The options that turn the knobs of a search, as the screen turns them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from devora_console.search.model import LEGS, Knobs, Method

F = TypeVar("F", bound=Callable[..., Any])
_MOST_WEIGHT = 100.0


class _Weight(click.ParamType[Any]):
    """``fts=0.5``."""

    name = "LEG=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Method, float]:
        leg, _, number = str(value).partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if leg not in LEGS or not 0 <= weight <= _MOST_WEIGHT:
            self.fail(f"{value!r} is not one of {', '.join(LEGS)}, =, and 0 to {_MOST_WEIGHT:g}", param, ctx)
        return Method(leg), weight


class _Nearness(click.FloatRange):
    """A cosine, or ``any``."""

    name = "NUMBER|any"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return -1.0 if value == "any" else float(super().convert(value, param, ctx))


@dataclass(frozen=True, slots=True)
class Turned:
    """What was given on the command line; None, or no weight of a leg: as it is configured."""

    weight: tuple[tuple[Method, float], ...] = ()
    k: int | None = None
    candidates: int | None = None
    ef_search: int | None = None
    spelling: float | None = None
    nearness: float | None = None

    def of(self, knobs: Knobs) -> Knobs:
        """The knobs, turned."""
        given = {
            "k": self.k,
            "candidates": self.candidates,
            "ef_search": self.ef_search,
            "trigram_threshold": self.spelling,
            "least_similarity": self.nearness,
        }
        turned: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.weight:
            turned["weights"] = {**knobs.weights, **dict(self.weight)}
            turned["legs"] = tuple(leg for leg in LEGS if leg in knobs.legs or dict(self.weight).get(leg, 0) > 0)
        return replace(knobs, **turned)


def knob_options(function: F) -> F:
    """Adds the options; the function is given them by the names of :class:`Turned`."""
    for option in (
        click.option(
            "--nearness", type=_Nearness(-1, 1), help="Cosine below which a neighbour is left out.  [default: any]"
        ),
        click.option(
            "--spelling",
            type=click.FloatRange(0.1, 1),
            help="Word similarity from which names match.  [default: search.trigram_threshold]",
        ),
        click.option(
            "--ef-search",
            type=click.IntRange(1, 1000),
            help="How widely the index of neighbours looks.  [default: search.ef_search]",
        ),
        click.option(
            "--candidates",
            type=click.IntRange(1, 1000),
            help="Hits of each method that the hybrid fuses.  [default: search.candidates]",
        ),
        click.option(
            "--k",
            type=click.IntRange(1, 10_000),
            help="Damps the first ranks in the hybrid.  [default: search.fusion_k]",
        ),
        click.option(
            "--weight",
            type=_Weight(),
            multiple=True,
            help="What a method counts in the hybrid (fts, trigram, semantic; 0: nothing).  [default: search.*_weight]",
        ),
    ):
        function = option(function)
    return function
