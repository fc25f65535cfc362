"""After the copy: search vectors and documents, keys, indexes, triggers, statistics; each can be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from devora_console.migration import documents, vectors
from devora_console.migration.control import Control, Tracker
from devora_console.migration.fenced import Fenced
from devora_console.migration.progress import Phase
from devora_console.migration.setaside import bring_back, validate, waiting
from devora_console.migration.things import Thing
from devora_console.migration.work.seat import Context
from devora_console.postgres.connect import connection

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Step = Callable[[Connection], Awaitable[None]]


class Finishing:
    """Does on several connections what PostgreSQL can do side by side."""

    def __init__(self, context: Context, main: Connection, tracker: Tracker, control: Control, workers: int) -> None:
        self._context = context
        self._main = main
        self._tracker = tracker
        self._control = control
        self._workers = max(1, workers)

    async def run(self, tables: Sequence[str]) -> None:
        """Bring back everything that was set aside, fill what its triggers would have filled, and take statistics."""
        things = await waiting(self._main)
        all_tables = await documents.with_documents(self._main, tables)
        searched = documents.TABLE in all_tables
        if things:
            # Of every table: one whose trigger is back already may have been cut off in the middle.
            await self._vectors(sorted({*tables, *(thing.table for thing in things)}))
            things = await waiting(self._main)
            indexes = [t for t in things if t.kind in ("unique", "index")]
            await self._bring_back(Phase.INDEXES, indexes, *([self._words] if searched else []))
            await self._bring_back(Phase.CONSTRAINTS, [t for t in things if t.kind == "foreign_key"])
            await self._bring_back(Phase.CONSTRAINTS, [t for t in things if t.kind == "trigger"])
        elif searched and await documents.without_words(self._main):
            await self._words(self._main)
        await self._analyze([documents.TABLE, *all_tables, documents.VOCABULARY] if searched else all_tables)

    async def _words(self, conn: Connection) -> None:
        """Later they are refreshed from time to time; without any, searches correct no typing error."""
        self._tracker.change(waiting_for="words of the search documents")
        async with Fenced(conn, self._context.epoch):
            await documents.refresh_words(conn)

    async def _analyze(self, tables: Sequence[str]) -> None:
        """Fresh statistics, so that the first queries of the application are planned on facts."""
        names = list(dict.fromkeys(tables))
        self._tracker.phase(Phase.ANALYZE, len(names))

        def step(table: str) -> Step:
            async def analyze(conn: Connection) -> None:
                await conn.execute(await conn.fetchval("SELECT format('ANALYZE public.%I', $1::text)", table))
                self._tracker.advance(1, 0)

            return analyze

        await self._side_by_side([step(name) for name in names])

    async def _vectors(self, tables: Sequence[str]) -> None:
        found = await vectors.targets(self._main, tables)
        aside = {table.trigger for table in found if not table.live}
        for thing in await waiting(self._main):
            if thing.kind == "trigger" and thing.name in aside:
                await bring_back(self._main, thing)
        kinds = await documents.aside(self._main)
        self._tracker.phase(Phase.VECTORS, sum(table.left for table in found))
        for table in found:
            pieces = await vectors.pieces(self._main, table)

            def step(piece: vectors.Piece) -> Step:
                async def fill(conn: Connection) -> None:
                    async with Fenced(conn, self._context.epoch):
                        rows = await vectors.fill(conn, piece)
                    self._tracker.advance(rows, 0)
                    if piece.tidy:
                        await vectors.tidy(conn, piece.table.table)

                return fill

            await self._side_by_side([step(piece) for piece in pieces])
            await vectors.tidy(self._main, table.table, last=True)
        await self._documents(kinds)

    async def _documents(self, kinds: Sequence[documents.Kind]) -> None:
        """From their beginning, whatever a load that was cut off has left: nobody has kept them meanwhile."""
        if not kinds:
            return
        for thing in await waiting(self._main):
            if thing.kind == "trigger" and thing.name in documents.TRIGGERS:
                await bring_back(self._main, thing)
        self._tracker.phase(Phase.DOCUMENTS, sum(kind.rows for kind in kinds))
        async with Fenced(self._main, self._context.epoch):
            await documents.empty(self._main)

        def step(piece: documents.Piece) -> Step:
            async def fill(conn: Connection) -> None:
                async with Fenced(conn, self._context.epoch):
                    rows = await documents.fill(conn, piece)
                self._tracker.advance(rows, 0)

            return fill

        pieces = [piece for kind in kinds for piece in await documents.pieces(self._main, kind)]
        await self._side_by_side([step(piece) for piece in pieces])

    async def _bring_back(self, phase: Phase, things: Sequence[Thing], *besides: Step) -> None:
        """The things in their order, and ``besides`` while the first of them, which takes longest, is made."""
        self._tracker.phase(phase, len(things))
        hidden = frozenset(
            (collection.table, column.name)
            for collection in self._context.mapping.mapped()
            for column in collection.columns
            if column.secret or column.path in collection.secret_paths
        )

        def step(thing: Thing) -> Step:
            async def back(conn: Connection) -> None:
                self._tracker.change(waiting_for=f"{thing.kind.replace('_', ' ')} {thing.name}")
                await bring_back(conn, thing, hidden=hidden)
                if thing.kind == "foreign_key":
                    await validate(conn, thing, hidden=hidden)
                self._tracker.advance(1, 0)

            return back

        steps = [step(thing) for thing in things]
        await self._side_by_side([*steps[:1], *besides, *steps[1:]])
        self._tracker.change(waiting_for="")

    async def _side_by_side(self, steps: Sequence[Step]) -> None:
        """The steps in their order, as many at once as there are workers; the first error ends them all."""
        left = iter(steps)

        async def work() -> None:
            async with self._connection() as conn:
                for step in left:
                    await self._control.checkpoint(self._tracker)
                    await step(conn)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._workers, len(steps))):
                    group.create_task(work())
        except ExceptionGroup as several:  # of the task group: its first error is the one to tell
            raise several.exceptions[0] from None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with connection(
            self._context.postgres,
            purpose="migration",
            read_only=False,
            timeout_seconds=self._context.timeout_seconds,
            statement_timeout_seconds=0,
        ) as conn:
            await conn.execute("SET synchronous_commit = off")
            yield conn
