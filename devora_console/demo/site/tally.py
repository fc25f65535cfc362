"""What visitors got from each side, as the front saw it: also from a side that answers no longer."""

from __future__ import annotations

import threading
import time
from collections import deque

_KEPT = 10_000  # answers of each side that a shorter time than all of it can be counted of


class Tally:
    """Answers since the shares of the sides last changed: both are counted over the same time. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._share: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._since = time.time()
        self._counts = {side: [0, 0] for side in ("green", "blue")}
        self._latest: dict[str, deque[tuple[float, bool, float]]] = {side: deque(maxlen=_KEPT) for side in self._counts}

    def add(self, share: int, side: str, status: int, seconds: float) -> None:
        """One answer to a visitor; ``share`` is green's in percent as it was sent there."""
        with self._lock:
            if share != self._share:
                self._share = share
                self._begin()
            failed = status >= 500
            self._counts[side][0] += 1
            self._counts[side][1] += failed
            self._latest[side].append((time.time(), failed, seconds))

    def read(self, share: int | None, seconds: float | None) -> dict[str, dict[str, object]]:
        """Requests, errors and p95 by side: since the latest change, or of the last ``seconds``.

        ``share`` is the one now; nobody has been sent anywhere since it changed until the first answer.
        """
        with self._lock:
            if share != self._share:
                self._share = share
                self._begin()
            since = self._since if seconds is None else max(self._since, time.time() - seconds)
            return {side: self._side(side, since, whole=seconds is None) for side in self._counts}

    def _side(self, side: str, since: float, *, whole: bool) -> dict[str, object]:
        latest = [each for each in self._latest[side] if each[0] >= since]
        took = sorted(each[2] for each in latest)
        requests, errors = self._counts[side] if whole else (len(latest), sum(each[1] for each in latest))
        p95 = round(took[int(0.95 * (len(took) - 1))] * 1000, 2) if took else None
        return {"requests": requests, "errors": errors, "p95_ms": p95}
