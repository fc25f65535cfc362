"""The demo's site beside the console: started once the screen is up, ended with it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devora_console.config.keys import CONFIG_VARIABLE
from devora_console.config.layers import is_ours
from devora_console.config.paths import HOME_VARIABLE
from devora_console.core.problems import ConsoleError
from devora_console.demo.site.site import Site

_LATER = 1.5  # seconds: the first screen has the processors to itself
_PATIENCE = 3.0
# What a runbook leaves a day or a week for, in a demo.
SHORTENED = {
    "silence_seconds": "15",
    "observe_seconds": "120",
    "sample_floor": "30",
    "look_seconds": "5",
    "recent_seconds": "120",
    "recent_floor": "5",
    "patience_seconds": "300",
    "p95_ratio": "3",  # two databases on one machine, and few visitors
    "retire_seconds": "60",
}


@contextmanager
def running(site: Site) -> Iterator[None]:
    """The site for the length of the block, a moment after its beginning; what goes wrong is in ``start.log``."""

    def start() -> None:
        try:
            site.start()
        except (ConsoleError, OSError) as error:
            site.place.path("start.log").write_text(f"{error}\n", encoding="utf-8")

    timer = threading.Timer(_LATER, start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        site.close()
        timer.join(_PATIENCE)


@contextmanager
def standing_in(config: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Our environment for the length of the block: commands that a runbook starts reach the demo and nothing else.

    The person's own variables would, in a child, come before the demo's configuration file.
    """
    before = dict(os.environ)
    for name in before:
        if (is_ours(name) and name != HOME_VARIABLE) or name.startswith("PG"):
            del os.environ[name]
    os.environ.update({**variables, CONFIG_VARIABLE: str(config)})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
