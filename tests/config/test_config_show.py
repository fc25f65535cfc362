"""What ``config show``, ``check``, ``path`` and ``init`` answer, and the example file."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from devora_console.config import paths
from devora_console.config.example import init, render
from devora_console.config.keys import catalogue, settable
from devora_console.config.load import Origin, load
from devora_console.config.quarantine import QuarantineBudget
from devora_console.config.settings import Settings
from devora_console.config.show import locations, show
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.snapshot import to_json
from tests.config.config_place import Place

REPOSITORY = Path(__file__).parents[2]


def test_show_has_every_key_redacted_with_its_origin(place: Place) -> None:
    place.write(toml="[postgres]\ndsn = 'host=h user=ana password=hunter2X'\n", env="OPENAI_API_KEY=sk-hunter2X\n")
    shown = show(place.load())
    assert [row.key for row in shown.rows] == [key for key in catalogue() if key != "extra_secrets"]
    rows = {row.key: row for row in shown.rows}
    assert rows["postgres.dsn"].value == "postgresql://ana:***@h"
    assert rows["postgres.dsn"].origin == Origin("file", "config.toml:2")
    assert rows["search.openai_api_key"].value == "<redacted>"
    assert rows["mongo.url"].value is None
    assert rows["postgres.connect_timeout_seconds"].value == 10.0
    document = to_json(shown)
    assert isinstance(document, dict)
    text = json.dumps(document)
    assert "hunter2X" not in text
    settings, origins = document["settings"], document["origins"]
    assert isinstance(settings, dict)
    assert isinstance(origins, dict)
    assert settings["postgres"] == {
        "dsn": "postgresql://ana:***@h",
        "superuser_dsn": None,
        "connect_timeout_seconds": 10.0,
        "statement_timeout_seconds": 30.0,
        "from_libpq": False,
    }
    assert origins["postgres.dsn"] == {"source": "file", "where": "config.toml:2"}


def test_check_looks_at_every_profile(place: Place) -> None:
    place.write(
        toml="[postgres]\ndsn = 'postgresql://h/d'\n"
        "[profiles.a.mongo]\nurl = 'mongodb://h'\n"
        "[profiles.b]\n[profiles.b.migration]\nmapping = 'none.toml'\n"
        "[profiles.c.postgres]\ndsn = 'service=none'\n"
    )
    found = place.check({"HOME": str(place.folder)})
    assert found.profiles == ("a", "b", "c")
    assert [str(problem) for problem in found.errors] == [
        "config.toml:7: migration.mapping: no such file. Correct the path",
        f"PostgreSQL connection: service 'none' is not defined in {place.folder}/.pg_service.conf. "
        "Correct the DSN, service or PG* variable",
    ]
    assert [problem.message for problem in found.warnings] == [
        "profile 'b': mongo.url: not set",
        "profile 'c': mongo.url: not set",
    ]
    assert found.exit_code == ExitCode.USAGE
    only_a = place.check({"HOME": str(place.folder)}, profile="a")
    assert only_a.ok
    assert only_a.exit_code == ExitCode.DONE
    assert place.check(profile="d").errors[0].message.startswith("command line: profile 'd' is not in config.toml")


def test_check_of_nothing_and_of_a_broken_file(place: Place) -> None:
    bare = place.check()
    assert [problem.message for problem in bare.warnings] == ["postgres.dsn: not set", "mongo.url: not set"]
    assert bare.exit_code == ExitCode.NEGATIVE
    place.write(toml="[")
    assert place.check().errors[0].message.startswith("config.toml:1: not valid TOML")


def test_locations(place: Place) -> None:
    home = place.folder / "home"
    where = locations(environ=place.environ, cwd=place.folder)
    assert where.config is None
    assert where.searched == (place.folder / "config.toml", home / "config" / "config.toml")
    assert (where.data, where.state, where.log) == (home / "data", home / "state", home / "log")
    place.write(toml="", env="")
    where = locations(environ=place.environ, cwd=place.folder)
    assert where.config == place.folder / "config.toml"
    assert where.env_file == place.folder / ".env"
    assert not home.exists(), "asking where things are makes nothing"


def test_without_a_home_of_our_own_the_platform_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert paths.config_path({}) == tmp_path / "c" / "devora-console" / "config.toml"
    assert paths.state_dir({}) == tmp_path / "s" / "devora-console"
    assert paths.data_dir({"DEVORA_CONSOLE_HOME": "~/x"}) == Path.home() / "x" / "data"
    assert paths.log_dir({"DEVORA_CONSOLE_HOME": "~nobody-of-that-name/x"}).name == "log"


def test_init_writes_the_example_once_for_its_owner_only(place: Place) -> None:
    umask = os.umask(0)
    try:
        written = init(environ=place.environ)
    finally:
        os.umask(umask)
    assert written == place.folder / "home" / "config" / "config.toml"
    assert written.read_text() == render()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700
    effective = load(environ=place.environ, cwd=place.folder)
    assert effective.settings == Settings()
    assert effective.files == (written,)
    written.write_text("mine")
    with pytest.raises(ConsoleError, match=re.escape(f"{written}: exists already and is left as it is")) as caught:
        init(environ=place.environ)
    assert caught.value.exit_code == ExitCode.USAGE
    assert written.read_text() == "mine"
    with pytest.raises(ConsoleError, match="cannot be written: Not a directory"):
        init(written / "x")


def test_the_example_in_the_repository_is_the_one_the_console_writes() -> None:
    assert (REPOSITORY / "config.example.toml").read_text() == render()


def test_the_example_has_every_key_with_its_default() -> None:
    """Uncommented line by line, it is valid, complete, and says what holds anyway."""
    text = re.sub(r"(?m)^# ((?:[a-z_]+ = .+)|\[.+\])$", r"\1", render())
    document = tomllib.loads(text)
    profiles = document.pop("profiles")
    assert document.pop("default_profile") in profiles
    seen = set()
    for name, value in document.items():
        for leaf, inner in value.items() if isinstance(value, dict) else [("", value)]:
            key = f"{name}.{leaf}" if leaf else name
            seen.add(key)
            default = settable()[key].field.default
            whole = re.sub(r"\n# (?=\S+\.\n)", " ", render())
            own = whole.partition(f"\n[{name}]\n")[2] if leaf else whole
            shown = re.search(rf"Default:\s(?:# )?\s*(\S+)\.\n# {leaf or name} = ", own)
            assert shown, key
            if default in (None, {}):
                assert shown[1] == "none", key
            else:
                assert inner == default, key
                assert json.loads(shown[1].replace("_", "") if not isinstance(default, str) else shown[1]) == default
    assert seen == set(settable())


def test_the_example_uncommented_loads(place: Place) -> None:
    text = re.sub(r"(?m)^# ((?:[a-z_]+ = .+)|\[.+\])$", r"\1", render())
    place.write(toml=text.replace("read_only = false\n", ""))
    assert place.load(profile="staging").settings.environment == "staging"
    production = place.load(profile="production")
    assert production.settings.production
    assert str(production.settings.postgres.dsn) == "postgresql:///?service=devora_production"
    place.write(toml=text)
    assert place.error(profile="production").startswith("config.toml:")


@pytest.mark.parametrize(
    ("text", "of_a_thousand"),
    [("0", 0), ("50", 50), (" 7 ", 7), ("10%", 100), ("2.55%", 25), ("100%", 1000), ("0.01%", 0)],
)
def test_quarantine_budgets(text: str, of_a_thousand: int) -> None:
    budget = QuarantineBudget.parse(text)
    assert budget is not None
    assert budget.documents(1000) == of_a_thousand


@pytest.mark.parametrize("text", ["", "%", "-1", "1.5", "101%", "1e3", "ten", "٥", "10%%", "1 0", "10 %"])
def test_what_is_no_quarantine_budget(text: str) -> None:
    assert QuarantineBudget.parse(text) is None
