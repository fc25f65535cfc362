"""A suite asked: every query through every method, scored against its judgments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from devora_console import __version__
from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.search.asking import Connection
from devora_console.search.engine import Engine
from devora_console.search.judging.chance import Interval, interval
from devora_console.search.judging.corpus import Corpus, Key
from devora_console.search.judging.metrics import NAMES, Score, score
from devora_console.search.judging.suite import Suite
from devora_console.search.model import Asked, Knobs, Method, SearchSnapshot

_HITS = 30  # asked for: a document may be found as a conversation and as its message
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """One query by one method. ``ranking``: the first ten; ``found``: how many hits came (0: a query without answer).

    ``problem`` says why there is no ranking: such a query counts as found nothing.
    """

    query: str
    ranking: tuple[str, ...]
    found: int
    score: Score
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """One method over all queries: each metric with its interval; ``zero``: queries without any result."""

    metrics: Mapping[str, Interval]
    zero: int
    n: int


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """What a suite gave, with all that it depends on.

    ``model`` and ``embedder`` made the vectors; ``versions`` are those of server, extensions and console; ``knobs`` as
    they stood. ``judged`` holds the queries in the suite's order, by method.
    """

    suite: str
    digest: str
    at: datetime
    model: str
    embedder: str
    versions: Mapping[str, str]
    knobs: Knobs
    judged: Mapping[Method, tuple[Judged, ...]]

    def figures(self, method: Method) -> Figures:
        """The means of a method."""
        rows = self.judged[method]
        values = {name: interval([getattr(row.score, name) for row in rows]) for name in NAMES}
        return Figures(values, sum(not row.found for row in rows), len(rows))

    def best(self) -> Method:
        """The method with the greatest mean nDCG@10; of equals the one that is listed first."""
        return max(self.judged, key=lambda method: self.figures(method).metrics["ndcg_at_10"].mean)


async def run_suite(
    engine: Engine,
    suite: Suite,
    asked: Asked,
    corpus: Corpus | None,
    *,
    versions: Mapping[str, str] | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> SuiteRun:
    """Ask every query of the suite as ``asked`` says (whose text does not count). ``tell`` is given how far it is."""
    judged: dict[Method, list[Judged]] = {method: [] for method in asked.methods}
    model = embedder = ""
    for at, query in enumerate(suite.queries, 1):
        snapshot = await engine.search(replace(asked, text=query.text, limit=_HITS))
        model, embedder = snapshot.model or model, snapshot.embedder or embedder
        for method, rows in judged.items():
            rows.append(_judged(snapshot, method, query.id, query.judgments, corpus))
        if tell is not None:
            tell(at, len(suite.queries))
    return SuiteRun(
        suite.name,
        suite.digest,
        utc_now(),
        model,
        embedder,
        {**(versions or {}), "console": __version__},
        asked.knobs,
        {method: tuple(rows) for method, rows in judged.items()},
    )


def _judged(
    snapshot: SearchSnapshot, method: Method, query: str, judgments: Mapping[str, int], corpus: Corpus | None
) -> Judged:
    answer = snapshot.methods[method]
    keys = [hit.key for hit in answer.hits]
    ranking = corpus.ranking(keys) if corpus else _named(keys)
    problem = answer.problem
    said = "" if problem is None else problem.reason if isinstance(problem, Unknown) else problem.message
    return Judged(query, tuple(ranking[:SHOWN]), len(answer.hits), score(ranking, judgments), said)


def _named(keys: Sequence[Key]) -> list[str]:
    """As a suite about the live documents names them."""
    return [f"{kind}/{name}" for kind, name in keys]


async def versions_of(connection: Connection) -> dict[str, str]:
    """Of the server and of the extensions that searching uses."""
    rows = await connection.fetch(
        "SELECT 'postgresql' AS name, current_setting('server_version') AS version UNION ALL "
        "SELECT extname, extversion FROM pg_catalog.pg_extension WHERE extname IN ('vector', 'pg_trgm', 'unaccent')"
    )
    return {row["name"]: row["version"] for row in rows}
