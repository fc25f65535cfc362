"""HTTP in miniature, for the site's own use: a threaded server on loopback, and one request.

The standard library's server rather than a framework: the site then needs nothing that the console does not have,
starts in a fraction of a second, and one connection per request is easy to cut and to count.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

_LARGEST = 1_000_000  # bytes of a request
UNCOUNTED = "x-uncounted"
"""A header of requests that are nobody's visit."""
_PATIENCE = 15.0  # seconds for a peer that says nothing


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. ``target`` is path and query as they came; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path alone."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's words."""
        return dict(parse_qsl(urlsplit(self.target).query))

    def json(self) -> dict[str, Any]:
        """The body. Raises Refusal (400) unless it is a JSON object."""
        try:
            data = json.loads(self.body)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise Refusal(400, "the body is no JSON object")
        return data


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A request is answered with this status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def as_json(status: int, data: object) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(data, ensure_ascii=False, default=str).encode())


class Server(ThreadingHTTPServer):
    """Answers every request with ``answer``, each in its own thread; one that fails gets a 500."""

    daemon_threads = False  # the end waits for the requests under way
    request_queue_size = 256

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer

    def serve(self) -> None:
        """Serve until SIGTERM; then finish what is under way."""

        def end(signum: int, frame: FrameType | None) -> None:
            threading.Thread(target=self.shutdown).start()  # it waits for the loop, which this thread runs

        signal.signal(signal.SIGTERM, end)
        self.serve_forever(poll_interval=0.05)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE
    server: Server

    def _answer(self) -> None:
        try:
            size = int(self.headers.get("content-length") or 0)
        except ValueError:
            size = -1
        if not 0 <= size <= _LARGEST:
            return self._send(as_json(413, {"error": "too large"}))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(size))
        try:
            reply = self.server.answer(request)
        except Refusal as refusal:
            reply = as_json(refusal.status, {"error": str(refusal)})
        except Exception as error:  # noqa: BLE001 - one request's fault must not end the server
            # The kind of error only: a driver's message may hold an address.
            sys.stderr.write(f"{request.method} {request.path}: {type(error).__name__}\n")
            sys.stderr.flush()
            reply = as_json(500, {"error": type(error).__name__})
        return self._send(reply)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = _answer  # noqa: N815 - names of http.server

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Requests are counted, not listed."""


class Answered(NamedTuple):
    """The answer to a request: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body, or an empty object where it is no JSON object."""
        try:
            data = json.loads(self.body)
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}


def ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = _PATIENCE,
) -> Answered:
    """One request over one connection, past any proxy. Raises OSError or http.client.HTTPException."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target or "/", body, dict(headers or {}))
        response = connection.getresponse()
        return Answered(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


FAILURES = (OSError, http.client.HTTPException)
"""What :func:`ask` raises when there is no answer."""
