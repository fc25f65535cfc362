"""The same units of work on a Dask cluster (the optional extra ``cluster``): scheduling is Dask's.

Its workers need this package, and a way to PostgreSQL; they never see the source: each unit carries its piece. The
connection string travels with the units, so use a ``tls://`` address outside a trusted network.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from devora_console.core.problems import connect_error, usage_error
from devora_console.core.safetext import one_line
from devora_console.mongo.pieces import Piece, read

T = TypeVar("T")
_CONNECT_SECONDS = 10


class Cluster:
    """A connection to a scheduler. Raises ConsoleError: exit 2 without the extra, exit 3 without an answer."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client  # noqa: PLC0415 - optional, and slow to load
        except ImportError:
            raise usage_error(
                "cluster_missing", "--cluster needs the package distributed", "Install devora-console[cluster]"
            ) from None
        shown = one_line(address, 100)
        try:
            connect: Any = Client  # the package has no types
            self._client = connect(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except ValueError as error:
            raise usage_error("cluster_address", f"--cluster {shown}: {one_line(str(error), 120)}", "") from None
        except OSError:
            raise connect_error(
                "cluster_unreachable", f"no Dask scheduler answers at {shown}", "Start one: dask scheduler"
            ) from None

    def executor(self) -> Executor:
        """Hands out units. Those of a worker that dies are begun again on another."""
        found: Executor = self._client.get_executor(pure=False, retries=3)
        return found

    def threads(self) -> int:
        """How many units the cluster works on at the same time. Raises ConsoleError (exit 3) when it has no worker."""
        count = sum(self._client.nthreads().values())
        if not count:
            raise connect_error("cluster_empty", "the Dask cluster has no workers", "Start some: dask worker ADDRESS")
        return int(count)

    def close(self) -> None:
        """Disconnect; the cluster stays."""
        self._client.close()


def carrying(value: T) -> T:
    """A unit (or a part of one) with the bytes of its pieces in it."""
    if isinstance(value, Piece):
        return replace(value, carried=read(value))
    if isinstance(value, tuple):
        return tuple(carrying(each) for each in value)  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        found = {each.name: getattr(value, each.name) for each in fields(value)}
        moved = {name: carrying(each) for name, each in found.items() if isinstance(each, tuple) or is_dataclass(each)}
        return replace(value, **moved) if moved else value
    return value
