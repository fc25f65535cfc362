"""A server that takes PostHog's annotations or a webhook's messages, and answers as a test wants it to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], str]
CREATED: Answer = (201, {}, '{"id": 1}')


@dataclass
class Told:
    """What came in. ``answers`` are given in their order, then ``CREATED``; None hangs until the end."""

    answers: list[Answer | None] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def contents(self) -> list[str]:
        return [str(body.get("content") or body.get("text")) for _, _, body in self.asked]


@contextlib.contextmanager
def serving() -> Iterator[Told]:
    """Such a server, on a port of its own."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = told.answers.pop(0) if told.answers else CREATED
            told.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if answer is None:
                told.over.wait(60)
                return
            status, headers, text = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
