"""Look at something, read-only, and say yes, no, or that it cannot be said. No answer is never a yes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from devora_console.core.console import Verdict
from devora_console.core.gates import NOT_KNOWN, Registry
from devora_console.core.safetext import one_line
from devora_console.cutover.model import Probe, ProbeKind

_BODY = 65_536  # bytes of an answer that are read
_SHOWN = 300
_QUOTED = 160  # characters of a body that is not as it should be: it may say why
_SAID = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, in words, and what would have been needed. ``verdict``: OK, FAIL or UNKNOWN (inconclusive)."""

    verdict: Verdict
    value: str
    needed: str


Ask = Callable[[Probe], Awaitable[Answer]]
Tell = Callable[[Probe, Answer], Awaitable[None]]


class Prober:
    """Asks probes. ``environ`` is what command probes get; ``redact`` takes secrets out of what they say."""

    def __init__(self, registry: Registry, environ: Mapping[str, str], redact: Callable[[str], str]) -> None:
        self._registry = registry
        self._environ = environ
        self._redact = redact

    async def ask(self, probe: Probe) -> Answer:
        """Ask once; never longer than the probe's timeout, and never raises for what it looks at."""
        needed = needs(probe)
        try:
            async with asyncio.timeout(probe.timeout_seconds):
                if probe.kind is ProbeKind.HTTP:
                    verdict, value = await _http(probe)
                elif probe.kind is ProbeKind.COMMAND:
                    verdict, value = await _command(probe, self._environ)
                else:
                    verdict, value = await self._gate(probe)
        except TimeoutError:
            verdict, value = Verdict.UNKNOWN, f"no answer within {probe.timeout_seconds:g} s"
        return Answer(verdict, one_line(self._redact(value), _SHOWN), needed)

    async def _gate(self, probe: Probe) -> tuple[Verdict, str]:
        gate = self._registry.get(probe.gate)
        if gate is None:
            return Verdict.UNKNOWN, f"there is no gate {probe.gate}"
        try:
            found = await gate.measure()
        except Exception as error:  # noqa: BLE001 - a gate that breaks says nothing; it must not end the driver
            return Verdict.UNKNOWN, f"the gate itself failed ({type(error).__name__})"
        if found.verdict in (Verdict.OK, Verdict.FAIL):
            return found.verdict, found.value
        words = found.why if found.value == NOT_KNOWN and found.why else found.value
        return Verdict.UNKNOWN, f"{words} ({found.remedy})" if found.remedy else words


def needs(probe: Probe) -> str:
    """What a probe needs to say yes, in words."""
    if probe.kind is ProbeKind.GATE:
        return f"gate {probe.gate} open"
    if probe.kind is ProbeKind.COMMAND:
        return f"{one_line(' '.join(probe.argv), 120)} ends with 0"
    words = f"{one_line(probe.url, 120)} answers {probe.status}"
    if probe.json:
        words += f" with {probe.json} = {probe.equals}"
    if probe.contains:
        words += f' and "{probe.contains}"'
    return words


async def settle(probe: Probe, ask: Ask, tell: Tell) -> Verdict:
    """Ask until it said yes ``times`` times in a row. When the time is over: FAIL if it said no steadily, else UNKNOWN.

    A probe that says yes now and no then is inconclusive: it never passes by luck.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + probe.within_seconds
    row, seen = 0, set[Verdict]()
    while True:
        answer = await ask(probe)
        await tell(probe, answer)
        seen.add(answer.verdict)
        row = row + 1 if answer.verdict is Verdict.OK else 0
        if row >= probe.times:
            return Verdict.OK
        if loop.time() + probe.every_seconds > end:
            return Verdict.FAIL if seen == {Verdict.FAIL} else Verdict.UNKNOWN
        await asyncio.sleep(probe.every_seconds)


async def _http(probe: Probe) -> tuple[Verdict, str]:
    """A refused connection is a no only when a status is not to be had any other way: it is inconclusive."""
    try:
        async with (
            httpx.AsyncClient(timeout=probe.timeout_seconds, trust_env=False) as client,
            client.stream("GET", probe.url, headers=dict(probe.headers)) as response,
        ):
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) >= _BODY:
                    break
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Verdict.UNKNOWN, f"cannot be asked: {type(error).__name__} {error}".rstrip()
    text = body[:_BODY].decode("utf-8", "replace")
    if status != probe.status:
        said = one_line(text, _QUOTED).strip()
        return Verdict.FAIL, f"status {status}: {said}" if said else f"status {status}"
    if probe.contains and probe.contains.casefold() not in text.casefold():
        return Verdict.FAIL, f"status {status}, without the text"
    if probe.json:
        found = _at(text, probe.json)
        if found is None:
            return Verdict.UNKNOWN, f"status {status}, without {probe.json}"
        return (Verdict.OK if found == probe.equals else Verdict.FAIL), f"{probe.json} = {found}"
    return Verdict.OK, f"status {status}"


def _at(text: str, path: str) -> str | None:
    """The value at a dotted path of a JSON document, as JSON writes plain values; None when it is not there."""
    try:
        found: Any = json.loads(text)
        for name in path.split("."):
            found = found[name]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else json.dumps(found)


async def _command(probe: Probe, environ: Mapping[str, str]) -> tuple[Verdict, str]:
    """Run it in a session of its own, and end the whole group when it takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *probe.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        return Verdict.UNKNOWN, f"cannot be run: {error.strerror}"
    assert process.stdout is not None
    said = b""
    try:
        while part := await process.stdout.read(_SAID):
            said = (said + part)[-_SAID:]
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    lines = said.decode("utf-8", "replace").strip().splitlines()
    value = f"exit {code}" + (f": {lines[-1]}" if lines else "")
    return {0: Verdict.OK, 1: Verdict.FAIL}.get(code, Verdict.UNKNOWN), value
