"""A server that speaks HTTP like OpenAI: embeddings and streamed answers, and everything that goes wrong with them.

What goes wrong is lined up beforehand, one :class:`Fault` for each request to come; without any left a request is
answered as it should be. Runs in threads of its own, so that other processes may ask it, too::

    with openai_server() as server:
        server.faults += [Fault.rate_limit("0.05"), Fault.quota()]
        ... base_url=server.url, api_key=server.key ...
        assert server.asked[0].texts == ["..."]
"""

from __future__ import annotations

import base64
import json
import math
import random
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

DIMS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
POISON = "\N{SKULL}"
"""A request with a text that holds this is refused as a whole (400)."""


@dataclass(frozen=True)
class Fault:
    """What happens to one request: ``kind`` and what it needs to know."""

    kind: str
    status: int = 200
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    number: float = 0.0

    @classmethod
    def rate_limit(cls, retry_after: str = "0.05", **headers: str) -> Fault:
        """429, to be tried again after so many seconds."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls("status", 429, "rate_limit_exceeded", {"retry-after": retry_after} | named)

    @classmethod
    def quota(cls) -> Fault:
        """429 as well, but trying again is of no use."""
        return cls("status", 429, "insufficient_quota")

    @classmethod
    def fails(cls, status: int = 500) -> Fault:
        """The server's own trouble, or a status of your choice."""
        return cls("status", status)

    @classmethod
    def fewer(cls, missing: int = 1) -> Fault:
        """So many vectors fewer than asked for; an answer without any when that is more than asked for."""
        return cls("fewer", number=missing)

    @classmethod
    def hangs(cls, seconds: float = 5.0) -> Fault:
        """Nothing for so long, then the connection ends."""
        return cls("hang", number=seconds)

    @classmethod
    def cut(cls, after: float = 2) -> Fault:
        """The connection ends in the midst of the answer: of a stream, after so many pieces of text."""
        return cls("cut", number=after)

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """A good answer, but only after so long; of a stream, so long before each piece of text."""
        return cls("slow", number=seconds)

    @classmethod
    def ends(cls, how: str) -> Fault:
        """A streamed answer that ends after two pieces as ``incomplete``, ``failed``, ``error``, ``nested_error``, or
        without any last event (``silent``).
        """
        return cls(how)

    @classmethod
    def rubbish(cls) -> Fault:
        """200, but no JSON."""
        return cls("rubbish")

    @classmethod
    def zero(cls) -> Fault:
        """Vectors of nothing but zeros."""
        return cls("zero")

    @classmethod
    def remaining(cls, requests: str, reset: str) -> Fault:
        """A good answer that says how many requests are left and when there are more."""
        return cls("ok", headers={"x-ratelimit-remaining-requests": requests, "x-ratelimit-reset-requests": reset})


@dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    body: dict[str, Any]
    at: float
    status: int

    @property
    def texts(self) -> list[str]:
        """The texts of a request for embeddings."""
        given = self.body.get("input", [])
        return [given] if isinstance(given, str) else list(given)


class OpenAIServer:
    """See the module. ``answer`` is what a streamed answer says, in its pieces."""

    def __init__(self, key: str = "sk-right") -> None:
        self.key = key
        self.faults: deque[Fault] = deque()
        self.asked: list[Request] = []
        self.answer = ["Le serveur ", "redémarre ", "à minuit ", "[1]."]
        self.most_tokens = 300_000
        self.dims = dict(DIMS)
        self.delay = 0.0
        self._lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            server_of_tests = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """For ``base_url``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End; requests that hang are left to themselves."""
        self._http.shutdown()
        self._http.server_close()

    def take(self) -> Fault:
        """What is to happen to the request that came now."""
        with self._lock:
            return self.faults.popleft() if self.faults else Fault("ok")

    def note(self, path: str, body: dict[str, Any], status: int) -> None:
        """Keep what was asked and how it was answered."""
        with self._lock:
            self.asked.append(Request(path, body, time.monotonic(), status))


@contextmanager
def openai_server(key: str = "sk-right") -> Iterator[OpenAIServer]:
    """A server, running until the block ends."""
    server = OpenAIServer(key)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def vector_of(text: str, dims: int) -> list[float]:
    """The vector that the server gives a text: any, but always the same, at length 1."""
    drawn = random.Random(crc32(text.encode()))  # noqa: S311 - no secret
    numbers = [drawn.gauss(0, 1) for _ in range(dims)]
    norm = math.sqrt(sum(each * each for each in numbers))
    return [each / norm for each in numbers]


