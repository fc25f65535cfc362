"""What is embedded and what is not, by type, for one model; and what other vectors there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devora_console.core.clock import utc_now
from devora_console.postgres.sqlfiles import sql
from devora_console.search.embed import ann, ready, steering
from devora_console.search.embed.ann import Index
from devora_console.search.embed.steering import Run
from devora_console.search.embed.work import HERE, NOTHING, Connection


@dataclass(frozen=True, slots=True)
class TypeCoverage:
    """Documents of a type. Each is exactly one of ``current``, ``stale`` (its text has changed since), ``missing``,
    ``failed`` and ``empty`` (nothing to embed). ``zero_vectors`` and ``without_vector`` are found by no search.
    """

    entity_type: str
    documents: int
    current: int
    stale: int
    missing: int
    failed: int
    empty: int
    vectors: int
    without_vector: int
    zero_vectors: int

    @property
    def covered(self) -> float | None:
        """The part of what can be embedded that is current; None where there is nothing."""
        able = self.documents - self.empty
        return self.current / able if able else None


@dataclass(frozen=True, slots=True)
class ModelVectors:
    """Vectors of one model and dimension."""

    model: str
    dims: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why documents could not be embedded, and how many."""

    reason: str
    documents: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """The state of embeddings for ``model``; ``models`` are all that there are vectors of."""

    model: str
    dims: int
    label: str
    types: tuple[TypeCoverage, ...]
    models: tuple[ModelVectors, ...]
    failures: tuple[Reason, ...]
    index: Index
    runs: tuple[Run, ...]
    as_of: datetime

    def total(self, what: str) -> int:
        """The sum of a column over all types."""
        return sum(int(getattr(each, what)) for each in self.types)

    @property
    def remaining(self) -> int:
        """Documents to embed."""
        return self.total("stale") + self.total("missing")


async def coverage(connection: Connection, model: str, dims: int, label: str = "") -> Coverage:
    """Read the state. Raises ConsoleError (exit 2) where the database has no place for embeddings."""
    await ready.require(connection)
    rows = await connection.fetch(sql(HERE, "coverage"), model, NOTHING)
    reasons = await connection.fetch(sql(HERE, "reasons"), model, NOTHING)
    models = await connection.fetch(sql(HERE, "models"))
    return Coverage(
        model=model,
        dims=dims,
        label=label,
        types=tuple(TypeCoverage(**dict(row)) for row in rows),
        models=tuple(ModelVectors(row["model_name"], row["dims"], row["vectors"]) for row in models),
        failures=tuple(Reason(row["reason"], row["documents"], row["latest"]) for row in reasons),
        index=await ann.state_of(connection, model, dims),
        runs=tuple(await steering.runs(connection, 5)),
        as_of=utc_now(),
    )
