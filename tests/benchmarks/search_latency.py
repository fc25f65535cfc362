"""How fast searches are: ``uv run python tests/benchmarks/search_latency.py [--messages N] [--quick] [--keep DIR]``.

A million messages of 2,000 users are searched as app_user under row security by four of them, who have 18 %, 7 % and
0.1 % of all messages, and 9. Queries are messages of the same user that are in no table, a third of them with a typing
error. full text: all words, then, if that brought fewer than ten, the words that tell documents apart, then any; with
typing errors corrected out of the vocabulary. trigram: over titles and names. semantic: synthetic vectors of 256
dimensions around topics of each user. hybrid: the three at the same time on three connections, and their fusion;
computing the query's vector is not part of it. short_results counts searches that returned fewer rows than asked while
the user has more: of full text against the documents with any word of the query, of semantic and hybrid against all.
ann_recall compares the ten nearest with an exact search. *_cold_* is the first time each query is asked.

``--keep DIR`` leaves the database there and uses what it finds. The server has 1 GB of shared buffers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[2]))

from devora_console.config.secret import Dsn
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.search.bench import Latency, Percentiles, become, measure
from tests.benchmarks.migration import say
from tests.benchmarks.search_corpus import MODEL, Corpus, Person, vector_text
from tests.benchmarks.search_world import build

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SIZES = ("18pct", "7pct", "0.1pct", "9rows")
ROLE = "app_user"
LIMIT = 10
CANDIDATES = 50
_DATABASE = "searched"
_FULLTEXT = "SELECT entity_type, entity_id FROM devora_search_fulltext($1::text::tsquery, most => $2)"
_TRIGRAM = "SELECT entity_type, entity_id FROM devora_search_trigram($1, most => $2)"
_SEMANTIC = "SELECT entity_type, entity_id FROM devora_search_semantic($1::text::vector, $2, most => $3, exactly => $4)"
_ANALYSED = "SELECT all_words::text, any_words::text, loose_words::text FROM devora_search_query($1)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query: its text, its vector as text, and whether the user's documents have a word of it."""

    text: str
    vector: str


@dataclass
class Searcher:
    """One user's three sessions, as the application has them."""

    connections: Sequence[Connection]

    async def fulltext(self, asked: Asked) -> int:
        """All words, then any of those that tell documents apart."""
        return len(await self._fulltext(asked))

    async def _fulltext(self, asked: Asked) -> list[tuple[str, object]]:
        connection = self.connections[0]
        both = await connection.fetchrow(_ANALYSED, asked.text)
        assert both is not None
        found: dict[tuple[str, object], None] = {}
        for query in dict.fromkeys(both):
            rows = await connection.fetch(_FULLTEXT, query, CANDIDATES)
            found |= dict.fromkeys((row[0], row[1]) for row in rows)
            if len(found) >= LIMIT:
                break
        return list(found)

    async def trigram(self, asked: Asked) -> int:
        """Titles and names that are like the query."""
        return len(await self._trigram(asked))

    async def _trigram(self, asked: Asked) -> list[tuple[str, object]]:
        rows = await self.connections[1].fetch(_TRIGRAM, asked.text, CANDIDATES)
        return [(row[0], row[1]) for row in rows]

    async def semantic(self, asked: Asked, *, exactly: bool = False) -> int:
        """Nearest messages."""
        return len(await self.nearest(asked, CANDIDATES, exactly=exactly))

    async def nearest(self, asked: Asked, most: int, *, exactly: bool = False) -> list[tuple[str, object]]:
        """Nearest messages, nearest first."""
        rows = await self.connections[2].fetch(_SEMANTIC, asked.vector, MODEL, most, exactly)
        return [(row[0], row[1]) for row in rows]

    async def hybrid(self, asked: Asked) -> int:
        """The three legs at the same time, fused by rank."""
        legs = await asyncio.gather(self._fulltext(asked), self._trigram(asked), self.nearest(asked, CANDIDATES))
        scores: dict[tuple[str, str], float] = {}
        for leg in legs:
            for rank, row in enumerate(leg, start=1):
                key = (row[0], str(row[1]))
                scores[key] = scores.get(key, 0.0) + 1 / (60 + rank)
        return len(sorted(scores, key=lambda key: (-scores[key], key))[:LIMIT])


