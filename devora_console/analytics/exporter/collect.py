"""From the latest samples to an exposition. Nothing here waits, and nothing asks a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from devora_console.analytics.exporter.family import About, Family, Kind, Values
from devora_console.analytics.exporter.registry import AGE, FAMILIES, OWN, UNKNOWN
from devora_console.analytics.exporter.samples import SAMPLES, Sample, World
from devora_console.core.unknown import Unknown

_NO_NUMBER = Unknown("it is no number")
_LATE = 3  # looks that may be missing before the last one counts no more


@dataclass(frozen=True, slots=True)
class Found:
    """A family with the values that are known, by the values of its labels, and why others are not."""

    family: Family
    values: Mapping[tuple[str, ...], float]
    unknown: Unknown | None = None


def gather(world: World, families: Iterable[Family] = FAMILIES) -> tuple[Found, ...]:
    """What can be told now. A family whose sample does not exist is left out."""
    about = About(world.now, world.top, world.every_seconds)
    return tuple(_found(each, world.samples[each.sample], about) for each in families if each.sample in world.samples)


def _found(family: Family, sample: Sample, about: About) -> Found:
    seen = _fresh(family.sample, sample, about)
    if isinstance(seen, Unknown):
        return Found(family, {}, seen)
    try:
        values: Values = family.read(seen, about)
    except Exception as error:  # noqa: BLE001 - a defect in one metric must not cost the others: it is unknown
        return Found(family, {}, Unknown(f"reading it failed ({type(error).__name__})"))
    each = values if isinstance(values, Mapping) else {(): values}
    known = {key: float(value) for key, value in each.items() if isinstance(value, int | float) and isfinite(value)}
    unknown = next((value for value in each.values() if isinstance(value, Unknown)), None)
    if unknown is None and any(isinstance(value, float) and not isfinite(value) for value in each.values()):
        unknown = _NO_NUMBER
    return Found(family, known, unknown)


def _fresh(name: str, sample: Sample, about: About) -> object:
    """What was seen, unless that is so long ago that it says nothing about now."""
    if isinstance(sample.seen, Unknown) or sample.at is None:
        return sample.seen
    age = (about.now - sample.at).total_seconds()
    limit = max(SAMPLES[name].fresh_seconds, _LATE * about.every_seconds)
    return Unknown(f"the last look was {age:.0f} s ago, at most {limit:.0f} s count") if age > limit else sample.seen


def unknowns(found: Iterable[Found]) -> dict[str, Unknown]:
    """Why, by the name of the metric."""
    return {each.family.full: each.unknown for each in found if each.unknown is not None}


class LatestSamples(Collector):
    """Makes the metrics of whatever ``world`` has last; never raises, never blocks."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def describe(self) -> Iterable[Metric]:
        """What may come, without values: what lets somebody ask for some metrics only."""
        yield from (_metric(Found(each, {})) for each in FAMILIES)
        yield from (GaugeMetricFamily(name, words) for name, words in OWN.items())

    def collect(self) -> Iterator[Metric]:
        """The exposition of this moment."""
        world = self._world()
        found = gather(world)
        for each in found:
            if each.values:
                yield _metric(each)
        missing = GaugeMetricFamily(UNKNOWN, OWN[UNKNOWN], labels=("what",))
        for name in unknowns(found):
            missing.add_metric((name,), 1)
        yield missing
        ages = GaugeMetricFamily(AGE, OWN[AGE], labels=("sample",))
        for name, sample in world.samples.items():
            if sample.at is not None:
                ages.add_metric((name,), max(0.0, (world.now - sample.at).total_seconds()))
        yield ages


def _metric(found: Found) -> Metric:
    family = found.family
    made = (CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily)(
        family.full, family.help, labels=family.labels
    )
    for labels, value in found.values.items():
        made.add_metric(labels, value)
    return made
