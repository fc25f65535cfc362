"""How fast searches are, and how much the index of nearest neighbours finds.

    uv run python tests/benchmarks/search_latency.py [--messages N] [--quick] [--keep DIR] [--corpus scattered]

A million messages of 2,000 users are searched by four of them, who have 18 %, 7 % and 0.1 % of all messages, and 9.
What is timed is one ask of the playground, from the typed text to the hits with their snippets, on a login that is a
member of app_user and nothing more: the analysis of the query, the legs under row security, the fusion, the reading of
what is shown. Queries are messages of the same user that are in no table, a third of them with a typing error. The
vectors are synthetic, of 256 dimensions, around topics of each user, and by conversation or scattered (``--corpus``);
that of a query is there already, so that making it is not part of the time. Each method is asked alone; the hybrid asks
its three legs at the same time.

short_results counts searches that returned fewer hits than asked while the user has more: of full text against the
documents with any word of the query, of semantic and hybrid against all. ann_recall compares the ten nearest with an
exact search. analysis_* is the analysis' part of the asks. *_cold_* is the first time each query is asked.

``--keep DIR`` leaves the database there and uses what it finds, vectors of either corpus. The server has 1 GB of
shared buffers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[2]))

from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.search.bench import Latency, Percentiles, measure, percentiles
from devora_console.search.knobs import asked_of
from devora_console.search.model import Method, MethodAnswer
from devora_console.search.playground import Playground
from devora_console.search.query import cleaned
from tests.benchmarks.migration import say
from tests.benchmarks.search_corpus import DIMENSIONS, Corpus, Person
from tests.benchmarks.search_world import add_vectors, build

SIZES = ("18pct", "7pct", "0.1pct", "9rows")
METHODS = {Method.FTS: "fulltext", Method.TRIGRAM: "trigram", Method.SEMANTIC: "semantic", Method.HYBRID: "hybrid"}
LIMIT = 10
LOGIN = "search_latency"
_DATABASE = "searched"


@dataclass
class Prepared:
    """An embedder that knows the vectors of the queries beforehand."""

    vectors: dict[str, Sequence[float]]
    model: str
    dims: int = DIMENSIONS
    label: str = "vectors made beforehand"
    local: bool = True

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float] | None]:
        """Those of these texts."""
        return [self.vectors.get(text) for text in texts]

    def coverage(self, text: str) -> float | None:
        """All of it."""
        return float(text in self.vectors)

    async def close(self) -> None:
        """Nothing to give back."""


@dataclass
class Searcher:
    """One user at the playground."""

    playground: Playground
    settings: Settings
    user: str
    analysis: list[float] = field(default_factory=list)

    def method(self, method: Method) -> Callable[[str], Awaitable[int]]:
        """Asks it and says how many hits came."""

        async def ask(text: str) -> int:
            return len((await self.answer(text, method)).hits)

        return ask

    async def answer(self, text: str, method: Method, *, exactly: bool = False) -> MethodAnswer:
        """The answer of one method; an error where it has none because something is wrong."""
        asked = asked_of(self.settings, text, user=self.user, limit=LIMIT)
        asked = replace(asked, methods=(method,), knobs=replace(asked.knobs, exact=exactly))
        snapshot = await self.playground.ask(asked)
        assert snapshot is not None
        self.analysis.append(snapshot.analysed.took_ms)
        answer = snapshot.methods[method]
        left_out = [flag for flag in answer.flags if flag == "timeout" or flag.startswith("without_")]
        if "timeout" in left_out:
            raise TimeoutError
        if isinstance(answer.problem, Unknown) or left_out:
            raise RuntimeError(f"{method} could not answer {text!r}: {answer.problem} {answer.notes}")
        return answer


async def run(dsn: Dsn, login: Dsn, corpus: Corpus, queries: int, rounds: int) -> dict[str, object]:
    """Every user size, one after the other."""
    answer: dict[str, object] = {}
    short = 0
    hybrid: list[float] = []
    settings = Settings(postgres=PostgresSettings(dsn=login))
    for size, person in zip(SIZES, corpus.users, strict=False):
        asked = _queries(corpus, person, queries)
        known = {cleaned(text)[0]: vector for text, vector in asked.items()}
        playground = await Playground.open(settings, embedder=Prepared(known, corpus.model))
        searcher = Searcher(playground, settings, str(person.id))
        few = min(LIMIT, person.messages)
        took = await measure(
            {name: searcher.method(method) for method, name in METHODS.items()},
            list(asked),
            rounds=rounds,
            possible=_possible({"semantic": few, "hybrid": few}),
        )
        analysis = percentiles(searcher.analysis)
        short += sum(each.short for each in took.values()) + await _missed(searcher, list(asked), dsn, person)
        for name, latency in took.items():
            answer |= _figures(f"{name}_{size}", latency)
        assert not isinstance(analysis, Unknown)
        answer |= {f"analysis_{size}_p50_ms": analysis.p50, f"analysis_{size}_p95_ms": analysis.p95}
        hybrid.append(_warm(took["hybrid"]).p95)
        answer[f"ann_recall_{size}"] = await _recall(searcher, list(asked))
        await playground.close()
        say(
            f"{size}: analysis {analysis.p50:.1f}/{analysis.p95:.1f} ms, "
            + ", ".join(f"{name} {_line(latency)}" for name, latency in took.items())
            + f", recall {answer[f'ann_recall_{size}']:.3f}"
        )
    answer["hybrid_p95_ms"] = max(hybrid)
    answer["ann_recall"] = min(float(str(answer[f"ann_recall_{size}"])) for size in SIZES)
    answer["short_results"] = short
    return answer


def _possible(known: Mapping[str, int]) -> Callable[[str, str], int | None]:
    return lambda method, _: known.get(method)


def _queries(corpus: Corpus, person: Person, count: int) -> dict[str, Sequence[float]]:
    """Queries with their vectors."""
    return {corpus.query(person, typo=at % 3 == 0): corpus.asked(person) for at in range(count)}


async def _missed(searcher: Searcher, asked: Sequence[str], dsn: Dsn, person: Person) -> int:
    """Queries for which full text found fewer than ten, though the user has more documents with one of their words."""
    missed = 0
    owner = await asyncpg.connect(dsn.reveal())
    for each in asked:
        found = len((await searcher.answer(each, Method.FTS)).hits)
        if found >= LIMIT:
            continue
        missed += found < await owner.fetchval(
            "SELECT count(*) FROM (SELECT FROM search_documents WHERE user_id = $1 AND search_vector @@"
            " replace(devora_query($2)::text, ' & ', ' | ')::tsquery LIMIT $3) s",
            person.id,
            cleaned(each)[0],
            LIMIT,
        )
    await owner.close()
    return missed


async def _recall(searcher: Searcher, asked: Sequence[str]) -> float:
    """Share of the ten nearest that the search without ``exactly`` finds, over the first 40 queries."""
    found = wanted = 0
    for each in asked[:40]:
        exact, near = [
            {hit.key for hit in (await searcher.answer(each, Method.SEMANTIC, exactly=exactly)).hits}
            for exactly in (True, False)
        ]
        found += len(exact & near)
        wanted += len(exact)
    return found / wanted if wanted else 1.0


def _warm(latency: Latency) -> Percentiles:
    assert not isinstance(latency.warm, Unknown)
    return latency.warm


def _line(latency: Latency) -> str:
    warm = _warm(latency)
    return f"{warm.p50:.1f}/{warm.p95:.1f}/{warm.p99:.1f} ms"


def _figures(name: str, latency: Latency) -> dict[str, float]:
    found: dict[str, float] = {}
    for word, part in (("", latency.warm), ("cold_", latency.cold)):
        assert not isinstance(part, Unknown)
        found |= {
            f"{name}_{word}p{percent}_ms": value for percent, value in ((50, part.p50), (95, part.p95), (99, part.p99))
        }
        if part.timeouts:
            found[f"{name}_{word}timeouts"] = part.timeouts
    return found


async def application(dsn: Dsn) -> Dsn:
    """The same database by a login that has the application's rights and no others."""
    connection = await asyncpg.connect(dsn.reveal())
    password = secrets.token_hex(16)
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", LOGIN):
        await connection.execute(f"CREATE ROLE {LOGIN} LOGIN NOINHERIT IN ROLE app_user")
    await connection.execute(f"ALTER ROLE {LOGIN} PASSWORD '{password}'")
    await connection.close()
    address = urlsplit(dsn.reveal())
    return Dsn(f"{address.scheme}://{LOGIN}:{password}@{address.path}?{address.query}")


async def prepare(servers: DemoServers, corpus: Corpus, memory_mb: int) -> tuple[Dsn, dict[str, float]]:
    """The database, made unless it is there."""
    admin = servers.start().postgres
    connection = await asyncpg.connect(admin.reveal())
    there = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", _DATABASE)
    if not there:
        await connection.execute("ALTER SYSTEM SET shared_buffers = '1GB'")
        await connection.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
        await connection.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
    await connection.close()
    servers.postgres.stop()
    servers.postgres.start()
    dsn = for_database(servers.postgres.dsn, _DATABASE)
    return dsn, await (add_vectors if there else build)(dsn, corpus, memory_mb)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--queries", type=int, default=120, help="per user size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="50,000 messages of 200 users, 30 queries")
    parser.add_argument("--corpus", choices=("clustered", "scattered"), default="clustered")
    parser.add_argument("--keep", type=Path, help="leave the database here, and use the one that is here")
    options = parser.parse_args()
    if options.quick:
        options.messages, options.users, options.queries, options.rounds = 50_000, 200, 30, 2
    if options.keep:
        options.keep.mkdir(exist_ok=True)
    home = options.keep or temporary_home()
    servers = DemoServers(home, durable=False)
    try:
        began = time.perf_counter()
        corpus = Corpus(options.messages, options.users, scattered=options.corpus == "scattered")
        dsn, built = asyncio.run(prepare(servers, corpus, 256 if options.quick else 2048))
        answer: dict[str, object] = {"messages": options.messages, "users": options.users, "corpus": options.corpus}
        answer |= {name: round(value, 1) for name, value in built.items()}
        answer["load"] = round(os.getloadavg()[0], 1)
        # Of a seed of their own: none of these messages is in the tables.
        corpus.random.seed(corpus.seed + 1000)
        login = asyncio.run(application(dsn))
        answer |= asyncio.run(run(dsn, login, corpus, options.queries, options.rounds))
        answer["seconds"] = round(time.perf_counter() - began, 1)
    finally:
        servers.stop()
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in answer.items()}
    print(json.dumps(rounded))  # noqa: T201


if __name__ == "__main__":
    main()
