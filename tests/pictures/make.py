"""Pictures of the screens, made by the real program on the demo's servers: SVG, and PNG where rsvg-convert is at hand.

    uv run python -m tests.pictures.make [--search] [FOLDER]

One demo is walked through as a person would: look, dry run, copy, verify, quarantine, and PostgreSQL going away.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from devora_console.cli.console_command import aim_of
from devora_console.cli.demo_command import inhabited, set_up
from devora_console.cli.door import Door
from devora_console.demo.data import Scale
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.migration.progress import State
from devora_console.services import ConsoleServices, build_services
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions

SIZES = ((80, 24), (120, 40))
HERE = Path(__file__).parent
_BUSY = (State.RUNNING, State.STOPPING)


class Walk:
    """One session of the console in one size."""

    def __init__(self, services: ConsoleServices, pilot: Pilot[int], folder: Path, size: tuple[int, int]) -> None:
        self._services, self._pilot, self._folder = services, pilot, folder
        self._size = f"{size[0]}x{size[1]}"

    async def press(self, *keys: str) -> None:
        """Keys, with the pause a person makes."""
        for key in keys:
            await self._pilot.press(key)
            await self._pilot.pause(0.1)

    async def until(self, happened: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something to be so."""
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                raise TimeoutError("the console did not get there")
            await self._pilot.pause(0.1)

    async def settled(self) -> None:
        """Wait for the job under way to end."""
        await self.until(lambda: self._services.migration().state not in _BUSY)
        await self._pilot.pause(0.5)

    async def picture(self, name: str) -> None:
        """Save what the screen shows."""
        await self._pilot.pause(0.3)
        path = self._folder / f"{name}-{self._size}.svg"
        path.write_text(self._pilot.app.export_screenshot(title="devora-console"), encoding="utf-8")
        to_png(path)
        sys.stderr.write(f"{path}\n")


async def services_copied(here: Walk, services: ConsoleServices) -> None:
    """A copy, without pictures of it."""
    await here.press("2", "X", "tab", *services.execute_preview().type_name, "enter", "enter")
    await here.until(lambda: services.migration().kind == "execute")
    await here.settled()


async def walk(
    services: ConsoleServices, servers: DemoServers, folder: Path, size: tuple[int, int], *, only_search: bool = False
) -> None:
    """The way through the console."""
    app = DevoraApp(services, TuiOptions(unicode="always"))
    async with app.run_test(size=size) as pilot:
        here = Walk(services, pilot, folder, size)
        await here.until(lambda: services.header().postgres.link == "ok" and services.header().mongo.link == "ok")
        if only_search:
            await services_copied(here, services)
            await embedded(servers)
            await searches(here, pilot)
            return
        await here.press("2", "d")
        await here.settled()
        await here.picture("dry-run")
        await here.press("X")
        await here.picture("execute")
        await here.press("tab", *services.execute_preview().type_name, "enter", "enter")
        await here.until(lambda: services.migration().kind == "execute")
        await here.settled()
        await here.press("v")
        await here.until(lambda: services.migration().verification is not None)
        await here.settled()
        await here.picture("migration")
        await here.press("t")
        await here.picture("verification")
        await here.press("q")
        await pilot.pause(0.5)
        await here.picture("quarantine")
        await here.press("enter")
        await pilot.pause(0.5)
        await here.picture("document")
        await here.press("escape", "escape")
        await pilot.pause(12)  # of the backend's traffic
        for key, name in (("3", "queries"), ("4", "indexes"), ("5", "health"), ("6", "activity")):
            await here.press(key, "r")
            await pilot.pause(3)
            await here.picture(name)
        await here.press("3", "enter", "p")
        await pilot.pause(3)
        await here.picture("statement")
        await here.press("escape")
        await embedded(servers)
        await searches(here, pilot)
        await here.press("8")
        await pilot.pause(2)
        await here.press("m")
        await pilot.pause(6)
        await here.picture("checklist")
        await here.press("t", "t")
        await here.picture("cutover")
        await here.press("9")
        await pilot.pause(4)
        await here.picture("analytics")
        await here.press("t")
        await pilot.pause(2)
        await here.picture("trends")
        await here.press("1")
        await pilot.pause(2.5)
        await here.picture("overview")
        servers.postgres.stop("fast")
        await here.until(lambda: services.header().postgres.link == "lost")
        await pilot.pause(1)
        await here.picture("lost")


async def embedded(servers: DemoServers) -> None:
    """Embeddings, by the command a person would give."""
    words = ("-m", "devora_console", "--config", str(servers.home / "console.toml"), "embed", "run")
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.DEVNULL)
    await process.wait()


async def searches(here: Walk, pilot: Pilot[int]) -> None:
    """The search screen: side by side or alone, a hit in depth, and the prompt."""
    await here.press("7", "slash", *"fuite", "space", *"memoire")
    await pilot.pause(3)
    await here.press("enter")
    await here.picture("search")
    await here.press("down", "enter")
    await here.picture("search-hit")
    await here.press("escape", "r")
    await pilot.pause(4)
    await here.picture("search-prompt")
    await here.press("escape")


def to_png(svg: Path) -> None:
    """A PNG for looking at it here, with a font of this machine; not kept with the project."""
    tool = shutil.which("rsvg-convert")
    if tool is None:
        return
    local = svg.read_text(encoding="utf-8").replace("Fira Code", "DejaVu Sans Mono")
    local = local.replace("<svg ", '<svg xml:space="preserve" ', 1)
    subprocess.run([tool, "-o", str(svg.with_suffix(".png"))], input=local.encode(), check=True)


def main(folder: Path, *, only_search: bool = False) -> None:
    """Every picture in every size, on a fresh demo each; or those of the search screen only."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        door = Door()
        with DemoServers(temporary_home(), narrate=door.narrate) as servers:
            demo = set_up(door, servers, Scale.SMALL, 1)
            with inhabited(door, demo):
                services = build_services(door.effective, door.guard, aim_of(door))
                try:
                    asyncio.run(walk(services, servers, folder, size, only_search=only_search))
                finally:
                    services.loop.close()


if __name__ == "__main__":
    given = [each for each in sys.argv[1:] if each != "--search"]
    main(Path(given[0]) if given else HERE, only_search="--search" in sys.argv)
