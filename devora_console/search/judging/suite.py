"""Suites of judged queries: files in git, JSON or TOML, with documents of their own or about the live ones.

With ``documents`` a suite is asked in a database of its own, made for it. Without, its judgments name documents of the
live database as ``type/id`` (``message/7f3e...``), and it says as which ``user`` it is asked, or that it is asked
``as_owner``: everybody's documents, past row-level security.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from devora_console.core.problems import usage_error
from devora_console.search.judging.metrics import GRADES
from devora_console.search.model import KINDS


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a suite; ``kind`` is an entity type."""

    id: str
    kind: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Query:
    """A judged query. ``judgments``: a grade (0, 1, 2) for each judged document. ``type``: what it tries, in a word."""

    id: str
    text: str
    judgments: Mapping[str, int]
    type: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """What is in a suite's file. ``digest`` changes with whatever a result depends on.

    Neither ``user`` nor ``as_owner``: who asks it says as whom.
    """

    name: str
    queries: tuple[Query, ...]
    documents: tuple[Document, ...] = ()
    user: str | None = None
    about: str = ""
    digest: str = field(default="")
    as_owner: bool = False


def read_suite(path: Path) -> Suite:
    """Read and check one. Raises ConsoleError (exit 2) naming what is wrong in it."""
    try:
        text = path.read_text("utf-8")
        raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise usage_error("suite_unreadable", f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise usage_error("suite_invalid", f"{path} is not {path.suffix.lstrip('.') or 'JSON'}: {error}") from None
    try:
        suite = parse_suite(raw, path.stem)
    except ValueError as error:
        raise usage_error("suite_invalid", f"{path}: {error}") from None
    return suite


def parse_suite(raw: Any, name: str) -> Suite:
    """A suite from its file's content. Raises ValueError with what is wrong."""
    if not isinstance(raw, dict) or not isinstance(raw.get("queries"), list) or not raw["queries"]:
        raise ValueError("a suite is a table with a list of queries")
    documents = tuple(_document(each) for each in raw.get("documents") or [])
    ids = [each.id for each in documents]
    if len(set(ids)) < len(ids):
        raise ValueError(f"the document {next(each for each in ids if ids.count(each) > 1)} is there twice")
    queries = tuple(_query(each, set(ids)) for each in raw["queries"])
    names = [each.id for each in queries]
    if len(set(names)) < len(names):
        raise ValueError(f"the query {next(each for each in names if names.count(each) > 1)} is there twice")
    user = raw.get("user")
    if user is not None and not isinstance(user, str):
        raise ValueError("user is a UUID as text")
    as_owner = raw.get("as_owner", False)
    if not isinstance(as_owner, bool):
        raise ValueError("as_owner is true or false")
    if as_owner and (user is not None or documents):
        raise ValueError("as_owner has everybody's live documents searched: with a user, or documents, it says nothing")
    asked = {key: raw.get(key) for key in ("documents", "queries", "user")} | ({"as_owner": True} if as_owner else {})
    digest = sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return Suite(name, queries, documents, user, str(raw.get("about", "")), digest, as_owner)


def _document(raw: Any) -> Document:
    if not isinstance(raw, dict) or not all(isinstance(raw.get(key), str) for key in ("id", "kind", "title")):
        raise ValueError("a document has id, kind and title, and a body")
    if raw["kind"] not in KINDS:
        raise ValueError(f"the document {raw['id']} is of kind {raw['kind']!r}: {', '.join(KINDS)} are known")
    if not raw["title"] and raw["kind"] in ("project", "file"):
        raise ValueError(f"the document {raw['id']} has no title, which a {raw['kind']} needs")
    return Document(raw["id"], raw["kind"], raw["title"], str(raw.get("body") or ""))


def _query(raw: Any, documents: set[str]) -> Query:
    if not isinstance(raw, dict) or not all(isinstance(raw.get(key), str) for key in ("id", "text")):
        raise ValueError("a query has id, text and judgments")
    judgments = raw.get("judgments")
    if not isinstance(judgments, dict) or not judgments:
        raise ValueError(f"the query {raw['id']} has no judgments")
    for document, grade in judgments.items():
        if grade not in GRADES or isinstance(grade, bool):
            raise ValueError(f"the query {raw['id']} grades {document} with {grade!r}: 0, 1 and 2 are known")
        if documents and document not in documents:
            raise ValueError(f"the query {raw['id']} judges {document}, which is no document of the suite")
        if not documents and document.partition("/")[0] not in KINDS:
            raise ValueError(f"the query {raw['id']} judges {document!r}: write it as message/ID, file/ID, ...")
    return Query(raw["id"], raw["text"], dict(judgments), str(raw.get("type", "")))


def write_suite(path: Path, suite: Suite) -> None:
    """Write one as JSON, a line per query, so that changes read well in git."""
    document: dict[str, Any] = {"about": suite.about}
    if suite.user:
        document["user"] = suite.user
    if suite.as_owner:
        document["as_owner"] = True
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items()]
    if suite.documents:
        rows = [
            json.dumps({"id": d.id, "kind": d.kind, "title": d.title, "body": d.body}, ensure_ascii=False)
            for d in suite.documents
        ]
        lines.append('"documents": [\n  ' + ",\n  ".join(rows) + "\n ]")
    asked = [
        json.dumps({"id": q.id, "text": q.text, "type": q.type, "judgments": dict(q.judgments)}, ensure_ascii=False)
        for q in suite.queries
    ]
    lines.append('"queries": [\n  ' + ",\n  ".join(asked) + "\n ]")
    path.write_text("{\n " + ",\n ".join(lines) + "\n}\n", "utf-8")
