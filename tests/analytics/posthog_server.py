"""A PostHog that keeps what it gets, and answers as a test wants it to: well, slowly, wrongly, or not at all.

``python -m tests.analytics.posthog_server [PORT]`` is one by hand: it says its address, and does what it is told line
by line on stdin: ``500`` (any status), ``hang``, ``slow SECONDS``, ``ok``, ``count``. It ends with its stdin.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OK = b'{"status": 1}'
Event = dict[str, Any]


@dataclass
class PostHog:
    """``requests`` holds every batch that came in with its status, ``received`` the events of those confirmed."""

    status: int = 200
    body: bytes = OK
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False  # takes the request and never answers
    poison: Callable[[Event], bool] | None = None  # 400 for a batch with such an event
    before_answer: Callable[[], None] = lambda: None
    requests: list[tuple[int, list[Event]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    port: int = 0

    @property
    def received(self) -> list[Event]:
        return [event for status, batch in self.requests if status == 200 for event in batch]

    @property
    def ids(self) -> list[str]:
        return [event["uuid"] for event in self.received]

    def judge(self, batch: list[Event]) -> int:
        poisoned = self.poison is not None and any(map(self.poison, batch))
        return 400 if poisoned else self.status


@contextlib.contextmanager
def serving(posthog: PostHog | None = None) -> Iterator[PostHog]:
    """Such a server; one that was up before comes back at its port, with what it had."""
    told = posthog or PostHog()
    told.over.clear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            said = json.loads(gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw)
            status = told.judge(said["batch"])
            told.requests.append((0 if told.hang else status, said["batch"]))
            if told.hang:
                told.over.wait(60)
                return
            told.before_answer()
            self._answer(status, told.body, told.headers)

        def do_GET(self) -> None:
            self._answer(200, b"<html>a page</html>", {})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", told.port), Handler)
    told.port = server.server_port
    told.url = f"http://127.0.0.1:{told.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _told(posthog: PostHog, line: str) -> None:
    word, _, rest = line.strip().partition(" ")
    if word == "count":
        _say(f"{len(posthog.ids)} events, {len(set(posthog.ids))} ids, {len(posthog.requests)} requests")
    elif word == "slow":
        seconds = float(rest)
        posthog.before_answer = lambda: time.sleep(seconds)
    else:
        posthog.before_answer = lambda: None
        posthog.hang, posthog.status = word == "hang", int(word) if word.isdigit() else 200


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with serving(PostHog(port=int(sys.argv[1]) if sys.argv[1:] else 0)) as by_hand:
        _say(by_hand.url)
        for told in sys.stdin:
            _told(by_hand, told)
