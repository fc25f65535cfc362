"""The machine that asks: part of every figure."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from devora_console.core.safetext import one_line


def client() -> dict[str, str]:
    """Its processors and memory, and the versions of Python and of the drivers."""
    found = {
        "machine": f"{platform.machine()}, {os.cpu_count() or '?'} processors",
        "system": one_line(platform.platform(terse=True), 80),
        "python": platform.python_version(),
        "drivers": ", ".join(f"{name} {version(name)}" for name in ("motor", "pymongo", "asyncpg")),
    }
    memory = _memory_bytes()
    if memory:
        found["memory"] = f"{memory / 1e9:.1f} GB"
    model = _processor()
    if model:
        found["processor"] = model
    return found


def load() -> float | None:
    """What it has to do, for each of its processors, over the last minute."""
    try:
        return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except (AttributeError, OSError):
        return None


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0  # not every system tells


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return one_line(names[0], 80) if names else ""
