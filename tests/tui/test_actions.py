"""The one declaration: every action exists where it says, every key is free and survives terminals."""

from __future__ import annotations

import pytest

from devora_console.core.actions import ACTIONS, PLACES, UNSAFE_KEYS, Action, actions_of, with_keymap
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.tui.app import SCREENS, DevoraApp
from devora_console.tui.screens.activity import ActivityScreen, LocksScreen
from devora_console.tui.screens.analytics import AnalyticsScreen
from devora_console.tui.screens.cutover import CutoverScreen
from devora_console.tui.screens.cutover_depth import CutoverDepthScreen
from devora_console.tui.screens.health import HealthScreen
from devora_console.tui.screens.indexes import IndexesScreen
from devora_console.tui.screens.migration import MigrationScreen
from devora_console.tui.screens.overview import OverviewScreen
from devora_console.tui.screens.quarantine import DocumentScreen, QuarantineScreen
from devora_console.tui.screens.queries import QueriesScreen, StatementScreen
from devora_console.tui.screens.search import SearchScreen
from devora_console.tui.screens.search_prompt import PromptScreen
from devora_console.tui.screens.search_sql import SqlScreen

BY_NAME = {
    kind.name_of: kind
    for kind in (
        OverviewScreen,
        MigrationScreen,
        QuarantineScreen,
        DocumentScreen,
        QueriesScreen,
        StatementScreen,
        IndexesScreen,
        HealthScreen,
        ActivityScreen,
        LocksScreen,
        SearchScreen,
        SqlScreen,
        PromptScreen,
        CutoverScreen,
        CutoverDepthScreen,
        AnalyticsScreen,
    )
}


def test_every_place_has_its_screen() -> None:
    assert list(SCREENS) == [place.id for place in PLACES]


@pytest.mark.parametrize("declared", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_implemented_where_it_is_declared(declared: Action) -> None:
    holders: list[type[object]] = [BY_NAME[screen] for screen in declared.screens] or [DevoraApp]
    for holder in holders:
        assert hasattr(holder, f"action_{declared.verb}"), (holder, declared.id)
    assert declared.about.endswith(".")


@pytest.mark.parametrize("screen", BY_NAME)
def test_no_two_actions_of_a_screen_share_a_key(screen: str) -> None:
    keys = [key for action in actions_of(screen) for key in action.keys] + [place.key for place in PLACES]
    assert len(keys) == len(set(keys))
    assert not UNSAFE_KEYS & set(keys)
    assert not [key for key in keys if key.lower().startswith("f") and key[1:].isdigit()]


def test_acts_that_change_a_server_are_capitals() -> None:
    assert all(action.key.isupper() for action in ACTIONS if action.changes)


def test_a_keymap_replaces_keys() -> None:
    mapped = {action.id: action.key for action in with_keymap({"migration.dry_run": "D"})}
    assert mapped["migration.dry_run"] == "D"
    assert mapped["migration.verify"] == "v"


@pytest.mark.parametrize(
    ("keymap", "code", "word"),
    [
        ({"migration.dryrun": "D"}, "keymap.unknown_action", "migration.dry_run"),
        ({"migration.dry_run": "ctrl+m"}, "keymap.unsafe_key", "migration.dry_run"),
        ({"migration.dry_run": "v"}, "keymap.clash", "migration.verify"),
        ({"app.help": "1"}, "keymap.clash", "go.overview"),
    ],
)
def test_a_bad_keymap_is_refused_by_name(keymap: dict[str, str], code: str, word: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        with_keymap(keymap)
    assert caught.value.problem.code == code
    assert word in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE
