"""The transaction of a batch: fenced by the lease, and with the target's clock triggers at rest."""

from __future__ import annotations

from types import TracebackType

import asyncpg

from devora_console.migration.lease import fence

_COUNTS_AT_ONCE = 15  # the version from which on a session can be told to


class Fenced:
    """A transaction whose first act is to check the lease."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], epoch: int) -> None:
        self._connection = connection
        self._epoch = epoch
        self._transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.__aenter__()
        try:
            await fence(self._connection, self._epoch)
            # updated_at and last_message_at keep what the source says. What was written is counted with the commit, not
            # some seconds later: an ANALYZE in between would seem to be older than the rows that it has seen.
            counted = self._connection.get_server_version().major >= _COUNTS_AT_ONCE
            more = "; SELECT pg_stat_force_next_flush()" if counted else ""
            await self._connection.execute(f"SET LOCAL devora.loading = 'on'{more}")
        except BaseException as error:  # the transaction is open: whatever happened, end it, and hand the error on
            if not self._connection.is_closed():
                await self._transaction.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transaction.__aexit__(kind, error, trace)
