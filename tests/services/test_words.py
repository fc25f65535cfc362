"""Command lines that the console shows: about the same server, from any directory."""

from __future__ import annotations

from pathlib import Path

from devora_console.config.load import load
from devora_console.services.words import command_of, own_words

_FILE = '[profiles.eu]\n[postgres]\ndsn = "postgresql://h/d"\n'


def test_a_file_that_was_named_is_named_again(tmp_path: Path) -> None:
    file = tmp_path / "two words.toml"
    file.write_text(_FILE)
    named = load(config_file=file, profile="eu", environ={}, cwd=tmp_path)
    assert command_of("verify", named) == f"devora-console --profile eu --config '{file}' verify"
    by_variable = load(environ={"DEVORA_CONSOLE_CONFIG": file.name}, cwd=tmp_path)
    assert own_words(by_variable) == ("devora-console", "--config", str(file))


def test_one_in_its_usual_place_is_found_by_itself(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(_FILE + '[profiles.live]\nenvironment = "production"\n')
    assert command_of("queries", load(environ={}, cwd=tmp_path)) == "devora-console queries --interval 60"
    live = load(profile="live", environ={}, cwd=tmp_path)
    assert own_words(live) == ("devora-console", "--profile", "live", "--allow-writes")
