"""Jobs that something happens to in the middle, and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.control import Control, Tracker
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, Phase, State
from tests.migration.world import assert_verified, execute, fetch, settings


class Interrupted(Control):
    """Something happens during ``phase``, once ``after`` documents are through: asked before every batch."""

    def __init__(self, act: Callable[[], object] = lambda: None, after: int = 0, phase: Phase = Phase.WRITE) -> None:
        super().__init__()
        self._act = act
        self._after = after
        self._phase = phase
        self.done = False

    async def checkpoint(self, tracker: Tracker) -> None:
        """As ever, and the act when its time has come."""
        if not self.done and tracker.snapshot.phase is self._phase and tracker.snapshot.rows_done >= self._after:
            self.done = True
            self._act()
        await super().checkpoint(tracker)


def interrupted(target: Dsn, source: Path | Dsn, control: Control, **more: Any) -> Job:
    """A job of many small batches, steered by ``control``."""
    job = Job(Kind.EXECUTE, settings(target, source, **({"batch_bytes": 600} | more)))
    job.control = control
    return job


async def fails(target: Dsn, source: Path | Dsn, control: Control | None = None, **more: Any) -> ConsoleError:
    """The error that ends it: one line, with a remedy, and the same in the last snapshot."""
    job = interrupted(target, source, control or Interrupted(), **more)
    with pytest.raises(ConsoleError) as caught:
        await job.run()
    error = caught.value
    assert "\n" not in str(error)
    assert error.problem.remedy
    assert job.snapshot.problem == error.problem
    assert job.snapshot.state is (State.STOPPED if error.exit_code is ExitCode.STOPPED else State.FAILED)
    return error


_LOOSE = """
SELECT (SELECT count(*) FROM devora_console.document d WHERE d.fate = 'migrated' AND NOT EXISTS
          (SELECT 1 FROM users WHERE id::text = d.pk UNION ALL SELECT 1 FROM projects WHERE id::text = d.pk
           UNION ALL SELECT 1 FROM conversations WHERE id::text = d.pk
           UNION ALL SELECT 1 FROM invoices WHERE id::text = d.pk)) AS without_row,
       (SELECT count(*) FROM (SELECT id FROM users UNION ALL SELECT id FROM projects
           UNION ALL SELECT id FROM conversations UNION ALL SELECT id FROM invoices) AS r
         WHERE NOT EXISTS (SELECT 1 FROM devora_console.document d WHERE d.pk = r.id::text AND d.fate = 'migrated')
       ) AS without_account,
       (SELECT count(*) FROM projects p WHERE (SELECT count(*) FROM project_files f WHERE f.project_id = p.id) <> 2
       ) + (SELECT count(*) FROM conversations c
             WHERE (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id) <> 3) AS halves,
       (SELECT count(*) FROM devora_console.document d WHERE d.fate = 'quarantined' AND NOT EXISTS
          (SELECT 1 FROM devora_console.quarantine q WHERE q.source_id = d.source_id)) AS unheld
"""


async def whole(target: Dsn) -> None:
    """Every document is in the target whole or not at all, and the books say so. For unchanged plain worlds."""
    assert [dict(row) for row in await fetch(target, _LOOSE)] == [
        {"without_row": 0, "without_account": 0, "halves": 0, "unheld": 0}
    ]


async def recovers(target: Dsn, source: Path | Dsn, **more: Any) -> None:
    """The next run ends well, and nothing says that it is still running."""
    done = await execute(target, source, **more)
    assert done.state is State.DONE
    await assert_verified(target, source, **more)
    states = await fetch(target, "SELECT state FROM devora_console.run ORDER BY started_at")
    assert [row[0] for row in states][-1] == "done"
    assert "running" not in [row[0] for row in states]
