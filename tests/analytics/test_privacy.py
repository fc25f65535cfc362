"""What may be said of an event: closed by default, and nothing that looks like a secret or a person."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

from devora_console.analytics.events import ERRORS, EventType, Group, allowed, known
from devora_console.analytics.privacy import NO_MAPPING, OTHERS, Dropped, Privacy, event_name, person

WORDS = "where did my invoice go"


def _kept(given: object, event: str = "chat_message_sent", **rules: object) -> tuple[dict[str, object], dict[str, int]]:
    dropped = Dropped()
    return {**Privacy(**rules).kept(event, given, dropped)}, dropped.properties  # type: ignore[arg-type]


def test_the_guide_s_properties_pass_and_the_project_s_name_when_listed() -> None:
    said = {"project_id": UUID(int=1), "project_type": "web", "contexts_used": 3, "retrieval_time_ms": 41.5}
    kept, gone = _kept({**said, "project_name": "Boutique"}, "project_created")
    assert kept == {**said, "project_id": str(UUID(int=1))}
    assert gone == {"project_name": 1}
    kept, gone = _kept({"project_name": "Boutique"}, "project_created", more=frozenset({"project_name"}))
    assert (kept, gone) == ({"project_name": "Boutique"}, {})


@pytest.mark.parametrize(
    "name", ["query", "query_text", "message", "content", "dsn", "email", "password", "prompt", "q"]
)
def test_no_event_says_what_people_wrote(name: str) -> None:
    for event in EventType:
        assert name not in allowed(event)
        assert _kept({name: WORDS}, event) == ({}, {name: 1})


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://u:p@h/d",
        "ana@devora.example",
        "phc_abcdefgh12345",
        "sk-abcdefgh12345",
        "Bearer abc",
        "x" * 201,
        float("nan"),
        float("inf"),
        2**60,
        [1],
        {"a": 1},
        b"x",
        object(),
        Decimal("NaN"),
    ],
)
def test_a_listed_name_does_not_let_everything_through(value: object) -> None:
    assert _kept({"project_type": value}) == ({}, {"project_type": 1})


def test_values_become_plain() -> None:
    class Plan(Enum):
        PRO = "pro"

    said = {"plan": Plan.PRO, "cost_usd": Decimal("0.10"), "success": True, "source": "a\x00b\ud800", "model": None}
    assert _kept(said)[0] == {"plan": "pro", "cost_usd": "0.10", "success": True, "source": "a␀b\ufffd"}


def test_hostile_names_are_counted_and_not_repeated() -> None:
    given = {f"n{at}": 1 for at in range(300)} | {"\x1b[31m": 1, 5: 1}
    _, gone = _kept(given)
    assert sum(gone.values()) == 302
    assert len(gone) <= 202
    assert gone[OTHERS] > 0
    assert not any("\x1b" in name for name in gone)
    assert _kept("no mapping")[1] == {NO_MAPPING: 1}


def test_events_and_people() -> None:
    assert event_name(EventType.PROJECT_CREATED) == "project_created"
    assert event_name("our own event") == "our own event"
    assert [event_name(bad) for bad in ("", "x" * 300, "a\nb", 5, None)] == [None] * 5
    assert person("ana@devora.example") == person("ana@devora.example") != person("bob@devora.example")
    assert "@" not in str(person("ana@devora.example"))
    assert [person(bad) for bad in (None, True, "  ", object())] == [None] * 4


def test_the_catalogue_is_whole() -> None:
    assert {event.group for event in EventType} == {*Group}
    assert all(event.meaning and event.value == event.name.lower() for event in EventType)
    assert known("api_error") in ERRORS
    assert known("of our own") is None


@pytest.mark.parametrize(
    "value",
    [
        "/search?q=where+did+my+invoice+go",
        "host=db user=devora password=hunter2",
        "ana%40devora.example",
        "bearer abcdef",
        "github_pat_11ABCDEFG0abcdefgh",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghij",
        "glpat-abcdefgh12345",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
)
def test_addresses_and_keys_pass_nowhere(value: str) -> None:
    """Neither as a value, nor as who it was, nor as an event's name or a property's."""
    assert _kept({"route": value}, "api_error") == ({}, {"route": 1})
    assert value not in str(person(value))
    assert event_name(value) is None
    assert value not in str(_kept({value: 1}))


@pytest.mark.parametrize(
    "value", ["/api/projects/17", "gpt-4o-mini", "fr-FR", "sk", "web (beta)", "2026-03-01T12:00:00+00:00", "a=b"]
)
def test_what_is_no_secret_passes(value: str) -> None:
    assert _kept({"source": value}) == ({"source": value}, {})