class _Handler(BaseHTTPRequestHandler):
    server_of_tests: OpenAIServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self) -> None:
        server = self.server_of_tests
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if self.headers.get("authorization") != f"Bearer {server.key}":
            self._error(
                401, "invalid_api_key", f"Incorrect API key provided: {self.headers.get('authorization')}", body
            )
            return
        fault = server.take()
        if fault.kind == "hang":
            server.note(self.path, body, 0)
            time.sleep(fault.number)
            self.close_connection = True
            return
        if fault.kind == "status":
            self._error(fault.status, fault.code, f"status {fault.status}", body, fault.headers)
        elif fault.kind == "rubbish":
            self._send(200, b"<html>not what you think</html>", body, {}, "text/html")
        elif self.path.endswith("/embeddings"):
            self._embeddings(body, fault)
        elif self.path.endswith("/responses/input_tokens"):
            self._json(200, {"object": "response.input_tokens", "input_tokens": tokens_of(json.dumps(body))}, body)
        elif self.path.endswith("/responses"):
            self._responses(body, fault)
        else:
            self._error(404, None, f"no such address: {self.path}", body)

    def _embeddings(self, body: dict[str, Any], fault: Fault) -> None:
        server = self.server_of_tests
        given, model = body.get("input", []), str(body.get("model"))
        texts = [given] if isinstance(given, str) else given
        tokens = sum(map(tokens_of, texts))
        if model not in server.dims:
            return self._error(404, "model_not_found", f"The model `{model}` does not exist", body)
        if len(texts) > 2048 or not texts or not all(texts):
            return self._error(400, None, "'$.input' is invalid", body)
        if tokens > server.most_tokens:
            return self._error(400, "max_tokens_per_request", "Requested too many tokens", body)
        if any(POISON in text for text in texts):
            return self._error(400, "invalid_input", "one of the inputs is not allowed", body)
        dims = int(body.get("dimensions") or server.dims[model])
        time.sleep(server.delay + (fault.number if fault.kind == "slow" else 0))
        vectors = [[0.0] * dims if fault.kind == "zero" else vector_of(text, dims) for text in texts]
        packed = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": at,
                "embedding": base64.b64encode(struct.pack(f"<{dims}f", *each)).decode() if packed else each,
            }
            for at, each in enumerate(vectors)
        ]
        if fault.kind == "fewer":
            data = data[: max(0, len(data) - int(fault.number))]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": model, "usage": usage}
        if fault.kind == "cut":
            return self._half(json.dumps(answer).encode(), body)
        return self._json(200, answer, body, fault.headers)

    def _responses(self, body: dict[str, Any], fault: Fault) -> None:
        server = self.server_of_tests
        if not body.get("stream"):
            time.sleep(fault.number if fault.kind == "slow" else 0)
            return self._json(200, _response(body, "completed", "".join(server.answer)), body)
        server.note(self.path, body, 200)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, (kind, data) in enumerate(_events(body, fault, server.answer)):
            if fault.kind == "slow" and kind == "response.output_text.delta":
                time.sleep(fault.number)
            said = data if kind == "error-body" else {"type": kind, "sequence_number": number} | data
            self.wfile.write(f"event: {kind.removesuffix('-body')}\ndata: {json.dumps(said)}\n\n".encode())
            self.wfile.flush()
        return None

    def _half(self, content: bytes, body: dict[str, Any]) -> None:
        self.server_of_tests.note(self.path, body, 200)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        self.close_connection = True

    def _error(
        self, status: int, code: str | None, words: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        kind = code if code == "insufficient_quota" else "invalid_request_error" if status < 429 else "server_error"
        error = {"message": words, "type": kind, "param": None, "code": code}
        self._json(status, {"error": error}, body, headers)

    def _json(self, status: int, said: object, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(said).encode(), body, headers or {}, "application/json")

    def _send(self, status: int, content: bytes, body: dict[str, Any], headers: dict[str, str], kind: str) -> None:
        self.server_of_tests.note(self.path, body, status)
        self.send_response(status)
        for name, value in (headers | {"content-type": kind, "content-length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server calls it by
        """Say nothing."""


def tokens_of(text: str) -> int:
    """Tokens of a text as this server counts them."""
    return max(1, len(text) // 4)


def _events(body: dict[str, Any], fault: Fault, pieces: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a streamed answer, as far as it goes."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield "response.created", {"response": _response(body, "in_progress", "")}
    yield "response.in_progress", {"response": _response(body, "in_progress", "")}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    yield "response.output_item.added", {"output_index": 0, "item": item}
    yield "response.content_part.added", place | {"part": {"type": "output_text", "text": "", "annotations": []}}
    early = {"incomplete", "failed", "error", "nested_error", "silent"}
    said = ""
    for number, piece in enumerate(pieces):
        if (fault.kind in early and number >= 2) or (fault.kind == "cut" and number >= fault.number):
            break
        said += piece
        yield "response.output_text.delta", place | {"delta": piece, "logprobs": []}
    error = {"code": "server_error", "message": "the model fell over"}
    if fault.kind in ("cut", "silent"):
        return
    if fault.kind == "error":
        yield "error", error | {"param": None}
    elif fault.kind == "nested_error":
        yield "error-body", {"error": error | {"type": "server_error", "param": None}}
    elif fault.kind == "failed":
        yield "response.failed", {"response": _response(body, "failed", said) | {"error": error}}
    elif fault.kind == "incomplete":
        reason = {"incomplete_details": {"reason": "max_output_tokens"}}
        yield "response.incomplete", {"response": _response(body, "incomplete", said) | reason}
    else:
        yield "response.output_text.done", place | {"text": said, "logprobs": []}
        yield "response.completed", {"response": _response(body, "completed", said)}


def _response(body: dict[str, Any], status: str, text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}
    given, said = tokens_of(json.dumps(body.get("input", ""))), tokens_of(text)
    usage = {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + said,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body.get("model"),
        "output": [item] if text else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "max_output_tokens": body.get("max_output_tokens"),
        "usage": usage if status != "in_progress" else None,
    }
