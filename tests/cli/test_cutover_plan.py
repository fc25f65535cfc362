"""``cutover plan`` as people and scripts use it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cutover.small_runbook import SMALL

SERVERS = {
    "POSTGRES_DSN": "postgresql://ana:hunter2X@h/devora",
    "MONGO_URL": "mongodb://ana:hunter2X@h",
    "DB_NAME": "devora_db",
}


def test_the_shipped_plan_for_people_fits_a_terminal_and_shows_no_secret(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[cutover.vars]\nsite = "/opt/site.sh"\nfront_url = "http://f"\napp_url = "http://a"\n'
    )
    done = run("cutover", "plan", **SERVERS)
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert "hunter2X" not in done.out
    for words in (
        "[1/7]",
        "[7/7]",
        "point of no return: a GO of its own, 1 person",
        "/opt/site.sh switch mongo --from '{run_dir}/site-before'",
        "(estimate)",
        "last safe start",
    ):
        assert words in done.out


def test_as_json_and_by_the_window(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "small.toml").write_text(SMALL)
    (folder / "config.toml").write_text("[cutover]\nrunbook = 'small.toml'\nwindow_minutes = 20\n")
    # A runbook that the file names lies beside it, wherever one works.
    base = ("cutover", "plan", "--json", "--config", "books/config.toml", "--var", "site=/opt/site.sh")
    found = run(*base, **SERVERS).json()
    assert found["run"] is None
    assert [step["id"] for step in found["steps"]] == ["preflight", "shut", "save", "switch", "open", "watch"]
    assert found["point_of_no_return"] == "open"
    assert [each["scope"] for each in found["approvals"]] == ["run", "open"]
    assert [each["id"] for each in found["gates"]] == ["migration.dry_run", "team.informed", "source.silent"]
    assert found["rollback"]["total"] == {"p50": 60, "p95": 60, "measured": 0, "parts": 2}
    assert (found["window"]["seconds"], found["window"]["given_by"]) == (1200, "configuration")
    short = run(*base, "--window-minutes", "3", **SERVERS)
    assert short.code == 1
    assert short.json()["problems"][0]["code"] == "window"
    past = run(*base, "--window-ends", "2020-01-01T00:00Z", **SERVERS).json()
    assert past["window"]["fits"] is False


def test_what_is_wrong_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(SMALL.replace("times = 3", "tims = 3"))
    for arguments, said in (
        (("--runbook", "bad.toml", "--var", "site=x"), "bad.toml:41: step[shut].probe[1].tims: unknown key"),
        (("--runbook", "big-bag"), "no runbook 'big-bag'; did you mean 'big-bang'?"),
        (("--var", "site"), "--var: should be NAME=VALUE"),
        ((), "site, front_url, app_url have no value. Give them under [cutover.vars]"),
    ):
        done = run("cutover", "plan", *arguments, **SERVERS)
        assert done.code == 2
        assert said in done.err
        assert done.err.count("\n") == 1
