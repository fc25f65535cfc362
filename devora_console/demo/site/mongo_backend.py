"""The application on MongoDB: documents as Devora's backend writes them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from devora_console.demo.site.backend import SHOWN, Row

_PATIENCE_MS = 3_000


class MongoBackend:
    """Conversations hold their messages, and do not say whose they are: the projects that name them do."""

    kind = "mongo"

    def __init__(self, url: str, database: str, name: str) -> None:
        self.database = database
        self._client: MongoClient[Row] = MongoClient(
            url,
            appname=name,
            serverSelectionTimeoutMS=_PATIENCE_MS,
            connectTimeoutMS=_PATIENCE_MS,
            socketTimeoutMS=10_000,
        )
        self._db = self._client[database]
        # Messages are written as the whole array, by this process alone: the demo's server turns the documents of
        # an array into text when something is pushed to it.
        self._writing = threading.Lock()

    def ping(self) -> None:
        """Ask for a user."""
        self._db["users"].find_one({}, {"_id": 1})

    def login(self, email: str) -> str | None:
        """The id of the user with exactly this address."""
        found = self._db["users"].find_one({"email": email}, {"id": 1})
        return None if found is None else str(found["id"])

    def user(self, user: str) -> Row | None:
        """The user by the application's id."""
        return self._db["users"].find_one({"id": user}, {"_id": 0, "id": 1, "email": 1, "full_name": 1})

    def projects(self, user: str) -> Sequence[Row]:
        """The user's projects."""
        shown = {"_id": 0, "id": 1, "name": 1, "conversation_id": 1}
        return list(self._db["projects"].find({"user_id": user}, shown).sort("created_at", -1))

    def conversations(self, user: str) -> Sequence[Row]:
        """The conversations that the user's projects name."""
        own = self._own(user)
        return list(self._db["conversations"].find({"id": {"$in": own}}, {"_id": 0, "id": 1, "title": 1}))

    def messages(self, user: str, conversation: str) -> Sequence[Row]:
        """The end of the array."""
        if conversation not in self._own(user):
            return []
        return self._messages(conversation)[-SHOWN:]

    def add(self, user: str, conversation: str, message: str, content: str) -> bool:
        """Append to the array, unless a message of this id is there."""
        if conversation not in self._own(user):
            return False
        now = datetime.now(UTC).isoformat()
        new = {"id": message, "role": "user", "content": content, "timestamp": now}
        with self._writing:
            held = self._messages(conversation)
            if any(each.get("id") == message for each in held):
                return True
            done = self._db["conversations"].update_one(
                {"id": conversation}, {"$set": {"messages": [*held, new], "updated_at": now}}
            )
        return done.matched_count == 1

    def remove(self, user: str, conversation: str, message: str) -> bool:
        """Take it out of the array."""
        if conversation not in self._own(user):
            return False
        with self._writing:
            held = self._messages(conversation)
            kept = [each for each in held if each.get("id") != message]
            if len(kept) < len(held):
                self._db["conversations"].update_one({"id": conversation}, {"$set": {"messages": kept}})
        return len(kept) < len(held)

    def search(self, user: str, words: str) -> Sequence[Row]:
        """By looking through everything: the application has no index to search in here."""
        wanted = words.lower()
        found = [
            {"id": message.get("id"), "conversation_id": each, "timestamp": str(message.get("timestamp"))}
            for each in self._own(user)
            for message in self._messages(each)
            if wanted in str(message.get("content")).lower()
        ]
        return sorted(found, key=lambda each: str(each["timestamp"]), reverse=True)[:SHOWN]

    def _own(self, user: str) -> list[str]:
        named = self._db["projects"].find({"user_id": user}, {"conversation_id": 1})
        return [each["conversation_id"] for each in named if isinstance(each.get("conversation_id"), str)]

    def _messages(self, conversation: str) -> list[dict[str, Any]]:
        found = self._db["conversations"].find_one({"id": conversation}, {"messages": 1}) or {}
        held = found.get("messages")
        return held if isinstance(held, list) else []
