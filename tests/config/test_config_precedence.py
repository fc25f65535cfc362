"""Which source wins, for every key, and what the console says about where a value came from."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from devora_console.config.keys import APPLICATION_VARIABLES, settable
from devora_console.config.load import Effective, Origin, load
from devora_console.config.secret import Secret
from tests.config.config_place import Place

# Five values each, all different: for the file, the profile, .env, the environment, the command line.
VALUES: dict[str, tuple[str, ...]] = {
    "environment": ("one", "two", "three", "four", "five"),
    "read_only": ("false", "true", "false", "true", "false"),
    "postgres.dsn": tuple(f"postgresql://h{n}/d" for n in range(5)),
    "postgres.superuser_dsn": tuple(f"postgresql://h{n}/d" for n in range(5)),
    "postgres.connect_timeout_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "postgres.statement_timeout_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "mongo.url": tuple(f"mongodb://h{n}" for n in range(5)),
    "mongo.admin_url": tuple(f"mongodb://h{n}" for n in range(5)),
    "mongo.app_url": tuple(f"mongodb://h{n}" for n in range(5)),
    "mongo.database": ("a", "b", "c", "d", "e"),
    "mongo.server_selection_timeout_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "mongo.read_preference": ("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"),
    "migration.mapping": ("/a", "/b", "/c", "/d", "/e"),
    "migration.batch_bytes": ("10001", "10002", "10003", "10004", "10005"),
    "migration.max_quarantine": ("1", "2", "3%", "4", "5"),
    "migration.sample": ("1", "2", "3", "4", "5"),
    "migration.workers": ("1", "2", "3", "4", "5"),
    "migration.bulk_load": ("true", "false", "true", "false", "true"),
    "analytics.posthog_api_key": ("phc_a", "phc_b", "phc_c", "phc_d", "phc_e"),
    "analytics.posthog_host": ("https://a", "https://b", "https://c", "https://d", "https://e"),
    "analytics.posthog_capture_host": ("https://a", "https://b", "https://c", "https://d", "https://e"),
    "analytics.posthog_project_id": ("1", "2", "3", "4", "5"),
    "analytics.posthog_personal_api_key": ("phx_a", "phx_b", "phx_c", "phx_d", "phx_e"),
    "metrics.currency": ("USD", "GBP", "CHF", "SEK", "JPY"),
    "metrics.fresh_minutes": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "metrics.refresh_when_old": ("false", "true", "false", "true", "false"),
    "metrics.statement_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "analytics.spool": ("/a", "/b", "/c", "/d", "/e"),
    "analytics.spool_limit_mb": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "analytics.allow": ("a", "b", "c", "d", "e"),
    "analytics.longest_text": ("101", "102", "103", "104", "105"),
    "analytics.console_usage": ("true", "false", "true", "false", "true"),
    "search.openai_api_key": ("sk-a", "sk-b", "sk-c", "sk-d", "sk-e"),
    "search.role": ("a", "b", "c", "d", "e"),
    "search.method": ("fts", "trigram", "semantic", "hybrid", "fts"),
    "search.limit": ("11", "12", "13", "14", "15"),
    "search.statement_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "search.meaning_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "search.fts_weight": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "search.trigram_weight": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "search.semantic_weight": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "search.fusion_k": ("11", "12", "13", "14", "15"),
    "search.candidates": ("11", "12", "13", "14", "15"),
    "search.ef_search": ("11", "12", "13", "14", "15"),
    "search.exact_rows": ("11", "12", "13", "14", "15"),
    "search.trigram_threshold": ("0.15", "0.25", "0.35", "0.45", "0.55"),
    "search.common_percent": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "search.suite": ("/a", "/b", "/c", "/d", "/e"),
    "search.tolerance": ("0.15", "0.25", "0.35", "0.45", "0.55"),
    "rag.max_context_tokens": ("1001", "1002", "1003", "1004", "1005"),
    "rag.context_tokens": ("101", "102", "103", "104", "105"),
    "rag.candidates": ("1", "2", "3", "4", "5"),
    "rag.threshold": ("0.1", "0.2", "0.3", "0.4", "0.5"),
    "rag.turns": ("1", "2", "3", "4", "5"),
    "rag.turns_share": ("0.1", "0.2", "0.3", "0.4", "0.5"),
    "rag.retrieval_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "rag.model": ("a", "b", "c", "d", "e"),
    "rag.base_url": ("https://a", "https://b", "https://c", "https://d", "https://e"),
    "rag.api_key": ("sk-a", "sk-b", "sk-c", "sk-d", "sk-e"),
    "rag.max_output_tokens": ("101", "102", "103", "104", "105"),
    "rag.answer_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "rag.silence_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "rag.price_input_per_million": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "rag.price_output_per_million": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "rag.price_as_of": ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"),
    "embed.provider": ("offline", "openai", "hash", "offline", "openai"),
    "embed.model": ("a", "b", "c", "d", "e"),
    "embed.base_url": ("https://a", "https://b", "https://c", "https://d", "https://e"),
    "embed.api_key": ("sk-a", "sk-b", "sk-c", "sk-d", "sk-e"),
    "embed.dimensions": ("11", "12", "13", "14", "15"),
    "embed.glossary": ("/a", "/b", "/c", "/d", "/e"),
    "embed.price_per_million": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "embed.price_as_of": ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"),
    "embed.max_cost": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "embed.timeout_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "embed.patience_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "bench.questions": ("/a", "/b", "/c", "/d", "/e"),
    "bench.home": ("/a", "/b", "/c", "/d", "/e"),
    "bench.subjects": ("11", "12", "13", "14", "15"),
    "watch.home": ("/a", "/b", "/c", "/d", "/e"),
    "bench.rounds": ("11", "12", "13", "14", "15"),
    "bench.warm_up": ("1", "2", "3", "4", "5"),
    "bench.concurrency": ("1", "2", "3", "4", "5"),
    "bench.seed": ("1", "2", "3", "4", "5"),
    "bench.timeout_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "bench.least_subjects": ("11", "12", "13", "14", "15"),
    "bench.differing_percent": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "bench.busy_load": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "bench.goal_percent": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "cutover.runbook": ("a", "b", "c", "d", "e"),
    "cutover.home": ("/a", "/b", "/c", "/d", "/e"),
    "cutover.vars": ("site=a", "site=b", "site=c", "site=d", "site=e"),
    "cutover.window_minutes": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "cutover.notify_url": ("https://a", "https://b", "https://c", "https://d", "https://e"),
    "cutover.posthog_annotations": ("true", "false", "true", "false", "true"),
    "cutover.output_limit_mb": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "exporter.host": ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"),
    "exporter.port": ("9001", "9002", "9003", "9004", "9005"),
    "exporter.every_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "exporter.gates_minutes": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "exporter.top": ("1", "2", "3", "4", "5"),
    "terminal.refresh_seconds": ("1.5", "2.5", "3.5", "4.5", "5.5"),
    "terminal.theme": ("a", "b", "c", "d", "e"),
    "terminal.unicode": ("auto", "always", "never", "always", "auto"),
}
# Thresholds are numbers with a point, all of them.
_WATCHING = ("queries", "plans", "indexes", "health", "activity", "watch")
_THRESHOLDS = [key for key in settable() if key.partition(".")[0] in _WATCHING and key not in VALUES]
VALUES |= dict.fromkeys(_THRESHOLDS, ("20.5", "21.5", "22.5", "23.5", "24.5"))
_BARE = (
    *_THRESHOLDS,
    "migration.batch_bytes",
    "migration.sample",
    "migration.workers",
    "migration.bulk_load",
    "cutover.window_minutes",
    "cutover.output_limit_mb",
    "cutover.posthog_annotations",
    "analytics.posthog_project_id",
    "metrics.fresh_minutes",
    "metrics.refresh_when_old",
    *(f"analytics.{each}" for each in ("spool_limit_mb", "longest_text", "console_usage")),
    *(f"search.{each}_weight" for each in ("fts", "trigram", "semantic")),
    *(f"search.{each}" for each in ("limit", "fusion_k", "candidates", "ef_search", "exact_rows")),
    *(f"search.{each}" for each in ("trigram_threshold", "common_percent", "tolerance")),
    "rag.max_context_tokens",
    "rag.context_tokens",
    "rag.candidates",
    "rag.threshold",
    "rag.turns",
    "rag.turns_share",
    "rag.max_output_tokens",
    "rag.price_input_per_million",
    "rag.price_output_per_million",
    "embed.dimensions",
    "embed.price_per_million",
    "embed.max_cost",
    "bench.subjects",
    "bench.rounds",
    "bench.warm_up",
    "bench.concurrency",
    "bench.seed",
    "bench.timeout_seconds",
    "bench.least_subjects",
    "bench.differing_percent",
    "bench.busy_load",
    "bench.goal_percent",
    *(f"exporter.{each}" for each in ("port", "every_seconds", "gates_minutes", "top")),
)
SOURCES = ("file", "profile", ".env", "environment", "command line")


def _toml(key: str, text: str) -> str:
    is_bare = key == "read_only" or key.endswith("_seconds") or key in _BARE
    return f"{key.rpartition('.')[2]} = {text if is_bare else repr(text)}"


def _text(settings: Any, key: str) -> str:
    for name in key.split("."):
        settings = getattr(settings, name)
    if isinstance(settings, Secret):
        return settings.reveal()
    return str(settings).lower() if isinstance(settings, bool) else str(settings)


def test_the_matrix_below_has_every_key() -> None:
    assert set(VALUES) == set(settable())


@pytest.mark.parametrize("key", VALUES)
def test_the_highest_source_that_names_a_key_wins(place: Place, key: str) -> None:
    """All 31 combinations of the five sources."""
    section = key.rpartition(".")[0]
    variable = settable()[key].variable
    for count in range(1, 6):
        for present in itertools.combinations(range(5), count):
            table = f"[{section}]\n" if section else ""
            inner = f"[profiles.p.{section}]\n" if section else "[profiles.p]\n"
            top = table + _toml(key, VALUES[key][0]) + "\n" if 0 in present else ""
            profile = inner + _toml(key, VALUES[key][1]) + "\n" if 1 in present else "[profiles.p]\n"
            place.write(toml=top + profile, env=f"{variable}={VALUES[key][2]}\n" if 2 in present else None)
            effective = place.load(
                profile="p",
                environ={variable: VALUES[key][3]} if 3 in present else {},
                overrides={key: VALUES[key][4]} if 4 in present else {},
            )
            winner = max(present)
            if key == "environment" and winner == 0:
                winner = 1  # a profile that names no environment names its own
                assert effective.settings.environment == "p"
            else:
                assert _text(effective.settings, key) == VALUES[key][winner]
            assert effective.origins[key].source == SOURCES[winner]


def test_where_each_value_came_from(place: Place) -> None:
    place.write(
        toml="""\