async def run(dsn: Dsn, corpus: Corpus, queries: int, rounds: int) -> dict[str, object]:
    """Every user size, one after the other."""
    answer: dict[str, object] = {}
    short = 0
    hybrid: list[float] = []
    for size, person in zip(SIZES, corpus.users, strict=False):
        asked = _queries(corpus, person, queries)
        connections = [await asyncpg.connect(dsn.reveal()) for _ in range(3)]
        for connection in connections:
            await become(connection, ROLE, str(person.id), 10.0)
        searcher = Searcher(connections)
        methods: dict[str, Callable[[Asked], Awaitable[int]]] = {
            "fulltext": searcher.fulltext,
            "trigram": searcher.trigram,
            "semantic": searcher.semantic,
            "hybrid": searcher.hybrid,
        }
        known = {"semantic": min(CANDIDATES, person.messages), "hybrid": min(LIMIT, person.messages)}
        took = await measure(methods, asked, rounds=rounds, possible=_possible(known))
        short += sum(each.short for each in took.values()) + await _missed(searcher, asked, dsn, person)
        for name, latency in took.items():
            answer |= _figures(f"{name}_{size}", latency)
        hybrid.append(_warm(took["hybrid"]).p95)
        answer[f"ann_recall_{size}"] = await _recall(searcher, asked)
        for connection in connections:
            await connection.close()
        say(f"{size}: " + ", ".join(f"{name} {_line(latency)}" for name, latency in took.items()))
    answer["hybrid_p95_ms"] = max(hybrid)
    answer["ann_recall"] = min(float(str(answer[f"ann_recall_{size}"])) for size in SIZES)
    answer["short_results"] = short
    return answer


def _possible(known: Mapping[str, int]) -> Callable[[str, Asked], int | None]:
    return lambda method, _: known.get(method)


def _queries(corpus: Corpus, person: Person, count: int) -> list[Asked]:
    return [
        Asked(corpus.query(person, typo=at % 3 == 0), vector_text(corpus.asked(person)))
        for at in range(count)
    ]  # fmt: skip


async def _missed(searcher: Searcher, asked: Sequence[Asked], dsn: Dsn, person: Person) -> int:
    """Queries for which full text found fewer than ten, though the user has more documents with one of their words."""
    missed = 0
    owner = await asyncpg.connect(dsn.reveal())
    for each in asked:
        found = await searcher.fulltext(each)
        if found >= LIMIT:
            continue
        missed += found < await owner.fetchval(
            "SELECT count(*) FROM (SELECT FROM search_documents WHERE user_id = $1 AND search_vector @@"
            " replace(devora_query($2)::text, ' & ', ' | ')::tsquery LIMIT $3) s",
            person.id,
            each.text,
            LIMIT,
        )
    await owner.close()
    return missed


async def _recall(searcher: Searcher, asked: Sequence[Asked]) -> float:
    """Share of the ten nearest that the search without ``exactly`` finds, over the first 40 queries."""
    found = wanted = 0
    for each in asked[:40]:
        exact = set(await searcher.nearest(each, LIMIT, exactly=True))
        found += len(exact & set(await searcher.nearest(each, LIMIT)))
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
    return dsn, {} if there else await build(dsn, corpus, memory_mb)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--queries", type=int, default=120, help="per user size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="50,000 messages of 200 users, 30 queries")
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
        corpus = Corpus(options.messages, options.users)
        dsn, built = asyncio.run(prepare(servers, corpus, 256 if options.quick else 2048))
        answer: dict[str, object] = {"messages": options.messages, "users": options.users}
        answer |= {name: round(value, 1) for name, value in built.items()}
        # Of a seed of their own: none of these messages is in the tables.
        corpus.random.seed(corpus.seed + 1000)
        answer |= asyncio.run(run(dsn, corpus, options.queries, options.rounds))
        answer["seconds"] = round(time.perf_counter() - began, 1)
    finally:
        servers.stop()
    rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in answer.items()}
    print(json.dumps(rounded))  # noqa: T201


if __name__ == "__main__":
    main()
