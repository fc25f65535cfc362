"""Devora's backend in miniature: reads its environment when it starts, and never again.

``python -m devora_console.demo.site.app FOLDER blue|green`` with ``POSTGRES_DSN``, or ``MONGO_URL`` and ``DB_NAME``;
``APP_RELEASE`` stands for the digest of the image; ``APP_SECRET`` signs sessions; ``APP_READ_ONLY=1`` refuses writes.
It listens on this machine only, and an address is all that a login takes: the people in its data do not exist.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devora_console.demo.site.backend import Backend, backend_of
from devora_console.demo.site.place import Place
from devora_console.demo.site.service import become
from devora_console.demo.site.tokens import holder, mint
from devora_console.demo.site.web import UNCOUNTED, Refusal, Reply, Request, Server, as_json

_KEPT = 2_000  # durations that the 95th percentile is of
_HEALTH_SECONDS = 3.0  # a database that has not answered by then does not: whoever asks has less patience than a driver
_ABOUT = ("/health", "/metrics.json")  # questions about the application are not its traffic


class Meter:
    """Requests since the start; safe from any thread."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self._lock = threading.Lock()
        self._requests = self._errors = self._under_way = 0
        self._took: deque[float] = deque(maxlen=_KEPT)

    def begin(self) -> None:
        """One request has come in."""
        with self._lock:
            self._under_way += 1

    def end(self, status: int, seconds: float, counted: bool) -> None:
        """It was answered; ``counted`` unless it was a test of the site's own."""
        with self._lock:
            self._under_way -= 1
            if not counted:
                return
            self._requests += 1
            self._errors += status >= 500
            self._took.append(seconds)

    def read(self) -> dict[str, object]:
        """Counters; ``p95_ms`` is null while there was no request."""
        with self._lock:
            took = sorted(self._took)
            p95 = round(took[int(0.95 * (len(took) - 1))] * 1000, 2) if took else None
            return {
                "requests": self._requests,
                "errors": self._errors,
                "p95_ms": p95,
                "samples": len(took),
                "under_way": self._under_way,
                "since": self.since.isoformat(),
            }


class App:
    """The application."""

    def __init__(self, instance: str, word: str, environment: Mapping[str, str], place: Place) -> None:
        self.instance, self._word, self._place = instance, word, place
        self._secret = environment["APP_SECRET"]
        self._release = environment.get("APP_RELEASE", "")
        self._read_only = environment.get("APP_READ_ONLY") == "1"
        self._backend: Backend = backend_of(environment, f"devora-backend {instance}")
        self._meter = Meter()
        self._asking = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")

    def answer(self, request: Request) -> Reply:
        """Answer a request, and count it."""
        if request.path in _ABOUT:
            return self._health() if request.path == "/health" else self._metrics()
        self._meter.begin()
        began, status = time.monotonic(), 500
        try:
            reply = self._route(request)
            status = reply.status
        except Refusal as refusal:
            status = refusal.status
            raise
        finally:
            self._meter.end(status, time.monotonic() - began, UNCOUNTED not in request.headers)
        return reply

    @property
    def read_only(self) -> bool:
        """Whether writes are refused: by the environment, or because visitors are here to look only."""
        flags = self._place.flags()
        return self._read_only or flags is None or (flags.read_only and self.instance == "green")

    def _health(self) -> Reply:
        found: dict[str, object] = {
            "ok": True,
            "backend": self._backend.kind,
            "database": self._backend.database,
            "release": self._release,
            "instance": self.instance,
            "writes": "read-only" if self.read_only else "allowed",
            "pid": os.getpid(),
            "start": self._word,
        }
        try:
            self._asking.submit(self._backend.ping).result(timeout=_HEALTH_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the database does not answer
            return as_json(503, found | {"ok": False, "reason": type(error).__name__})
        return as_json(200, found)

    def _metrics(self) -> Reply:
        return as_json(200, {"instance": self.instance, "backend": self._backend.kind, **self._meter.read()})

    def _route(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET" | "HEAD", "/":
                return as_json(200, {"application": "devora", "instance": self.instance})
            case "POST", "/login":
                return self._login(request.json())
        user = self._user(request)
        match request.method, request.path:
            case "GET", "/me":
                found = self._backend.user(user)
                if found is None:
                    raise Refusal(401, "the session's user does not exist")
                return as_json(200, found)
            case "GET", "/projects":
                return as_json(200, {"projects": self._backend.projects(user)})
            case "GET", "/conversations":
                return as_json(200, {"conversations": self._backend.conversations(user)})
            case "GET", "/messages":
                said = self._backend.messages(user, request.query.get("conversation", ""))
                return as_json(200, {"messages": said})
            case "GET", "/search":
                return as_json(200, {"found": self._backend.search(user, request.query.get("q", ""))})
            case "POST", "/messages":
                return self._post(user, request.json())
            case "DELETE", "/messages":
                return self._delete(user, request.query)
        raise Refusal(404, "there is no such page")

    def _login(self, given: Mapping[str, Any]) -> Reply:
        user = self._backend.login(str(given.get("email", "")))
        if user is None:
            raise Refusal(401, "nobody has this address")
        return as_json(200, {"token": mint(self._secret, user), "id": user})

    def _user(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user = holder(self._secret, token) if scheme.lower() == "bearer" else None
        if user is None:
            raise Refusal(401, "log in first")
        return user

    def _post(self, user: str, given: Mapping[str, Any]) -> Reply:
        conversation, content = str(given.get("conversation", "")), str(given.get("content", ""))
        message = str(given.get("id") or uuid.uuid4())
        self._writable()
        if not content:
            raise Refusal(400, "a message has content")
        if not self._backend.add(user, conversation, message, content):
            raise Refusal(404, "there is no such conversation")
        return as_json(201, {"id": message, "conversation": conversation})

    def _delete(self, user: str, query: Mapping[str, str]) -> Reply:
        self._writable()
        if not self._backend.remove(user, query.get("conversation", ""), query.get("id", "")):
            raise Refusal(404, "there is no such message")
        return as_json(200, {"removed": query.get("id")})

    def _writable(self) -> None:
        if self.read_only:
            raise Refusal(403, "read-only: nothing is written here at the moment")


def main(folder: str, instance: str) -> None:
    """Serve until told to end."""
    place = Place(Path(folder))
    word = become(place, instance)
    app = App(instance, word, os.environ, place)
    Server(place.about().ports[instance], app.answer).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
