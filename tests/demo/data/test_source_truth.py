"""The truth about a generated source, recounted from its documents by code that knows nothing of the plan."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from devora_console.core.snapshot import to_json
from devora_console.demo.data import Scale, SourceTruth, generate, truth

Document = dict[str, Any]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KNOWN_STATUS = {"inactive", "active", "canceled", "past_due", "trialing"}
_STRIPE_STATUS = {"incomplete", "incomplete_expired", "unpaid", "paused"}
_USER_FIELDS = {
    "_id", "id", "email", "hashed_password", "full_name", "is_active", "is_admin", "stripe_customer_id",
    "subscription_status", "subscription_id", "current_period_end", "created_at", "updated_at",
}  # fmt: skip


@dataclass(frozen=True)
class Recount:
    """The source's documents with the few lookups that judging them needs."""

    documents: dict[str, list[Document]]
    found: dict[tuple[str, str], list[str]]

    def note(self, collection: str, name: str, test: Callable[[Document], bool]) -> set[Any]:
        """Note which documents pass ``test`` under ``name``; return their ``_id``s."""
        hits = [d["_id"] for d in self.documents[collection] if test(d)]
        self.found[(collection, name)] = [str(hit) for hit in hits]
        return set(hits)


@pytest.fixture(scope="module", params=[1, 7, 20240301, -3, 2**70])
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def planted(seed: int) -> SourceTruth:
    return truth(Scale.SMALL, seed)


@pytest.fixture(scope="module")
def recount(seed: int) -> Recount:
    documents: dict[str, list[Document]] = defaultdict(list)
    for collection, batch in generate(Scale.SMALL, seed):
        documents[collection].extend(batch)
    return Recount(documents, {})


def _later_ones(documents: list[Document], key: Callable[[Document], Any]) -> set[Any]:
    """``_id``s of the documents whose key an older document already has."""
    seen: set[Any] = set()
    later: set[Any] = set()
    for document in sorted(documents, key=lambda d: d["_id"]):
        if key(document) in seen:
            later.add(document["_id"])
        seen.add(key(document))
    return later


