"""The generated source: the same for the same seed, exactly as large as promised, plausible inside."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import bson
import pytest

from devora_console.demo.data import Scale, generate, ids, truth
from devora_console.demo.data.generator import documents_of
from devora_console.demo.data.plan import Plan

Source = dict[str, list[dict[str, Any]]]

_DIGEST = """
import hashlib, bson
from devora_console.demo.data import Scale, generate
digest = hashlib.sha256()
for collection, batch in generate(Scale.SMALL, 11):
    for document in batch:
        digest.update(collection.encode() + bson.encode(document))
print(digest.hexdigest())
"""


def _collected(seed: int) -> Source:
    source: Source = {}
    for collection, batch in generate(Scale.SMALL, seed):
        source.setdefault(collection, []).extend(batch)
    return source


@pytest.fixture(scope="module")
def small() -> Source:
    return _collected(1)


def _digest(seed: int) -> str:
    digest = hashlib.sha256()
    for collection, batch in generate(Scale.SMALL, seed):
        for document in batch:
            digest.update(collection.encode() + bson.encode(document))
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_any_process() -> None:
    here = _digest(11)
    for hash_seed in ("0", "4242"):
        other = subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "America/Montreal"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert other.stdout.strip() == here
    assert _digest(12) != here


def test_another_last_day_moves_every_moment_by_whole_days() -> None:
    """Whatever is a moment, BSON or text, or holds one."""
    until = ids.LAST_DAY.date() + timedelta(days=363)
    moved = [*documents_of(Plan(Scale.SMALL, 1, until))]
    moments = 0
    for (collection, before), (_, after) in zip(generate(Scale.SMALL, 1), moved, strict=True):
        for one, other in zip(before, after, strict=True):
            pairs = [(key, value, other[key]) for key, value in one.items() if value != other[key]]
            moments += len(pairs)
            for key, old, new in pairs:
                assert type(old) is type(new)
                if isinstance(old, datetime):
                    assert new - old == timedelta(days=363), (collection, key)
                elif isinstance(old, str) and key != "_id":
                    assert datetime.fromisoformat(new) - datetime.fromisoformat(old) == timedelta(days=363)
            assert max(_moments(other), default=ids.FIRST_DAY) < datetime(2026, 11, 29, tzinfo=UTC)
    assert moments > 2_000


def _moments(document: dict[str, Any]) -> Iterator[datetime]:
    for name in ("created_at", "updated_at", "paid_at", "timestamp"):
        value = document.get(name)
        with suppress(ValueError, TypeError):
            found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            yield found.replace(tzinfo=UTC) if found.tzinfo is None else found


def test_the_small_source_has_exactly_the_promised_size(small: Source) -> None:
    assert {name: len(small[name]) for name in ("users", "projects", "conversations", "invoices")} == {
        "users": 150,
        "projects": 342,
        "conversations": 89,
        "invoices": 45,
    }
    assert sum(len(c["messages"]) for c in small["conversations"]) == 1247
    assert len(small["settings"]) == len(small["system_config"]) == 1
    assert small["system_config"][0]["id"] == "system_config"


@pytest.mark.parametrize("seed", [0, 3, 2**40, -5])
def test_any_seed_gives_the_promised_number_of_messages(seed: int) -> None:
    conversations = _collected(seed)["conversations"]
    assert sum(len(c["messages"]) for c in conversations) == 1247


def test_ids_ascend_and_repeat_only_where_planted(small: Source) -> None:
    for collection, documents in small.items():
        ids = [document["_id"] for document in documents]
        assert ids == sorted(set(ids)), collection
        repeated = len(documents) - len({document["id"] for document in documents})
        assert repeated == (1 if collection == "projects" else 0), collection
    assert len({u["email"].lower() for u in small["users"]}) == 148
    customers = [u["stripe_customer_id"] for u in small["users"] if u["stripe_customer_id"]]
    assert len(customers) == len(set(customers))
    messages = [m["id"] for c in small["conversations"] for m in c["messages"] if "id" in m]
    assert len(messages) - len(set(messages)) == 2


def test_every_moment_lies_in_the_period_and_agrees_with_the_id(small: Source) -> None:
    first, last = datetime(2024, 3, 1, tzinfo=UTC), datetime(2025, 11, 30, tzinfo=UTC)
    for documents in small.values():
        for document in documents:
            made = document["_id"].generation_time
            for key in ("created_at", "updated_at"):
                if key in document:
                    assert first <= _moment(document[key]) <= last
            if "created_at" in document:
                assert abs((_moment(document["created_at"]) - made).total_seconds()) < 1
            for message in document.get("messages", ()):
                assert made <= _moment(message["timestamp"]) <= last


def test_references_point_back_in_time(small: Source) -> None:
    users = {u["id"]: u["_id"].generation_time for u in small["users"]}
    for document in [*small["projects"], *small["invoices"]]:
        if document.get("user_id") in users:
            assert users[document["user_id"]] <= document["_id"].generation_time


def test_the_shapes_are_those_of_the_application(small: Source) -> None:
    ordinary = next(p for p in small["projects"] if isinstance(p["created_at"], str))
    assert list(ordinary) == [
        "_id", "id", "name", "description", "files", "conversation_history", "conversation_id",
        "github_repo_url", "vercel_url", "project_type", "user_id", "created_at", "updated_at",
    ]  # fmt: skip
    assert {tuple(f) for p in small["projects"] for f in _files(p)} == {("name", "content", "language")}
    assert {tuple(h) for p in small["projects"] for h in p["conversation_history"]} == {("role", "content")}
    assert {tuple(c) for c in small["conversations"]} == {
        ("_id", "id", "title", "messages", "created_at", "updated_at")
    }
    assert {type(u["created_at"]) for u in small["users"] if "created_at" in u} == {str, datetime}
    for user in small["users"]:
        assert re.fullmatch(r"\$2b\$12\$[./A-Za-z0-9]{53}", user["hashed_password"])
        assert (uuid := UUID(user["id"])).version == 4
        assert str(uuid) == user["id"]
    share = sum(isinstance(p["created_at"], datetime) for p in small["projects"]) / 342
    assert 0.22 < share < 0.38


def test_conversations_read_like_french_product_talk(small: Source) -> None:
    texts = list(_texts(small))
    everything = "\n".join(texts)
    assert not re.findall(r"\{\w*(?:metier|chose|ville|couleur|delai|prix)\w*\}", everything)
    assert len(set(texts)) > 0.7 * len(texts)
    for word in (
        "Stripe", "panier", "référencement", "réservation", "géolocalisation", "tableau de bord", "mémoire",
        "Vercel", "RGPD", "traduction", "lecteur d'écran", "mot de passe", "courriel", "hors ligne",
        "PostgreSQL", "Docker", "facture", "accessibilité", "notifications", "pagination", "sauvegarde",
    ):  # fmt: skip
        assert everything.lower().count(word.lower()) >= 3, word
    assert re.search(r"[🙂🚀👍🙏😅🎉🤔✨]", everything)
    assert everything.count("```") % 2 == 0
    assert everything.count("```python") > 10
    languages = Counter(f["language"] for p in small["projects"] for f in _files(p))
    assert languages.keys() >= {
        "html",
        "css",
        "jsx",
        "python",
        "sql",
        "dockerfile",
        "markdown",
        "yaml",
        "json",
    }


def test_conversations_take_turns_and_share_the_subject_of_their_project(small: Source) -> None:
    by_id = {c["id"]: c for c in small["conversations"]}
    linked = 0
    for project in small["projects"]:
        conversation = by_id.get(project["conversation_id"])
        if conversation and project["name"] and conversation["messages"]:
            opening = next(m["content"] for m in conversation["messages"] if m["role"] == "user")
            linked += project["name"].lower() in opening.lower()
    assert linked > 60  # typing errors and the second project of a shared conversation keep some apart
    for conversation in small["conversations"]:
        roles = [m["role"] for m in conversation["messages"] if m["role"] != "system"]
        assert roles[::2] == ["user"] * len(roles[::2])


@pytest.mark.parametrize("scale", [Scale.MEDIUM, Scale.LARGE])
def test_a_large_source_starts_at_once_and_comes_in_batches(scale: Scale) -> None:
    for collection, batch in islice(generate(scale, 1), 4):
        assert collection == "users"
        assert len(batch) == 500


def test_the_medium_source_keeps_its_proportions() -> None:
    medium = truth(Scale.MEDIUM, 1)
    assert medium.collections["conversations"].embedded == {"messages": 200_000}
    documents = sum(c.documents for c in medium.collections.values())
    quarantined = sum(c.fates["quarantined"] for c in medium.collections.values())
    assert 0.02 < quarantined / documents < 0.08
    assert all(len(a.source_ids) == min(a.count, 1_000) for a in medium.anomalies)


def _texts(source: Source) -> Iterator[str]:
    for conversation in source["conversations"]:
        yield from (m["content"] for m in conversation["messages"] if m["content"])
    for project in source["projects"]:
        yield project["description"] or ""
        yield from (h["content"] for h in project["conversation_history"])


def _files(project: dict[str, Any]) -> list[dict[str, Any]]:
    files = project.get("files") or []
    return [files] if isinstance(files, dict) else files


def _moment(value: str | datetime) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
