"""The back-fill: documents without a current vector are claimed, read, embedded and written, several batches at once.

Every batch is a transaction of its own that writes only where the document is still what was embedded; the record of
what is done is the vectors themselves. It may be killed anywhere: a run that is gone has lost its claims, and whoever
runs next finds what is left. Several runs share the work by their claims.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import close
from devora_console.postgres.locks import EMBEDDING
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed import ann, steering, work, writing
from devora_console.search.embed.batches import Outcome, embed_batch
from devora_console.search.embed.ceiling import Batch, Budget, Ceiling
from devora_console.search.embed.models import MOST_TEXTS, Price
from devora_console.search.embed.progress import Ending, Progress, Result
from devora_console.search.embed.provider import Embedder
from devora_console.search.embed.tokens import counter_for
from devora_console.search.embed.work import HERE, NOTHING, Connection, Key, Leaf

Connect = Callable[[str], Awaitable[Connection]]

_LOCAL_ROWS = 1000  # documents of a batch that is embedded here: enough to pay for its transaction
_REMOTE_AT_ONCE = 3
_ODD_ANSWERS = 3  # batches in a row whose answer is not what was asked for, and the provider is given up
_PASSES = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to do. ``again``: try documents that failed before once more."""

    ceiling: Ceiling = field(default_factory=Ceiling)
    again: bool = False
    index_from: int = ann.LEAST
    lease_seconds: float = 300.0


