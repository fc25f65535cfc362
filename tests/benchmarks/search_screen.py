"""How soon hits are on the search screen: ``uv run python tests/benchmarks/search_screen.py --config FILE [--quick]``.

The console is opened, without a terminal, on the PostgreSQL of a configuration (that of a demo: ``DIR/console.toml``).
Queries are typed at a person's pace; measured is the time from the last key to the first painting that has hits of that
text, and to the one that draws every method's, as owner and as the user with the most documents.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from textual.widgets import Input

from devora_console.config.load import load
from devora_console.core.guard import Guard
from devora_console.core.unknown import Unknown
from devora_console.services import build_services
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from devora_console.tui.screens.search import SearchScreen
from devora_console.tui.widgets.page import Page

_QUERIES = (
    "fuite mémoire", "paiement refusé", "jeton expiré", "docker-compose", "erreur 500 au démarrage", "c++",
    "migration de la base", "verify_token", "courriel indésirable", "pourquoi le build échoue", "paiment", "stock vélo",
)  # fmt: skip
_KEY_SECONDS = 0.13


class Watch:
    """When what was drawn first, for one text."""

    def __init__(self, app: DevoraApp) -> None:
        self._app = app
        self._text = ""
        self._stage = 0
        self.moments: list[float] = []

    def begin(self, text: str) -> None:
        """Wait for hits of this text."""
        self._text, self._stage, self.moments = text, 0, []

    def shown(self) -> None:
        """The hits were handed to the widget."""
        seen = self._app.services.searching.seen
        if seen.snapshot is not None and seen.snapshot.asked.text == self._text:
            self._stage = 2 if seen.snapshot.complete else 1

    def painted(self) -> None:
        """What changed went out to the terminal."""
        now = time.perf_counter()
        if self._stage >= 1 and not self.moments:
            self.moments.append(now)
        if self._stage == 2 and len(self.moments) == 1:
            self.moments.append(now)


async def measure(config: Path, rounds: int) -> dict[str, float | int]:
    """Type every query, as owner and as a user."""
    effective = load(config_file=config, overrides={"environment": "benchmark"})
    services = build_services(effective, Guard(production=False, read_only=True, allow_writes=False))
    app = DevoraApp(services, TuiOptions(unicode="always", start="search"))
    found: dict[str, float | int] = {}
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            watch = _attach(app)
            screen = app.screen
            assert isinstance(screen, SearchScreen)
            await _typed(app, pilot, watch, "premier")  # the first one connects and loads
            people = await asyncio.wrap_future(services.loop.submit(services.searching.people("")))
            assert not isinstance(people, Unknown)
            biggest = max(people, key=lambda each: each.documents).id
            for who, user in (("owner", None), ("user", biggest)):
                screen.asked = replace(screen.wanted, user=user, as_owner=user is None, text="")
                took = [await _typed(app, pilot, watch, text) for _ in range(rounds) for text in _QUERIES]
                for name, at in (("first", 0), ("all", 1)):
                    times = sorted(each[at] * 1000 for each in took)
                    found[f"{who}_{name}_p50_ms"] = round(statistics.median(times), 1)
                    found[f"{who}_{name}_p95_ms"] = round(times[int(0.95 * (len(times) - 1))], 1)
                found["queries"] = len(took)
    finally:
        services.loop.close()
    return found


def _attach(app: DevoraApp) -> Watch:
    watch = Watch(app)
    hits = app.screen.query_one("#hits", Page)
    show, display = hits.show, app._display

    def showing(lines: Any) -> None:
        show(lines)
        watch.shown()

    def displaying(screen: Any, renderable: Any) -> None:
        display(screen, renderable)
        watch.painted()

    hits.show = showing  # type: ignore[method-assign]
    app._display = displaying  # type: ignore[method-assign]
    return watch


async def _typed(app: DevoraApp, pilot: Any, watch: Watch, text: str) -> tuple[float, float]:
    """(seconds to the first hits, to all) after the last key."""
    app.screen.set_focus(app.screen.query_one("#query", Input))
    await pilot.press("ctrl+u")
    await asyncio.sleep(0.3)
    for char in text[:-1]:
        app.screen.query_one("#query", Input).insert_text_at_cursor(char)
        await asyncio.sleep(_KEY_SECONDS)
    watch.begin(text)
    began = time.perf_counter()
    app.screen.query_one("#query", Input).insert_text_at_cursor(text[-1])
    while len(watch.moments) < 2:
        await asyncio.sleep(0.001)
        if time.perf_counter() - began > 20:
            raise TimeoutError(text)
    return watch.moments[0] - began, watch.moments[1] - began


def main() -> int:
    """One JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="each query once")
    options = parser.parse_args()
    found = asyncio.run(measure(options.config, 1 if options.quick else 4))
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
