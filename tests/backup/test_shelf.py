"""The shelf: nothing half-written looks like a backup, and what died is put away."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devora_console.backup.compare import compare, compare_objects
from devora_console.backup.manifest import read_manifest
from devora_console.backup.model import Content, File, Form, Judged, Kind, Level, Manifest
from devora_console.backup.mongo_dump import with_database
from devora_console.backup.mongo_server import same_server
from devora_console.backup.shelf import entries, partial, partials, remember, require_room, sweep
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def _manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "kind": Kind.MONGO,
        "form": Form.BSON_FOLDER,
        "tool": "t",
        "tool_version": "1",
        "server_version": None,
        "database": "d",
        "server": "s",
        "label": "l",
        "started": NOW,
        "ended": NOW,
        "files": (File("x", 1, "00"),),
        "contents": (Content("c", 1, 5, "ab", ("id",), "x", "00"),),
        "judged": (Judged(Level.COUNTS, NOW, "y"),),
    }
    return Manifest(**{**values, **changes})  # type: ignore[arg-type]


def test_a_backup_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    with partial(tmp_path, Kind.MONGO, "a/b", NOW) as place:
        (place.path / "x").write_bytes(b"1")
        assert place.path.name == "mongo-a%2Fb-20261127T120000Z.partial"
        assert entries(tmp_path) == []
        assert sweep(tmp_path, Kind.MONGO) == []  # its maker lives
        final = place.finish(_manifest())
    assert [each.path for each in entries(tmp_path)] == [final]
    assert read_manifest(final) == _manifest()
    assert partials(tmp_path) == []
    assert final.stat().st_mode & 0o077 == 0


def test_what_is_not_finished_goes_away(tmp_path: Path) -> None:
    with partial(tmp_path, Kind.MONGO, "d", NOW) as place:
        (place.path / "x").write_bytes(b"1")
    assert partials(tmp_path) == []


def test_two_of_one_second_have_two_names(tmp_path: Path) -> None:
    with partial(tmp_path, Kind.MONGO, "d", NOW) as one, partial(tmp_path, Kind.MONGO, "d", NOW) as other:
        assert one.path != other.path


def test_what_died_is_swept_by_its_own_kind_only(tmp_path: Path) -> None:
    for kind in Kind:
        (tmp_path / f"{kind}-d-1.partial").mkdir()
        (tmp_path / f"{kind}-d-1.partial" / ".lock").touch()
    assert [path.name for path in sweep(tmp_path, Kind.MONGO)] == ["mongo-d-1.partial"]
    assert [path.name for path in partials(tmp_path)] == ["postgres-d-1.partial"]


def test_a_backup_elsewhere_is_listed_until_it_is_gone(tmp_path: Path) -> None:
    with partial(tmp_path / "else", Kind.MONGO, "d", NOW) as place:
        (place.path / "x").touch()
        final = place.finish(_manifest())
    remember(tmp_path / "shelf", final)
    assert [each.path for each in entries(tmp_path / "shelf")] == [final]
    final.rename(final.with_name("moved"))
    assert entries(tmp_path / "shelf") == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": 99}, "manifest_newer"),
        ({"kind": "oracle"}, "manifest_broken"),
        ({"files": [{"name": "../../etc/passwd", "bytes": 1, "sha256": ""}]}, "manifest_broken"),
    ],
)
def test_a_manifest_is_read_strictly(tmp_path: Path, change: dict[str, object], code: str) -> None:
    with partial(tmp_path, Kind.MONGO, "d", NOW) as place:
        final = place.finish(_manifest())
    data = json.loads((final / "backup.json").read_text())
    (final / "backup.json").write_text(json.dumps({**data, **change}))
    with pytest.raises(ConsoleError) as caught:
        read_manifest(final)
    assert caught.value.problem.code == code
    assert entries(tmp_path)[0].problem is not None


def test_room_is_asked_for_before(tmp_path: Path) -> None:
    assert "needed at most" in require_room(tmp_path / "not yet", 1000)
    assert "not known: nobody said" in require_room(tmp_path, Unknown("nobody said"))
    with pytest.raises(ConsoleError, match="free; the backup may need"):
        require_room(tmp_path, 10**18)


def test_sides_are_compared_by_what_both_know() -> None:
    ours = [Content("a", 1, digest="x"), Content("b", 2), Content("empty", 0), Content("gone", 3)]
    theirs = [Content("a", 1, digest="y"), Content("b", 3), Content("new", 4), Content("new empty", 0)]
    words = [each.words("here", "there") for each in compare(ours, theirs)]
    assert words == [
        "a: the same number, other content",
        "b: 2 here, 3 there",
        "gone: 3 here, none (it is not there) there",
        "new: none (it is not there) here, 4 there",
    ]
    assert compare([Content("a", None, digest=None)], [Content("a", 5, digest="x")]) == ()
    assert compare_objects({"extensions": 1, "indexes": 2}, {"extensions": 3, "indexes": 2}) == ()
    assert len(compare_objects({"indexes": 2, "views": 1}, {"indexes": 1})) == 2


def test_servers_are_known_again() -> None:
    assert same_server("mongodb rs0 a:1,b:1", "mongodb rs0 b:1,c:1")
    assert not same_server("mongodb rs0 a:1", "mongodb rs1 a:1")
    assert not same_server("mongodb standalone a:1", "mongodb standalone b:1")
    assert not same_server("postgresql 1", "postgresql 2")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mongodb://h", "mongodb://h/d"),
        ("mongodb://u:p%40@h/other?tls=true", "mongodb://u:p%40@h/d?tls=true&authSource=other"),
        ("mongodb://u:p@h", "mongodb://u:p@h/d?authSource=admin"),
        ("mongodb+srv://u:p@h/?authSource=x", "mongodb+srv://u:p@h/d?authSource=x"),
    ],
)
def test_mongodump_is_given_the_database_in_the_url(url: str, expected: str) -> None:
    assert with_database(Dsn(url), "d").reveal() == expected