class Backfill:
    """One run. ``on_progress`` is told after every batch and wait, ``narrate`` what takes long."""

    def __init__(
        self,
        connect: Connect,
        embedder: Embedder,
        wanted: Wanted | None = None,
        *,
        price: Price | Unknown | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        narrate: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._connect = connect
        self._embedder = embedder
        self._wanted = wanted or Wanted()
        self._price = price if isinstance(price, Price) else None
        self._told = on_progress
        self._narrate = narrate
        self._progress = Progress(uuid4(), embedder.model, 0, price=price)
        self._began = time.monotonic()
        self._going = asyncio.Event()
        self._going.set()
        self._ending = Ending.DONE
        self._problem: Problem | None = None
        self._odd = 0
        if not embedder.local:
            vars(embedder)["on_wait"] = self._waits
        counts = self._wanted.ceiling.counts_tokens or not embedder.local
        count = counter_for(embedder.model).count if counts else None
        self._budget = Budget(self._wanted.ceiling, self._price, count)
        self._used = 0  # tokens of the provider that are settled
        self._begun_with = self._counted_there
        self._recorded = 0  # and that stand in the record
        self._read: asyncio.Queue[tuple[Leaf, Batch]] = asyncio.Queue(1)
        self._write: asyncio.Queue[tuple[Leaf, Outcome]] = asyncio.Queue(1)

    @property
    def run_id(self) -> UUID:
        """The run as it is recorded."""
        return self._progress.run

    async def run(self) -> Result:
        """Embed everything that is left, up to the ceiling. Cancelled, it gives its claims back."""
        guide = await self._connect("embed")
        try:
            await self._begin(guide)
            try:
                await self._work(guide)
            except asyncio.CancelledError:
                await self._end(guide, Ending.INTERRUPTED, "interrupted")
                raise
            except BaseException as error:  # whatever ends it: the run must not stand as running; it goes on its way
                if not guide.is_closed():
                    await self._end(guide, Ending.REFUSED, f"failed: {type(error).__name__}")
                raise
            return await self._finish(guide)
        finally:
            await close(guide)

    async def _begin(self, guide: Connection) -> None:
        model = self._embedder.model
        await steering.begin(guide, self.run_id)
        await guide.execute(sql(HERE, "release_dead"), EMBEDDING)
        if self._wanted.again:
            await guide.execute("DELETE FROM devora_console.embedding_failure WHERE model_name = $1", model)
        total = await work.remaining(guide, model)
        await guide.execute(
            "INSERT INTO devora_console.embedding_run (id, model_name, state, ceiling, note)"
            " VALUES ($1, $2, 'running', $3, $4)",
            self.run_id,
            model,
            self._wanted.ceiling.cost,
            f"ceiling: {self._wanted.ceiling.words()}",
        )
        if await ann.set_aside(guide, model, self._embedder.dims, total):
            self._narrate("the index for nearest neighbours is set aside: making it anew is faster")
        self._began = time.monotonic()
        self._tell(total=total)

    async def _work(self, guide: Connection) -> None:
        reader, writer = await self._connect("embed read"), await self._connect("embed write")
        await work.prepare(reader)
        await writing.prepare(writer)
        workers = 1 if self._embedder.local else _REMOTE_AT_ONCE
        helpers = [
            asyncio.ensure_future(each)
            for each in (
                steering.follow(guide, self.run_id, self._going),
                self._writing(writer),
                *(self._embedding() for _ in range(workers)),
            )
        ]
        producer = asyncio.ensure_future(self._reading(reader))
        try:
            pending = {producer, *helpers}
            while not producer.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
        finally:
            for task in (producer, *helpers):
                task.cancel()
            await asyncio.gather(producer, *helpers, return_exceptions=True)
            await close(reader)
            await close(writer)

    async def _reading(self, reader: Connection) -> None:
        """Claim and read until nothing is left. What was edited while it was embedded comes in a later pass."""
        for _ in range(_PASSES):
            found = 0
            leaves = await work.leaves(reader)
            first = random.randrange(len(leaves)) if leaves else 0  # noqa: S311 - so that two runs do not meet
            for leaf in leaves[first:] + leaves[:first]:
                if self._ending is Ending.DONE:
                    found += await self._leaf(reader, leaf)
            await self._read.join()
            await self._write.join()
            if not found or self._ending is not Ending.DONE:
                return
            await reader.execute(sql(HERE, "release_dead"), EMBEDDING)

    async def _leaf(self, reader: Connection, leaf: Leaf) -> int:
        """A partition: how many of its documents were ours to embed."""
        after: Key | None = None
        found, rows = 0, _LOCAL_ROWS if self._embedder.local else MOST_TEXTS
        while page := await work.candidates(reader, self._embedder.model, leaf, after):
            after = page[-1]
            for start in range(0, len(page), rows):
                found += await self._claim(reader, leaf, page[start : start + rows])
                if self._ending is not Ending.DONE:
                    return found
        return found

    async def _claim(self, reader: Connection, leaf: Leaf, keys: Sequence[Key]) -> int:
        await self._unpaused()
        allowed = self._budget.rows(len(keys))
        if allowed < len(keys):
            self._over(Ending.CEILING)
        if not allowed:
            return 0
        model = self._embedder.model
        mine = await work.claim(reader, model, self.run_id, keys[:allowed], self._wanted.lease_seconds)
        self._budget.took(len(mine))
        async for texts in work.read(reader, model, leaf, mine):
            for batch in self._budget.cut(texts):
                await self._read.put((leaf, batch))
            if self._budget.reached:
                self._over(Ending.CEILING)
                break
        return len(mine)

    async def _unpaused(self) -> None:
        if not self._going.is_set():
            self._tell(paused=True)
            await self._going.wait()
            self._tell(paused=False)

    def _over(self, ending: Ending, problem: Problem | None = None) -> None:
        if self._ending is Ending.DONE or (ending is Ending.REFUSED and self._problem is None):
            self._ending, self._problem = ending, problem

    async def _embedding(self) -> None:
        while True:
            leaf, batch = await self._read.get()
            await self._unpaused()
            if self._ending is not Ending.REFUSED:  # else nothing more is asked of the provider
                outcome = await embed_batch(self._embedder, batch.texts)
                self._settle(batch.tokens)
                self._judge(outcome)
                await self._write.put((leaf, outcome))
            self._read.task_done()

    def _settle(self, counted: int) -> None:
        """Put what was used in place of what was counted. The provider's own total, since several batches are under way
        at a time and its counter does not tell whose tokens they were; our count for one that tells none.
        """
        before = self._used
        self._used = self._counted_there - self._begun_with or before + counted
        self._budget.settle(counted, self._used - before)

    @property
    def _counted_there(self) -> int:
        return int(getattr(self._embedder, "tokens_used", 0))

    def _judge(self, outcome: Outcome) -> None:
        """Whether to go on after this batch."""
        self._odd = self._odd + 1 if outcome.odd_answer else 0
        if outcome.refused is not None:
            self._over(Ending.REFUSED, outcome.refused.problem)
        elif self._odd >= _ODD_ANSWERS:
            said = Problem("embed_answer", outcome.failed[-1].reason, "See what stands at embed.base_url")
            self._over(Ending.REFUSED, said)

    async def _writing(self, writer: Connection) -> None:
        model = self._embedder.model
        while True:
            leaf, outcome = await self._write.get()
            tokens, self._recorded = self._used - self._recorded, self._used
            written = await writing.write(writer, model, leaf, self.run_id, outcome, tokens)
            empty = sum(each.reason == NOTHING for each in outcome.failed)
            told = self._progress
            self._tell(
                embedded=told.embedded + written.documents,
                vectors=told.vectors + written.vectors,
                changed=told.changed + written.changed,
                empty=told.empty + empty,
                failed=told.failed + len(outcome.failed) - empty,
                waiting="",
            )
            self._write.task_done()

    def _waits(self, seconds: float, problem: Problem) -> None:
        self._tell(waiting=f"{problem.message}: waits {seconds:.0f} s")

    def _tell(self, **changes: object) -> None:
        cost = self._price.cost(self._used) if self._price is not None else None
        more = {"tokens": self._used, "cost": cost, "seconds": time.monotonic() - self._began} | changes
        self._progress = replace(self._progress, **more)  # type: ignore[arg-type]  # field names are ours
        self._told(self._progress)

    async def _finish(self, guide: Connection) -> Result:
        """Take away what has lost its document, make the index, and count what is left."""
        model, dims = self._embedder.model, self._embedder.dims
        self._tell(paused=False)
        removed = int((await guide.execute(sql(HERE, "tidy"), model)).rpartition(" ")[2])
        index = None
        if self._ending is Ending.DONE:
            index = await ann.ensure(guide, model, dims, least=self._wanted.index_from, narrate=self._narrate)
            if self._progress.vectors or removed or index.outcome == "built":
                await guide.execute("ANALYZE public.embeddings")  # autovacuum leaves small partitions alone
        left = await work.remaining(guide, model)
        result = Result(self._progress, self._ending, left, self._problem, index, removed)
        await self._end(guide, self._ending, f"{result.words}" + (f". {self._problem}" if self._problem else ""))
        return result

    async def _end(self, guide: Connection, ending: Ending, note: str) -> None:
        await guide.execute("DELETE FROM devora_console.embedding_claim WHERE claimed_by = $1", self.run_id)
        await guide.execute(
            "UPDATE devora_console.embedding_run SET state = $2, ended = now(), note = $3, cost = $4 WHERE id = $1",
            self.run_id,
            "done" if ending is Ending.DONE else "stopped",
            note[:1000],
            self._progress.cost,
        )
