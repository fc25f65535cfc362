"""A dump folder for benchmarks: users, projects and conversations whose messages have about 700 bytes each."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
from bson.objectid import ObjectId

DATABASE = "devora_db"
MESSAGES = 12  # of a conversation
_WORDS = [
    "le",
    "la",
    "les",
    "une",
    "des",
    "serveur",
    "projet",
    "page",
    "bouton",
    "couleur",
    "tableau",
    "requête",
    "index",
    "mémoire",
    "fuite",
    "worker",
    "erreur",
    "journal",
    "utilisateur",
    "compte",
    "facture",
    "paiement",
    "abonnement",
    "déploiement",
    "test",
    "fichier",
    "module",
    "composant",
    "affiche",
    "corrige",
    "ajoute",
    "supprime",
    "vérifie",
    "formulaire",
    "recherche",
    "français",
    "accentué",
    "élève",
    "été",
    "déjà",
    "très",
    "simple",
    "rapide",
    "après",
    "avant",
    "pendant",
]
_DAY = datetime(2024, 3, 1, 8, tzinfo=UTC)


def write(folder: Path, rows: int, seed: int = 7) -> tuple[int, int]:
    """Write ``folder/devora_db``; (rows the conversations become, bytes of their BSON)."""
    target = folder / DATABASE
    target.mkdir(parents=True)
    chance = random.Random(seed)  # noqa: S311 - data for a benchmark
    texts = [text(chance) for _ in range(2000)]
    conversations = max(1, rows // (MESSAGES + 1))
    users = [user(number, chance) for number in range(max(1, conversations // 20))]
    _save(target, "users", users)
    links = [(users[number % len(users)]["id"], _uuid(chance)) for number in range(conversations)]
    _save(target, "projects", [project(number, *link, chance) for number, link in enumerate(links)])
    size = 0
    with (target / "conversations.bson").open("wb") as stream:
        for number, (_, key) in enumerate(links):
            size += stream.write(bson.encode(conversation(number, key, texts, chance)))
    _metadata(target, "conversations")
    return conversations * (MESSAGES + 1), size


def _save(target: Path, name: str, documents: list[dict[str, Any]]) -> None:
    (target / f"{name}.bson").write_bytes(b"".join(bson.encode(each) for each in documents))
    _metadata(target, name)


def _metadata(target: Path, name: str) -> None:
    (target / f"{name}.metadata.json").write_text(json.dumps({"collectionName": name, "indexes": []}))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _oid(kind: int, number: int) -> ObjectId:
    return ObjectId((int(_DAY.timestamp()) + kind).to_bytes(4, "big") + number.to_bytes(8, "big"))


def _moment(chance: random.Random) -> str:
    return (_DAY + timedelta(microseconds=chance.randrange(30_000_000_000_000))).isoformat(timespec="microseconds")


def text(chance: random.Random) -> str:
    words: list[str] = []
    while sum(map(len, words)) + len(words) < 620:
        words.append(
            chance.choice(_WORDS) if chance.random() < 0.8 else f"{chance.choice(_WORDS)}{chance.randrange(5000)}"
        )
    return " ".join(words)


def user(number: int, chance: random.Random) -> dict[str, Any]:
    moment = _moment(chance)
    return {
        "_id": _oid(0, number),
        "id": _uuid(chance),
        "email": f"user{number}@example.org",
        "hashed_password": "$2b$12$benchmark",
        "full_name": f"Usager {number}",
        "is_active": True,
        "is_admin": False,
        "stripe_customer_id": f"cus_{number}",
        "subscription_status": "active",
        "subscription_id": None,
        "current_period_end": None,
        "created_at": moment,
        "updated_at": moment,
    }


def project(number: int, owner: str, conversation: str, chance: random.Random) -> dict[str, Any]:
    moment = _moment(chance)
    return {
        "_id": _oid(1, number),
        "id": _uuid(chance),
        "user_id": owner,
        "name": f"Projet {number}",
        "description": "Un projet",
        "project_type": "site",
        "conversation_id": conversation,
        "github_repo_url": None,
        "vercel_url": None,
        "files": [],
        "created_at": moment,
        "updated_at": moment,
    }


def conversation(number: int, key: str, texts: list[str], chance: random.Random) -> dict[str, Any]:
    moment = _moment(chance)
    return {
        "_id": _oid(2, number),
        "id": key,
        "title": f"Conversation {number}",
        "messages": [
            {
                "id": _uuid(chance),
                "role": ("user", "assistant")[place % 2],
                "content": f"{number} {place} {chance.choice(texts)}",
                "timestamp": _moment(chance),
            }
            for place in range(MESSAGES)
        ],
        "created_at": moment,
        "updated_at": moment,
    }
