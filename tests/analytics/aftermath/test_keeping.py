"""What a watch keeps: it comes back as it was, torn or not, and one console writes at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from devora_console.analytics.aftermath.keeping import Run, Shelf
from devora_console.analytics.aftermath.model import Point
from devora_console.analytics.aftermath.read import Counted
from devora_console.analytics.aftermath.watching import Watch, given_values
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.statements.snapshot import Counters, Info, Key, Place, StatementsSample
from tests.analytics.aftermath.readings import AT, before, reading, slow

RUN = Run("20261128T120000Z-devora-0000", "db:5432/devora", AT, AT + timedelta(hours=24), None)


def _counted() -> Counted:
    place = Place(1, (1, 12), "public", 5000, "top", False, True, 10, "GRANT pg_monitor TO x")
    info = Info(AT, AT, 0, AT)
    row = Counters._make([0, 0.0, 3, 1.5, 0.1, 0.9, *([0] * 11), None, 0.0, *([0] * 3), AT, None])
    rows = {Key(10, 5, -7, True): row, Key(10, 5, 8, None): row}
    sample = StatementsSample(AT, place, info, info, rows, 2, 8192)
    gone = Unknown("not allowed", "GRANT")
    health = HealthSample(AT, 5, AT, None, 1, 2, None, 3, 4, 0, 0, 0, 9, gone, 1, 2, gone, 77)
    return Counted(sample, health)


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first = before(given={"active_users": 412.0}, slow=slow(1, 2), rag=Unknown("none", "wait"))
    older = replace(first, id="older", kept_at=AT - timedelta(days=9))
    shelf.keep_baseline(older)
    path = shelf.keep_baseline(first)
    assert shelf.baselines() == (first, older)
    assert shelf.baseline(str(path)) == shelf.baseline(first.id) == first
    shelf.begin(RUN)
    shelf.begin(replace(RUN, id="other", target="elsewhere:5432/devora"))
    assert shelf.runs(RUN.target) == (RUN,)
    record = shelf.record(RUN)
    record.keep_first(_counted())
    assert record.first() == _counted()
    assert path.stat().st_mode & 0o077 == 0


def test_a_torn_line_costs_itself_alone(tmp_path: Path) -> None:
    record = Shelf(tmp_path).record(RUN)
    points = [Point(AT + timedelta(minutes=at), {"search": 1.0 * at, "rag": None}) for at in range(3)]
    with record.writing() as ours:
        assert ours
    for point in points:
        record.keep(reading(), point)
    lines = tmp_path / "runs" / RUN.id / "points.jsonl"
    lines.write_bytes(lines.read_bytes()[:-9])
    record.keep(reading(), points[2])
    assert record.points() == tuple(points)
    assert record.latest() == reading()


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    with shelf.record(RUN).writing() as first, shelf.record(RUN).writing() as second:
        assert (first, second) == (True, False)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "../../x"}', '{"unknown": "a", "remedy": "b"}'])
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(ConsoleError) as refused:
        Shelf(tmp_path).baseline(str(file))
    assert refused.value.exit_code is ExitCode.USAGE
    assert Shelf(tmp_path / "none").baselines() == ()


def test_a_baseline_names_no_path(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    path = shelf.keep_baseline(before())
    path.write_text(path.read_text().replace(before().id, "../elsewhere"))
    with pytest.raises(ConsoleError):
        shelf.baseline(str(path))


def test_values_are_numbers_of_lines() -> None:
    assert given_values(["active_users=412", "error_rate=0.4"]) == {"active_users": 412.0, "error_rate": 0.4}
    for wrong in ("users=1", "search", "search=x", "search=-1", "search=inf", "search=nan", "error_rate=101"):
        with pytest.raises(ConsoleError):
            given_values([wrong])


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(ConsoleError, match="cannot be kept") as told, Shelf(tmp_path).record(RUN).writing():
        pass
    assert told.value.problem.remedy == "Make room, or set watch.home"


def test_values_of_another_server_are_not_taken_by_themselves(tmp_path: Path) -> None:
    """Two servers may well have a database of the same name."""
    settings, shelf = Settings(postgres=PostgresSettings(dsn=Dsn("postgresql://db1:5432/devora"))), Shelf(tmp_path)
    mine = replace(before(), target="db1:5432/devora")
    shelf.keep_baseline(mine)
    shelf.keep_baseline(replace(before(), id="newer", kept_at=AT, target="staging:5432/devora"))
    assert Watch.open(settings, shelf, begin=False).baseline == mine
    assert Watch.open(settings, shelf, begin=False, baseline="newer").baseline != mine
