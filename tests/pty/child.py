"""The program in a real terminal: the app over fixed services, as ``python -m tests.pty.child SCENE``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.tui.app import run
from devora_console.tui.ports import TuiOptions
from tests.tui.fake import FakeServices, copying


class Steady(FakeServices):
    """Publishes an equal snapshot every second."""

    async def start_watching(self) -> None:
        """Heartbeat and ticks."""
        await super().start_watching()
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = utc_now()
            self.header_now = replace(self.header_now, as_of=now)
            self.overview_now = replace(self.overview_now, as_of=now)
            for kind in ("header", "overview", "migration"):
                for wake in list(self._wakes):
                    wake(kind)


class Busy(FakeServices):
    """A copy that moves ten times a second, to fill a terminal that is not read."""

    async def start_watching(self) -> None:
        """Heartbeat and ticks."""
        await super().start_watching()
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        share = 0.0
        while True:
            await asyncio.sleep(0.1)
            share = (share + 0.013) % 1.0
            self.migration_now = copying(share, utc_now() - timedelta(seconds=1))
            for wake in list(self._wakes):
                wake("migration")


class Hanging(FakeServices):
    """Services that do not end."""

    async def stop(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


class Crashing(FakeServices):
    """A fault while a connection string is in the locals and in the message."""

    def as_command(self, action: str) -> str:
        """Fail."""
        word = "".join(reversed("2retnuh"))
        dsn = Dsn(f"postgresql://ana:{word}@db1/devora")
        raise RuntimeError(f"cannot use {dsn.reveal()} for {action}")


SCENES = {
    "plain": FakeServices,
    "steady": Steady,
    "busy": Busy,
    "hanging": Hanging,
    "crashing": Crashing,
}


def main() -> int:
    """Run one scene; what the services saw goes to the file named by DEVORA_TEST_REPORT."""
    services = SCENES[sys.argv[1]]()
    code = run(services, TuiOptions(unicode="always"))
    report = os.environ.get("DEVORA_TEST_REPORT")
    if report:
        found = {"worst_gap": max(services.gaps, default=0.0), "beats": len(services.gaps)}
        Path(report).write_text(json.dumps(found | {"stopped": services.stopped}), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
