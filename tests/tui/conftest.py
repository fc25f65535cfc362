"""Crash reports and exports of the screens' tests go to a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the console's files out of the home of whoever runs the tests."""
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session", autouse=True)
def _style_sheets_are_parsed_once() -> Iterator[None]:
    """An app parses some fifty style sheets as it starts, a fifth of a test's time: keep what they say for the next."""
    parse, kept = Stylesheet._parse_rules, dict[tuple[object, ...], list[RuleSet]]()

    def once(sheet: Stylesheet, *given: Any, **named: Any) -> list[RuleSet]:
        key = (frozenset(sheet._variables.items()), given, frozenset(named.items()))
        if key not in kept:
            kept[key] = parse(sheet, *given, **named)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", once)
        yield
