"""An iterator that is advanced in a thread of its own, a little ahead of whoever uses it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar, cast

T = TypeVar("T")
_END: Final = object()


def ahead(items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """The same items, up to ``depth`` of them made before they are asked for. Errors come where the item would."""
    reader = ThreadPoolExecutor(1, thread_name_prefix="devora-ahead")
    try:
        coming: deque[Future[object]] = deque(reader.submit(next, items, _END) for _ in range(depth))
        while (item := coming.popleft().result()) is not _END:
            coming.append(reader.submit(next, items, _END))
            yield cast(T, item)
    finally:
        reader.shutdown(wait=False, cancel_futures=True)  # whoever gave up does not wait for one more read
