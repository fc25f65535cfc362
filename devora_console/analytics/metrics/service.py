"""The metrics that Devora's backend and the console's other rooms ask for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import asyncpg

from devora_console.analytics.metrics import read as reading
from devora_console.analytics.metrics.model import Cohort, DashboardMetrics, Report, Trends
from devora_console.analytics.metrics.refresh import refresh
from devora_console.config.load import load
from devora_console.config.metrics import MetricsSettings
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, lost
from devora_console.postgres.watch.guest import Guest

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
T = TypeVar("T")
_log = logging.getLogger(__name__)
_FAILURES = (asyncpg.PostgresError, TimeoutError, *LOST)
DAYS = 30
_PATIENCE_SECONDS, _LONGEST_SECONDS, _AGAIN_SECONDS = 5.0, 900.0, 60.0


class MetricsService:
    """Tells metrics over a pool whose login is the owner or a member of ``admin_role`` or ``metrics_role``.

    Every method raises ConsoleError: exit 4 when the login may not read everybody's figures (the application's own role
    may not), exit 2 when the schema is missing, exit 3 when the server does not answer.
    """

    def __init__(self, pool: Pool, settings: MetricsSettings) -> None:
        self.pool = pool
        self._settings = settings
        self._not_before = 0.0
        self._refreshing: asyncio.Task[bool] | None = None

    async def get_dashboard_metrics(self) -> DashboardMetrics:
        """Every figure; one that nothing measures is an Unknown, with its reason.

        Old ones (``metrics.fresh_minutes``) are refreshed, when the login may and ``metrics.refresh_when_old`` is set.
        A refresh of more than some seconds goes on behind the answer, which then says how old it is.
        """
        return (await self.get_report()).dashboard

    async def get_trends(self, days: int = DAYS) -> Trends:
        """One value per day of UTC."""
        return (await self.get_report(days)).trends

    async def get_cohorts(self) -> tuple[Cohort, ...] | Unknown:
        """Who registered in each of the last twelve months that had a registration, and how many of them were active in
        each month since.
        """
        return (await self.get_report()).cohorts

    async def get_report(self, days: int = DAYS) -> Report:
        """All of it, of one moment."""
        found = await self._ask(lambda connection: reading.report(connection, self._settings, days))
        freshness = found.dashboard.freshness
        if freshness.fresh or not (self._settings.refresh_when_old and freshness.may_refresh):
            return found
        if not await self._is_newer():
            return found
        return await self._ask(lambda connection: reading.report(connection, self._settings, days))

    async def refresh(self) -> None:
        """Refresh the figures now; waits for somebody else who does."""
        await self._ask(refresh)

    async def _is_newer(self) -> bool:
        """Whether there is something newer now. Waits a little; a refresh that takes longer goes on by itself.

        One that failed is not tried again with every request.
        """
        if self._refreshing is None or self._refreshing.done():
            now = time.monotonic()
            if now < self._not_before:
                return False
            self._not_before = now + min(_AGAIN_SECONDS, self._settings.fresh_minutes * 60)
            self._refreshing = asyncio.ensure_future(self._refresh_quietly())
        done, _ = await asyncio.wait({self._refreshing}, timeout=_PATIENCE_SECONDS)
        return bool(done) and self._refreshing.result()

    async def _refresh_quietly(self) -> bool:
        try:
            return await self._ask(lambda conn: refresh(conn, seconds=_LONGEST_SECONDS, wait=False)) is not None
        except ConsoleError as error:
            _log.warning("the figures were not refreshed: %s", error.problem)
            return False

    async def _ask(self, work: Callable[[Any], Awaitable[T]]) -> T:
        try:
            async with self.pool.acquire() as connection:
                return await work(connection)
        except _FAILURES as error:
            said = one_line(str(error), 200) or type(error).__name__
            raise ConsoleError.of(ExitCode.CONNECT, "metrics_failed", f"the metrics cannot be told: {said}") from error


async def read(source: Guest | Pool, settings: MetricsSettings, days: int = DAYS) -> Report:
    """All there is to tell, as it was last refreshed: for the console, which changes nothing. Raises ConsoleError."""
    if not isinstance(source, Guest):
        return await MetricsService(source, settings.model_copy(update={"refresh_when_old": False})).get_report(days)
    async with source.lock:
        try:
            return await reading.report(source.connection, settings, days)
        except asyncio.CancelledError:
            source.connection.terminate()  # in the middle of an answer it is of no use to the next caller
            raise
        except LOST as error:
            raise lost(error, source.dsn) from None
        except asyncpg.PostgresError as error:
            raise ConsoleError.of(
                ExitCode.NEGATIVE, "metrics_failed", f"the metrics cannot be told: {one_line(str(error), 200)}"
            ) from None


_KEPT = 8  # an application has one pool, tests have several; each service keeps its pool
_services: dict[int, MetricsService] = {}


def get_metrics_service(pool: Pool, settings: MetricsSettings | None = None) -> MetricsService:
    """The service of this pool, the same one each time. Without ``settings`` those of the configuration are loaded.

    Raises ConsoleError (exit 2) when the configuration is wrong.
    """
    found = _services.get(id(pool))
    if found is None or found.pool is not pool:
        found = MetricsService(pool, settings or load().settings.metrics)
        _services[id(pool)] = found
        while len(_services) > _KEPT:
            del _services[next(iter(_services))]
    return found


def plain(value: Any) -> float | None:
    """A figure as a number for JSON or a chart; None when it is unknown (``str(value)`` says why)."""
    return None if isinstance(value, Unknown) else float(value)
