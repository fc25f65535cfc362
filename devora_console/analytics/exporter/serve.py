"""The exporter's HTTP: ``/metrics`` for Prometheus, ``/ready`` for whoever only wants to know whether it watches."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

from devora_console.analytics.exporter.collect import LatestSamples
from devora_console.analytics.exporter.samples import World
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_AT_ONCE = 16
_SLOW_CLIENT_SECONDS = 10.0
_STOP_SECONDS = 2.0
_PAGE = b"devora-console exporter\n/metrics for Prometheus\n/ready answers 200 while PostgreSQL can be watched\n"


def registry(world: Callable[[], World]) -> CollectorRegistry:
    """The metrics of the world, and of this process (memory, descriptors)."""
    found = CollectorRegistry()
    found.register(LatestSamples(world))
    ProcessCollector(registry=found)
    return found


def loopback(host: str) -> bool:
    """Whether only this machine can reach it.

    >>> [loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "db1")]
    [True, True, True, False, False]
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Handler(WSGIRequestHandler):
    """Silent: a scrape every few seconds is no news."""

    timeout = _SLOW_CLIENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        return


class _Server(ThreadingMixIn, WSGIServer):
    """One short thread for each request, so many at once at most: who comes on top of that is turned away."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, family: socket.AddressFamily) -> None:
        self.address_family = family
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # The base class looks the host's name up, which may take as long as a name server likes.
        socket_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that left in the middle of its answer


def socket_bind(server: _Server) -> None:
    """Bind, and name the server by its address."""
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind(server.server_address)
    server.server_address = server.socket.getsockname()
    server.server_name, server.server_port = str(server.server_address[0]), int(server.server_address[1])
    server.setup_environ()


class Exposing:
    """The listening server. Raises ConsoleError (exit 2) when the address cannot be had."""

    def __init__(self, host: str, port: int, world: Callable[[], World]) -> None:
        self._world = world
        self._metrics = make_wsgi_app(registry(world))
        self._server = _listen(host, port)
        self._server.set_app(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="devora-exporter-http", daemon=True)
        self.scrapes = 0

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = str(self._server.server_address[0]), self._server.server_port
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"

    def start(self) -> None:
        """Answer from here on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(_STOP_SECONDS)
        self._server.server_close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            self.scrapes += 1
            found: Iterable[bytes] = self._metrics(environ, start_response)
            return found
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _plain(start_response, "405 Method Not Allowed", b"GET\n")
        if path == "/ready":
            return self._ready(start_response)
        if path == "/":
            return _plain(start_response, "200 OK", _PAGE)
        return _plain(start_response, "404 Not Found", b"/metrics, /ready\n")

    def _ready(self, start_response: StartResponse) -> Iterable[bytes]:
        servers = self._world().samples["servers"].seen
        up = isinstance(servers, tuple) and any(each.name == "postgres" and each.up for each in servers)
        if up:
            return _plain(start_response, "200 OK", b"PostgreSQL is watched\n")
        return _plain(start_response, "503 Service Unavailable", b"PostgreSQL does not answer\n")


def _plain(start_response: StartResponse, status: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def _listen(host: str, port: int) -> _Server:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _Server(str(address[0]), port, family)
    except OSError as error:
        said = one_line(error.strerror or str(error), 120)
        raise usage_error(
            "exporter_address",
            f"cannot listen on {one_line(host, 120)} port {port}: {said}",
            "Give another --port or --host; another exporter may run already",
        ) from None
