"""Pictures of the screens as they are: SVG, and PNG where ``rsvg-convert`` is at hand.

    uv run python tests/pictures/make.py [FOLDER]

Every picture is the real program, driven by keys, over fixed services, at 80x24 and at 120x40.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from devora_console.migration.progress import MigrationSnapshot
from devora_console.tui.app import DevoraApp
from devora_console.tui.ports import TuiOptions
from tests.tui.fake import FakeServices, copied, copying, header, lost

_ALWAYS = TuiOptions(unicode="always")
SIZES = ((80, 24), (120, 40))


@dataclass(frozen=True, slots=True)
class Picture:
    """A name, how the services are set, and the keys that lead there."""

    name: str
    keys: tuple[str, ...] = ()
    set_up: Callable[[FakeServices], None] = lambda services: None
    options: TuiOptions = _ALWAYS


def _copying(services: FakeServices) -> None:
    services.migration_now = copying()


def _idle(services: FakeServices) -> None:
    services.migration_now = MigrationSnapshot(as_of=datetime.now(UTC))


def _verified(services: FakeServices) -> None:
    services.migration_now = copied(verified=True)


def _mismatch(services: FakeServices) -> None:
    services.migration_now = copied(verified=False)


def _lost(services: FakeServices) -> None:
    services.migration_now = copying()
    services.header_now = lost(header("production"))
    services.read_only = True


def _production(services: FakeServices) -> None:
    services.header_now = replace(header("production"), profile="production")
    services.read_only = True


_ASCII = TuiOptions(unicode="never")
PICTURES = (
    Picture("overview"),
    Picture("overview-production", set_up=_production),
    Picture("overview-explained", ("down", "down", "down", "?")),
    Picture("migration-idle", ("2",), _idle),
    Picture("migration-running", ("2", "down", "down"), _copying),
    Picture("migration-running-ascii", ("2", "down", "down"), _copying, _ASCII),
    Picture("migration-blue-orange", ("2",), _mismatch, TuiOptions(unicode="always", theme="blue-orange")),
    Picture("migration-verified", ("2",), _verified),
    Picture("migration-mismatch", ("2", "t", *["down"] * 4), _mismatch),
    Picture("migration-lost", ("2",), _lost),
    Picture("execute", ("2", "X"), _idle),
    Picture("quarantine", ("2", "q"), _copying),
    Picture("document", ("2", "q", "enter"), _copying),
    Picture("palette", ("2", ":")),
    Picture("help", ("2", "?")),
)


async def draw(picture: Picture, size: tuple[int, int]) -> str:
    """Run the program, press the keys, give what it shows as SVG."""
    services = FakeServices()
    picture.set_up(services)
    app = DevoraApp(services, picture.options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause(0.05)
        await pilot.pause(0.3)
        svg = app.export_screenshot(title=f"devora-console {size[0]}x{size[1]}")
    services.loop.close()
    return svg


def to_png(svg: Path) -> None:
    """A PNG beside the SVG, with a font of this machine in place of the one named from the web."""
    tool = shutil.which("rsvg-convert")
    if tool is None:
        return
    local = svg.read_text(encoding="utf-8").replace("Fira Code", "DejaVu Sans Mono")
    local = local.replace("<svg ", '<svg xml:space="preserve" ', 1)
    png = svg.with_suffix(".png")
    subprocess.run([tool, "-o", str(png)], input=local.encode(), check=True)


def main(folder: Path) -> None:
    """Every picture in every size."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        for size in SIZES:
            path = folder / f"{picture.name}-{size[0]}x{size[1]}.svg"
            path.write_text(asyncio.run(draw(picture, size)), encoding="utf-8")
            to_png(path)
            sys.stderr.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "out")
