"""Projects and conversations."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from devora_console.demo.data import hostile, ids
from devora_console.demo.data.code import project_files
from devora_console.demo.data.dialogue import Subject, draw_subject, talk
from devora_console.demo.data.plan import Plan

Document = dict[str, Any]


def _subject(plan: Plan, project: int) -> Subject:
    return draw_subject(ids.stream(plan.seed, "subject", project))


def project(plan: Plan, index: int) -> Document:
    """Project ``index`` with its files and its own conversation history."""
    rng = ids.stream(plan.seed, "project", index)
    subject = _subject(plan, index)
    at = plan.at("projects", index)
    saved = at + timedelta(microseconds=rng.randrange(60_000_000, 18 * 86_400_000_000))
    title = subject.context["titre"]
    conversation = plan.conversation_of(index)
    history = talk(rng, subject, plan.history_count(index))
    slug = f"{subject.context['table']}-{subject.context['port']}"
    document: Document = {
        "_id": plan.object_id("projects", index),
        "id": plan.entity_id("projects", index),
        "name": title[0].upper() + title[1:],
        "description": _description(rng, subject),
        "files": project_files(rng, subject, plan.file_count(index)),
        "conversation_history": [{"role": role, "content": content} for role, content in history],
        "conversation_id": None if conversation is None else plan.entity_id("conversations", conversation),
        "github_repo_url": f"https://github.com/devora-example/{slug}" if rng.random() < 0.35 else None,
        "vercel_url": f"https://{slug}.example.com" if rng.random() < 0.25 else None,
        "project_type": subject.kind if rng.random() < 0.9 else None,
        "user_id": plan.entity_id("users", plan.owner(index)),
        "created_at": ids.bson_date(at) if plan.is_edited(index) else ids.iso_text(at),
        "updated_at": ids.iso_text(saved),
    }
    _spoil_project(plan, index, document)
    return document


def _description(rng: random.Random, subject: Subject) -> str | None:
    text: str = rng.choice(subject.topics[0].descriptions).fill(subject.context)
    for topic in subject.topics[1:]:
        text += " " + rng.choice(topic.descriptions).fill(subject.context)
    return text if rng.random() < 0.88 else None


def _spoil_project(plan: Plan, index: int, document: Document) -> None:
    rank = plan.rank("projects", index)
    match plan.anomaly("projects", index):
        case "orphan_user":
            document["user_id"] = plan.entity_id("deleted users of projects", index)
        case "user_id_missing":
            del document["user_id"]
        case "id_not_uuid":
            document["id"] = f"nouveau-projet-{rank}" if rank else "nouveau-projet"
        case "id_duplicate":
            document["id"] = plan.entity_id("projects", plan.duplicates[index])
        case "name_null":
            document["name"] = None
        case "name_empty":
            document["name"] = ""
        case "name_too_long":
            document["name"] = ("Refonte du site avec réservation en ligne, paiement et blog. " * 10)[:600]
        case "conversation_dangling":
            document["conversation_id"] = plan.entity_id("deleted conversations", index)
        case anomaly:
            _spoil_files(anomaly, document)


def _spoil_files(anomaly: str, document: Document) -> None:
    match anomaly:
        case "same_name_files":
            document["files"][1]["name"] = document["files"][0]["name"]
        case "files_null":
            document["files"] = None
        case "files_missing":
            del document["files"]
        case "files_scalar":
            document["files"] = document["files"][0]
        case "file_content_null":
            document["files"][1]["content"] = None


def conversation(plan: Plan, index: int) -> Document:
    """Conversation ``index`` with its messages; it names neither its user nor its project."""
    rng = ids.stream(plan.seed, "conversation", index)
    home = plan.home(index)
    subject = draw_subject(ids.stream(plan.seed, "lone", index)) if home is None else _subject(plan, home)
    at = plan.at("conversations", index)
    messages = _messages(rng, subject, at, plan.message_count(index))
    last: datetime = messages[-1]["timestamp"] if messages else at
    for message in messages:
        message["timestamp"] = ids.iso_text(message["timestamp"])
    document: Document = {
        "_id": plan.object_id("conversations", index),
        "id": plan.entity_id("conversations", index),
        "title": rng.choice(subject.topics[0].titles).fill(subject.context),
        "messages": messages,
        "created_at": ids.iso_text(at),
        "updated_at": ids.iso_text(last + timedelta(microseconds=rng.randrange(900_000))),
    }
    _spoil_messages(plan, index, messages)
    return document


def _messages(rng: random.Random, subject: Subject, at: datetime, count: int) -> list[Document]:
    messages: list[Document] = []
    moment = at
    for role, content in talk(rng, subject, count):
        # People think for a while and sometimes come back another day; the assistant takes seconds.
        seconds = rng.uniform(2, 40) if role == "assistant" else rng.uniform(15, 900)
        if role == "user" and rng.random() < 0.03:
            seconds += rng.uniform(3_600, 90_000)
        moment += timedelta(microseconds=int(seconds * 1e6))
        messages.append({"id": ids.uuid_text(rng), "role": role, "content": content, "timestamp": moment})
    return messages


def _spoil_messages(plan: Plan, index: int, messages: list[Document]) -> None:
    match plan.anomaly("conversations", index):
        case "bad_role":
            messages[1]["role"] = "tool"
        case "content_null":
            messages[1]["content"] = None
        case "nul_in_content":
            messages[0]["content"] += " " + hostile.WITH_NUL
        case "hostile_content":
            rank = plan.rank("conversations", index)
            messages[0]["content"] += " " + hostile.CONTENTS[rank % len(hostile.CONTENTS)]
        case "message_id_missing":
            del messages[1]["id"]
        case "message_id_duplicate":
            messages[2]["id"] = messages[1]["id"]
        case "timestamp_naive":
            messages[1]["timestamp"] = ids.naive_text(_moment(messages[1]))
        case "timestamp_offset":
            messages[1]["timestamp"] = ids.offset_text(_moment(messages[1]))
        case "timestamp_bson_date":
            messages[1]["timestamp"] = ids.bson_date(_moment(messages[1]))
        case "messages_disordered":
            first, second = messages[1], messages[2]
            first["timestamp"], second["timestamp"] = second["timestamp"], first["timestamp"]


def _moment(message: Document) -> datetime:
    return datetime.fromisoformat(message["timestamp"])
