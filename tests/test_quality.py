"""The rules of the house, run with the tests: style, types, and which room may know which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "tool",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=" ".join,
)
def test_rules_hold(tool: tuple[str, ...]) -> None:
    program = Path(sys.executable).with_name(tool[0])
    done = subprocess.run([program, *tool[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["schema", "sql"], ["migrate", "--help"]),
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (["--version"], ["config", "show"], ["verify", "--help"])
        ),
    ],
    ids=" ".join,
)
def test_the_command_door_loads_no_textual(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\nfrom devora_console.cli.entry import run\n"
        f"code = run({arguments!r})\n"
        "assert code == 0, code\n"
        "heavy = {'textual', 'plotext', 'openai', 'posthog', 'numpy'} & {m.partition('.')[0] for m in sys.modules}\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_python_file_is_of_a_size_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "devora_console").rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 350
    }
    assert not long


def test_the_package_names_no_place_of_a_workshop() -> None:
    here = Path(__file__).name
    words = ("../" + "shared", "/wo" + "rk/", "/sim" + 'ple"')
    found = [
        f"{path}: {word}"
        for folder in ("devora_console", "tests", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in (".py", ".toml", ".sql", ".md", ".tcss", "") and path.name != here
        for word in words
        if word in path.read_text("utf-8", "replace")
    ]
    assert not found
