"""The services behind the terminal door, on real servers, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.core.console import OverviewLine, Verdict
from devora_console.core.guard import Guard
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration import dry_runs
from devora_console.migration.progress import MigrationSnapshot, Phase, State, Wishes
from devora_console.migration.steering import wish
from devora_console.postgres.connect import connection
from devora_console.services import ConsoleServices, build_services
from tests.cli.conftest import filled, target  # noqa: F401 - fixtures
from tests.eventually import eventually

_ENDED = (State.DONE, State.FAILED, State.STOPPED)
Build = Callable[..., ConsoleServices]


@pytest.fixture
def build(
    target: Dsn,  # noqa: F811 - the fixtures above
    filled: dict[str, str],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Build]:
    """Services of a filled source and an empty target; stopped afterwards."""
    made: list[ConsoleServices] = []
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path))  # what a job keeps goes there, too

    def go(*, read_only: bool = False, **more: str) -> ConsoleServices:
        effective = load(
            overrides={
                "postgres.dsn": target.reveal(),
                "mongo.url": filled["MONGO_URL"],
                "mongo.database": filled["DB_NAME"],
                "terminal.refresh_seconds": "0.25",
                **more,
            },
            environ={"DEVORA_CONSOLE_HOME": str(tmp_path)},
            cwd=tmp_path,
        )
        services = build_services(effective, Guard(production=False, read_only=read_only, allow_writes=False))
        made.append(services)
        return services

    yield go
    for services in made:
        services.loop.call(services.stop(), 10)
        services.loop.close()


def ended(services: ConsoleServices) -> bool:
    """Wait for the job under way."""
    return eventually(lambda: services.migration().state in _ENDED, 60)


def test_the_whole_way_is_shown_and_remembered(build: Build) -> None:
    services = build()
    woken: set[str] = set()
    leave = services.subscribe(woken.add)
    services.loop.call(services.start_watching())
    assert eventually(lambda: services.header().postgres.link == "ok" and services.header().mongo.link == "ok")
    assert eventually(lambda: "Next: run a dry run" in services.overview().headline)

    services.loop.call(services.dry_run())
    assert ended(services)
    dry = services.migration()
    assert dry.state is State.DONE
    assert dry.quarantine
    (kept,) = dry_runs.kept(dry_runs.folder())
    assert (kept.mapping_hash, kept.problem) == (dry.mapping_hash, "")
    item = next(each for each in dry.quarantine if each.collection == "users")
    document = services.loop.call(services.quarantine_document(item.collection, item.source_id))
    assert '"hashed_password": "<redacted>"' in document
    name = services.execute_preview().type_name
    assert f"{sum(each.migrated for each in dry.collections)} documents" in services.execute_preview().consequence

    with pytest.raises(ConsoleError) as wrong:
        services.loop.call(services.execute("another name"))
    assert wrong.value.exit_code is ExitCode.REFUSED
    services.loop.call(services.execute(name))
    assert ended(services)
    assert services.migration().quarantine_rules == dry.quarantine_rules
    services.loop.call(services.verify())
    assert ended(services)
    verdict = services.migration().verification
    assert verdict is not None
    assert verdict.ok
    assert len(services.loop.call(services.quarantine())) == sum(dry.quarantine_rules.values())
    assert eventually(lambda: services.overview().headline.startswith("Copied and verified"))
    assert {"header", "overview", "migration"} <= woken
    leave()


def test_one_job_at_a_time_and_stop_is_seen_at_once(build: Build) -> None:
    services = build()
    services.loop.call(services.dry_run())
    with pytest.raises(ConsoleError) as busy:
        services.loop.call(services.verify())
    assert busy.value.exit_code is ExitCode.REFUSED
    services.loop.call(services.stop_migration())
    assert services.migration().state in (State.STOPPING, State.STOPPED)
    assert ended(services)
    assert services.migration().state is State.STOPPED


def test_a_copy_is_steered_from_here_and_from_another_terminal(build: Build) -> None:
    services = build(**{"migration.bulk_load": "true"})
    heard: list[MigrationSnapshot] = []
    services.subscribe(lambda kind: heard.append(services.migration()) if kind == "migration" else None)
    schemas: list[OverviewLine] = []
    services.subscribe(lambda kind: schemas.extend(each for each in services.overview().lines if each.id == "schema"))
    services.loop.call(services.start_watching())

    def elsewhere(**wanted: object) -> None:
        async def go() -> None:
            async with connection(services._target.dsn(), purpose="test", read_only=False) as conn:
                await wish(conn, **wanted)

        services.loop.call(go(), 10)

    with pytest.raises(ConsoleError) as nothing:
        services.loop.call(services.throttle(1_000.0, None, None))
    assert nothing.value.exit_code is ExitCode.REFUSED
    services.loop.call(services.execute(services.execute_preview().type_name))
    services.loop.call(services.throttle(2.0, 1, 20_000))
    assert services.migration().wishes == Wishes(False, 2.0, 1, 20_000)
    assert eventually(lambda: "at most 2 rows/s" in services.migration().throttled_by, 20)

    elsewhere(paused=True)
    assert eventually(lambda: services.migration().wishes == Wishes(True, 2.0, 1, 20_000), 20)

    def lifted() -> bool:
        services.loop.call(services.throttle(None, None, None))
        return services.migration().state is State.PAUSED

    assert eventually(lifted, 20)
    services.loop.call(services.resume())
    assert services.migration().state is not State.PAUSED
    assert ended(services)
    assert services.migration().state is State.DONE
    assert services.migration().bulk is True
    # Of the survey, what is refused and what is converted is told as it goes, and ends as the ledger has it.
    last = heard[-1]
    early = [each for each in heard if each.phase is Phase.SURVEY and each.conversions]
    assert early
    assert all(early[0].conversions[rule] <= last.conversions.get(rule, 0) for rule in early[0].conversions)
    assert {each.phase for each in last.phases} >= {Phase.WRITE, Phase.INDEXES, Phase.CONSTRAINTS, Phase.ANALYZE}
    # What the copy has set aside is no drift, and is compared anew when it is back.
    assert eventually(lambda: "0 drift" in schemas[-1].text, 20)
    assert not [each for each in schemas if each.verdict is Verdict.FAIL]
    # It is aside in the copy already, before any phase says so by its name.
    assert all(each.bulk for each in heard if each.phase is Phase.WRITE)


def test_read_only_refuses_although_the_name_is_typed(build: Build) -> None:
    services = build(read_only=True)
    assert services.read_only
    with pytest.raises(ConsoleError) as refused:
        services.loop.call(services.execute(services.execute_preview().type_name))
    assert refused.value.exit_code is ExitCode.REFUSED
    assert services.migration().state is State.IDLE


def test_a_defect_ends_the_run_on_the_screen_too(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    services = build()

    def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("devora_console.migration.survey.decide", broken)
    services.loop.call(services.dry_run())
    assert ended(services)
    snapshot = services.migration()
    assert snapshot.state is State.FAILED
    assert snapshot.problem is not None
    assert "ZeroDivisionError" in snapshot.problem.message