terminal = { theme = "dusk" }  # inline
[mongo]
database = \"\"\"
x\"\"\"
server_selection_timeout_seconds = 7

[profiles.staging.postgres]
dsn = "postgresql://h/d"
""",
        env="# comment\n\nexport MONGO_URL='mongodb://m'\n",
    )
    effective = place.load(profile="staging", environ={"POSTHOG_API_KEY": "phc"}, overrides={"migration.sample": "7"})
    assert effective.origins["terminal.theme"] == Origin("file", "config.toml:1")
    assert effective.origins["mongo.database"] == Origin("file", "config.toml:3")
    assert effective.origins["mongo.server_selection_timeout_seconds"] == Origin("file", "config.toml:5")
    assert effective.origins["postgres.dsn"] == Origin("profile", "config.toml:8")
    assert effective.origins["environment"] == Origin("profile", "config.toml:7")
    assert effective.origins["mongo.url"] == Origin(".env", ".env:3")
    assert effective.origins["analytics.posthog_api_key"] == Origin("environment", "POSTHOG_API_KEY")
    assert effective.origins["migration.sample"] == Origin("command line", "command line")
    assert effective.origins["terminal.unicode"] == Origin("default", "built in")
    assert effective.files == (place.folder / ".env", place.folder / "config.toml")
    assert effective.profile == "staging"


@pytest.mark.parametrize("name", APPLICATION_VARIABLES)
def test_the_applications_names_work_and_the_consoles_own_win(place: Place, name: str) -> None:
    key = APPLICATION_VARIABLES[name]
    first, second = VALUES[key][:2]
    assert _text(place.load(environ={name: first}).settings, key) == first
    own = settable()[key].variable
    both = place.load(environ={own: second, name: first})
    assert _text(both.settings, key) == second
    assert both.origins[key].where == own
    place.write(env=f"{own}={second}\n{name}={first}\n")
    assert _text(place.load().settings, key) == second


def test_an_empty_variable_counts_as_one_that_is_not_set(place: Place) -> None:
    place.write(env="MONGO_URL=mongodb://from-env-file\nPOSTHOG_API_KEY=\n")
    effective = place.load(environ={"MONGO_URL": "", "POSTGRES_DSN": "", "DEVORA_CONSOLE_PROFILE": ""})
    assert _text(effective.settings, "mongo.url") == "mongodb://from-env-file"
    assert effective.settings.postgres.dsn is None
    assert effective.settings.analytics.posthog_api_key is None


def test_which_profile(place: Place) -> None:
    place.write(
        toml='default_profile = "a"\n[profiles.a]\n[profiles.b]\n[profiles.c]\n[profiles.d]\n',
        env="DEVORA_CONSOLE_PROFILE=b\n",
    )
    assert place.load().profile == "b"
    assert place.load(environ={"DEVORA_CONSOLE_PROFILE": "c"}).profile == "c"
    assert place.load(environ={"DEVORA_CONSOLE_PROFILE": "c"}, profile="d").profile == "d"
    (place.folder / ".env").unlink()
    assert place.load().profile == "a"
    assert place.load().settings.environment == "a"


def test_which_file(place: Place) -> None:
    def theme(**named: Any) -> str:
        effective: Effective = place.load(**named)
        return effective.settings.terminal.theme

    assert theme() == "auto"
    for name in ("home/config/config.toml", "config.toml", "env.toml", "named.toml"):
        path = place.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'terminal.theme = "{path.stem if path.stem != "config" else path.parent.name}"')
    assert theme() == place.folder.name
    assert theme(environ={"DEVORA_CONSOLE_CONFIG": "env.toml"}) == "env"
    assert theme(environ={"DEVORA_CONSOLE_CONFIG": "env.toml"}, config_file=Path("named.toml")) == "named"
    (place.folder / "config.toml").unlink()
    assert theme() == "config"
    place.write(env="DEVORA_CONSOLE_CONFIG=env.toml\n")
    assert theme() == "env"


def test_a_mapping_is_found_beside_the_file_that_names_it(place: Place) -> None:
    (place.folder / "team").mkdir()
    (place.folder / "team" / "c.toml").write_text('migration.mapping = "m.toml"')
    in_file = place.load(config_file=Path("team/c.toml"))
    assert in_file.settings.migration.mapping == place.folder / "team" / "m.toml"
    given = place.load(config_file=Path("team/c.toml"), overrides={"migration.mapping": "m.toml"})
    assert given.settings.migration.mapping == place.folder / "m.toml"


@pytest.mark.parametrize("name", ["production", "prod", "Production"])
def test_production_is_read_only(place: Place, name: str) -> None:
    place.write(toml=f"[profiles.{name}]\n[profiles.live]\nenvironment = '{name}'\n[profiles.x]\n")
    for effective in (
        place.load(profile=name),
        place.load(profile="live"),
        place.load(profile="x", environ={"ENVIRONMENT": name}),
        # A stray variable does not make a production profile harmless.
        place.load(profile=name, environ={"ENVIRONMENT": "development"}),
        place.load(profile="live", overrides={"environment": "development"}),
    ):
        assert effective.settings.read_only
        assert effective.settings.production
        assert effective.origins["read_only"] == Origin("default", "production is read-only")
    assert not place.load(profile="x").settings.read_only
    assert place.load(profile="x", overrides={"read_only": "true"}).settings.read_only
    assert place.load(profile=name, overrides={"read_only": "true"}).settings.read_only


def test_a_profile_that_is_overruled_is_a_warning(place: Place) -> None:
    place.write(
        toml="[profiles.staging.postgres]\ndsn = 'postgresql://u:hunter22@staging/d'\n",
        env="POSTGRES_DSN=postgresql://u:hunter33@other/d\n",
    )
    effective = place.load(profile="staging")
    assert [str(problem) for problem in effective.problems] == [
        "config.toml:2: postgres.dsn: profile 'staging' sets it too; .env:1 wins. "
        "Unset the variable if the profile is meant"
    ]
    assert place.load(profile="staging", overrides={"postgres.dsn": "postgresql://x/y"}).problems == ()


def test_libpqs_own_variables_stand_in_for_the_dsn(place: Place) -> None:
    for name in ("PGHOST", "PGSERVICE", "PGDATABASE"):
        effective = place.load(environ={name: "x"})
        assert effective.settings.postgres.dsn is None
        assert effective.settings.postgres.from_libpq
        assert effective.origins["postgres.from_libpq"] == Origin("environment", name)
    assert not place.load(environ={"PGHOST": "x", "POSTGRES_DSN": "postgresql://h/d"}).settings.postgres.from_libpq
    assert not place.load().settings.postgres.from_libpq


def test_the_process_itself_is_the_default(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(place.folder / "home"))
    monkeypatch.setenv("DEVORA_CONSOLE__TERMINAL__THEME", "mine")
    place.write(env="DEVORA_CONSOLE__MIGRATION__SAMPLE=12\n")
    effective = load()
    assert effective.settings.terminal.theme == "mine"
    assert effective.settings.migration.sample == 12
