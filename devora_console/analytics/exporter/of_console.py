"""Metrics of the exporter itself and of whether the servers answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devora_console.analytics.exporter.family import About, Family, Values
from devora_console.analytics.exporter.samples import Console, Server
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown

if TYPE_CHECKING:
    from devora_console.mongo.facts import MongoFacts
    from devora_console.postgres.facts import PostgresFacts


def _up(servers: tuple[Server, ...], _: About) -> Values:
    return {(each.name,): int(each.up) for each in servers}


def _about(console: Console, _: About) -> Values:
    return {(console.version, one_line(console.environment, 63), one_line(console.database, 63)): 1}


def _documents(facts: MongoFacts, _: About) -> Values:
    if isinstance(facts.collections, Unknown):
        return facts.collections
    counts = [each.documents for each in facts.collections]
    missing = next((each for each in counts if isinstance(each, Unknown)), None)
    return missing or sum(each for each in counts if not isinstance(each, Unknown))


def _quarantine(facts: PostgresFacts, _: About) -> Values:
    return facts.console if isinstance(facts.console, Unknown) else facts.console.quarantine_open


FAMILIES = (
    Family(
        "up",
        "Whether the server answers the console: 1, or 0 while it is away.",
        "servers",
        "the console's own connections",
        _up,
        ("server",),
    ),
    Family(
        "info",
        "Always 1: which console, and what it looks at.",
        "console",
        "the settings",
        _about,
        ("version", "environment", "database"),
    ),
    Family(
        "start_time_seconds",
        "When this exporter began, in seconds since the epoch.",
        "console",
        "its clock",
        lambda console, _: console.started.timestamp(),
    ),
    Family(
        "server_start_time_seconds",
        "When PostgreSQL was started, by its own clock, in seconds since the epoch.",
        "facts",
        "pg_postmaster_start_time()",
        lambda facts, _: facts.started_at.timestamp(),
    ),
    Family(
        "database_size_bytes",
        "Size of the database.",
        "facts",
        "pg_database_size()",
        lambda facts, _: facts.size_bytes,
    ),
    Family(
        "quarantine_open_documents",
        "Documents in quarantine that are neither mended nor waived.",
        "facts",
        "devora_console.quarantine",
        _quarantine,
    ),
    Family(
        "source_documents",
        "Documents in the source, by the server's estimate.",
        "source",
        "MongoDB's collection statistics",
        _documents,
    ),
    Family(
        "source_size_bytes",
        "Size of the source's documents, uncompressed.",
        "source",
        "MongoDB's dbStats.dataSize",
        lambda facts, _: facts.size_bytes,
    ),
)