def _text(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.search(pattern, value) is not None


_NAIVE = r"T\d\d:\d\d:\d\d\.\d{6}$"
_OFFSET = r"\+02:00$"
_HOSTILE = "[\x1b\u202e]|\\[bold red]"


def _judge_users(r: Recount) -> set[Any]:
    """Note the users' anomalies; return the ``_id``s of the quarantined."""
    variants = _later_ones(r.documents["users"], lambda u: u["email"].lower())
    r.note("users", "email_case_variant", lambda u: u["_id"] in variants)
    r.note("users", "status_stripe_outside", lambda u: u["subscription_status"] in _STRIPE_STATUS)
    known = _KNOWN_STATUS | _STRIPE_STATUS
    odd = r.note("users", "status_unknown", lambda u: u["subscription_status"] not in known)
    r.note("users", "is_admin_missing", lambda u: "is_admin" not in u)
    r.note("users", "created_at_missing", lambda u: "created_at" not in u)
    r.note("users", "updated_at_missing", lambda u: "updated_at" not in u)
    r.note("users", "created_at_bson_date", lambda u: isinstance(u.get("created_at"), datetime))
    r.note("users", "created_at_naive", lambda u: _text(u.get("created_at"), _NAIVE))
    r.note("users", "created_at_offset", lambda u: _text(u.get("created_at"), _OFFSET))
    r.note("users", "extra_fields", lambda u: bool(u.keys() - _USER_FIELDS))
    r.note("users", "hostile_name", lambda u: _text(u["full_name"], _HOSTILE))
    return variants | odd


def _judge_projects(r: Recount, bad_users: set[Any]) -> set[Any]:
    users = {u["id"]: u["_id"] for u in r.documents["users"]}
    conversations = {c["id"] for c in r.documents["conversations"]}
    later = _later_ones(r.documents["projects"], lambda p: p["id"])
    bad = r.note("projects", "orphan_user", lambda p: "user_id" in p and p["user_id"] not in users)
    bad |= r.note("projects", "user_id_missing", lambda p: "user_id" not in p)
    bad |= r.note("projects", "id_not_uuid", lambda p: not _UUID.fullmatch(p["id"]))
    bad |= r.note("projects", "id_duplicate", lambda p: p["_id"] in later)
    bad |= r.note("projects", "name_null", lambda p: p["name"] is None)
    bad |= r.note("projects", "name_empty", lambda p: p["name"] == "")
    bad |= r.note("projects", "name_too_long", lambda p: len(p["name"] or "") > 500)
    bad |= r.note("projects", "owner_quarantined", lambda p: users.get(p.get("user_id")) in bad_users)
    r.note("projects", "files_null", lambda p: p.get("files", ()) is None)
    r.note("projects", "files_missing", lambda p: "files" not in p)
    r.note("projects", "files_scalar", lambda p: isinstance(p.get("files"), dict))
    r.note("projects", "file_content_null", lambda p: any(f["content"] is None for f in _files(p)))
    r.note("projects", "same_name_files", lambda p: len({f["name"] for f in _files(p)}) < len(_files(p)))
    r.note(
        "projects",
        "conversation_dangling",
        lambda p: p["conversation_id"] is not None and p["conversation_id"] not in conversations,
    )
    r.note(
        "projects",
        "created_at_bson_date",
        lambda p: isinstance(p["created_at"], datetime) and p["_id"] not in bad,
    )
    r.note("projects", "conversation_history", lambda p: "conversation_history" in p and p["_id"] not in bad)
    return bad


def _judge_conversations(r: Recount, bad_projects: set[Any]) -> set[Any]:
    naming: dict[str, list[Document]] = defaultdict(list)
    for project in r.documents["projects"]:
        naming[project["conversation_id"]].append(project)

    def owners(c: Document) -> int:
        return len({p["user_id"] for p in naming[c["id"]]})

    bad = r.note("conversations", "unlinked", lambda c: not naming[c["id"]])
    bad |= r.note("conversations", "two_owners", lambda c: owners(c) == 2)
    bad |= r.note("conversations", "bad_role", lambda c: any(m["role"] == "tool" for m in c["messages"]))
    bad |= r.note("conversations", "content_null", lambda c: any(m["content"] is None for m in c["messages"]))
    bad |= r.note(
        "conversations",
        "project_quarantined",
        lambda c: bool(naming[c["id"]]) and all(p["_id"] in bad_projects for p in naming[c["id"]]),
    )
    r.note("conversations", "same_owner_twice", lambda c: len(naming[c["id"]]) == 2 and owners(c) == 1)
    r.note("conversations", "owner_derived", lambda c: len(naming[c["id"]]) == 1 and c["_id"] not in bad)
    _judge_messages(r)
    bad_ids = {c["id"] for c in r.documents["conversations"] if c["_id"] in bad}
    r.note(
        "projects",
        "conversation_quarantined",
        lambda p: p["conversation_id"] in bad_ids and p["_id"] not in bad_projects,
    )
    return bad


def _judge_messages(r: Recount) -> None:
    def some(name: str, test: Callable[[Document], bool]) -> None:
        r.note("conversations", name, lambda c: any(test(m) for m in c["messages"]))

    some("nul_in_content", lambda m: "\x00" in (m["content"] or ""))
    some("hostile_content", lambda m: _text(m["content"], _HOSTILE))
    some("message_id_missing", lambda m: "id" not in m)
    some("timestamp_naive", lambda m: _text(m["timestamp"], _NAIVE))
    some("timestamp_offset", lambda m: _text(m["timestamp"], _OFFSET))
    some("timestamp_bson_date", lambda m: isinstance(m["timestamp"], datetime))
    r.note("conversations", "messages_empty", lambda c: c["messages"] == [])

    def repeated(c: Document) -> bool:
        ids = [m["id"] for m in c["messages"] if "id" in m]
        return len(set(ids)) < len(ids)

    def disordered(c: Document) -> bool:
        times = [m["timestamp"] for m in c["messages"]]
        plain = [t for t in times if _text(t, r"\+00:00$")]
        return plain != sorted(plain)

    r.note("conversations", "message_id_duplicate", repeated)
    r.note("conversations", "messages_disordered", disordered)


def _judge_invoices(r: Recount) -> set[Any]:
    users = {u["id"] for u in r.documents["users"]}
    later = _later_ones(r.documents["invoices"], lambda i: i["stripe_invoice_id"])
    bad = r.note("invoices", "redelivered", lambda i: i["_id"] in later)
    bad |= r.note("invoices", "negative", lambda i: isinstance(i["amount"], float) and i["amount"] < 0)
    bad |= r.note("invoices", "currency_too_long", lambda i: len(i["currency"]) > 3)
    bad |= r.note("invoices", "orphan_user", lambda i: i["user_id"] not in users)
    r.note("invoices", "amount_text", lambda i: isinstance(i["amount"], str))
    r.note(
        "invoices",
        "float_noise",
        lambda i: isinstance(i["amount"], float) and len(repr(i["amount"]).partition(".")[2]) > 2,
    )
    return bad


def _files(project: Document) -> list[Document]:
    files = project.get("files") or []
    return [files] if isinstance(files, dict) else files


def test_a_recount_finds_exactly_what_was_planted(planted: SourceTruth, recount: Recount) -> None:
    bad: dict[str, set[Any]] = {"users": _judge_users(recount), "invoices": _judge_invoices(recount)}
    bad["projects"] = _judge_projects(recount, bad["users"])
    bad["conversations"] = _judge_conversations(recount, bad["projects"])
    recount.note("settings", "global_settings", lambda _: True)

    told = {(a.collection, a.name): list(a.source_ids) for a in planted.anomalies}
    assert recount.found == told

    for name, collection in planted.collections.items():
        assert collection.documents == len(recount.documents[name])
        assert collection.fates["quarantined"] == len(bad.get(name, ())), name
    for name, refused in bad.items():
        blamed = [a for a in planted.anomalies if (a.collection, a.fate) == (name, "quarantined")]
        assert {i for a in blamed for i in a.source_ids} == {str(i) for i in refused}


def test_the_elements_of_arrays_are_counted(planted: SourceTruth, recount: Recount) -> None:
    refused = {i for a in planted.anomalies if a.fate == "quarantined" for i in a.source_ids}
    for collection, arrays in (
        ("projects", ("files", "conversation_history")),
        ("conversations", ("messages",)),
    ):
        told = planted.collections[collection]
        for array in arrays:
            counts = {str(d["_id"]): _elements(d, array) for d in recount.documents[collection]}
            assert told.embedded[array] == sum(counts.values())
            assert told.migrated_embedded[array] == sum(n for i, n in counts.items() if i not in refused)


def _elements(document: Document, array: str) -> int:
    value = document.get(array)
    return 1 if isinstance(value, dict) else len(value or ())


@pytest.mark.parametrize("scale", [Scale.SMALL, Scale.MEDIUM])
def test_the_books_close(scale: Scale) -> None:
    source = truth(scale, 5)
    for name, collection in source.collections.items():
        assert sum(collection.fates.values()) == collection.documents
        quarantined = [a for a in source.anomalies if (a.collection, a.fate) == (name, "quarantined")]
        assert sum(a.count for a in quarantined) == collection.fates["quarantined"]
    assert source.collections["templates"].fates["archived"] == source.collections["templates"].documents
    assert source.collections["settings"].fates == {"migrated": 0, "quarantined": 0, "archived": 1}


def test_the_small_source_carries_the_agreed_numbers(planted: SourceTruth) -> None:
    counts = {(a.collection, a.name): (a.count, a.fate, a.rule) for a in planted.anomalies}
    assert counts[("users", "email_case_variant")] == (2, "quarantined", "unique_contender")
    assert counts[("projects", "owner_quarantined")] == (2, "quarantined", "parent_quarantined")
    assert counts[("conversations", "project_quarantined")] == (1, "quarantined", "parent_quarantined")
    assert counts[("projects", "conversation_quarantined")] == (4, "migrated", "dangling_reference")
    assert counts[("conversations", "owner_derived")] == (77, "migrated", "owner_derived")
    assert counts[("invoices", "redelivered")] == (3, "quarantined", "unique_contender")
    assert {n: c.fates["quarantined"] for n, c in planted.collections.items() if c.fates["quarantined"]} == {
        "users": 3,
        "projects": 12,
        "conversations": 11,
        "invoices": 6,
    }


def test_the_truth_becomes_json(planted: SourceTruth) -> None:
    value = json.loads(json.dumps(to_json(planted)))
    assert value["scale"] == "small"
    assert value["collections"]["conversations"]["embedded"] == {"messages": 1247}
    assert {"name", "collection", "count", "fate", "rule", "source_ids"} <= value["anomalies"][0].keys()
