"""The reverse proxy in front of both instances: maintenance, shares of visitors, and one cookie that keeps them.

``python -m devora_console.demo.site.front FOLDER``. What it does is in ``flags.json``, which it reads at every request:
a restart forgets nothing, and a file that cannot be read shuts the site rather than open it.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from devora_console.demo.site.place import Flags, Place
from devora_console.demo.site.service import become
from devora_console.demo.site.tally import Tally
from devora_console.demo.site.web import FAILURES, UNCOUNTED, Reply, Request, Server, as_json, ask

COOKIE = "devora_cohort"
ABOUT = "/-/front"
_READING = ("GET", "HEAD")
_TOLD = ("/health", "/metrics.json")  # questions about the application are nobody's visit
_DROPPED = {"connection", "keep-alive", "host", "content-length", "transfer-encoding"}
_KEPT = ("retry-after",)
_PAGE = """<!doctype html><title>Devora</title>
<h1>Devora is under maintenance</h1><p>We are back shortly. Nothing is lost.</p>
"""


class Front:
    """The proxy."""

    def __init__(self, word: str, place: Place) -> None:
        self._word, self._place = word, place
        self._ports = place.about().ports
        self._lock = threading.Lock()
        self._under_way = 0
        self._tally = Tally()

    def answer(self, request: Request) -> Reply:
        """Answer about itself, with the maintenance page, or what an instance answers."""
        if request.path == ABOUT:
            return self._about(request.query.get("seconds"))
        # Counted before the flags are read: once maintenance is on and none is under way, nothing gets through.
        self._count(1)
        try:
            flags = self._place.flags()
            if flags is None or flags.maintenance:
                return Reply(503, _PAGE.encode(), "text/html; charset=utf-8", {"Retry-After": "30"})
            return self._forward(request, flags)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._under_way += change

    def _about(self, seconds: str | None) -> Reply:
        flags = self._place.flags()
        share = None if flags is None else flags.green_percent
        return as_json(
            200,
            {
                "start": self._word,
                "pid": os.getpid(),
                "maintenance": flags is None or flags.maintenance,
                "green_percent": share,
                "read_only": None if flags is None else flags.read_only,
                "under_way": self._under_way,
                "sides": self._tally.read(share, float(seconds) if seconds else None),
            },
        )

    def _forward(self, request: Request, flags: Flags) -> Reply:
        cohort, new = _cohort(request)
        side = "green" if cohort < flags.green_percent else "blue"
        if flags.read_only and request.method not in _READING:
            side = "blue"  # the visitors of green look at green's data, and write where they always have
        headers = {name: value for name, value in request.headers.items() if name not in _DROPPED}
        url = f"http://127.0.0.1:{self._ports[side]}{request.target}"
        began = time.monotonic()
        try:
            got = ask(url, request.method, request.body or None, headers)
        except FAILURES:
            self._tell(request, flags, side, 502, time.monotonic() - began)
            return as_json(502, {"error": f"{side} does not answer"})
        self._tell(request, flags, side, got.status, time.monotonic() - began)
        kept = {name: got.headers[name] for name in _KEPT if name in got.headers}
        if new:
            kept["Set-Cookie"] = f"{COOKIE}={cohort}; Path=/; HttpOnly; SameSite=Lax"
        kind = got.headers.get("content-type", "application/octet-stream")
        return Reply(got.status, got.body, kind, kept | {"X-Served-By": side})

    def _tell(self, request: Request, flags: Flags, side: str, status: int, seconds: float) -> None:
        if UNCOUNTED not in request.headers and request.path not in _TOLD:
            self._tally.add(flags.green_percent, side, status, seconds)


def _cohort(request: Request) -> tuple[int, bool]:
    """A number from 0 to 99 that a visitor keeps, and whether it is new.

    Those below the share see green: a greater share takes more of them along and sends none back.
    """
    try:
        kept = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        kept = None
    if kept is not None and kept.value.isascii() and kept.value.isdigit() and int(kept.value) < 100:
        return int(kept.value), False
    return secrets.randbelow(100), True


def main(folder: str) -> None:
    """Serve until told to end."""
    place = Place(Path(folder))
    front = Front(become(place, "front"), place)
    Server(place.about().ports["front"], front.answer).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
