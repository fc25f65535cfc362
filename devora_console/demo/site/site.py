"""A whole site in a folder: made, started, ended. For the demo, and for tests."""

from __future__ import annotations

import random
import secrets
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from pymongo import MongoClient

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, usage_error
from devora_console.demo.processes import end_process, own_mark
from devora_console.demo.site.place import SERVICES, About, Flags, Place, write

_RELEASES = {"mongo": "sha256:" + "5eed" * 16, "postgres": "sha256:" + "9a11" * 16}
# Below the ports that connections get by themselves: one of those could sit on ours while it is free for a moment.
_PORTS = range(20_000, 32_000)
_STATUSES = ["inactive", "active", "canceled", "past_due", "trialing"]


class Site:
    """The site in ``folder``, on the databases given. ``postgres`` is the application's login, never the owner's.

    ``email`` is whose account smoke tests and traffic use; without it somebody plain is looked up in MongoDB. The
    site's processes end with the process that made this object, however that ends.
    """

    def __init__(self, folder: Path, mongo: Dsn, database: str, postgres: Dsn, *, email: str | None = None) -> None:
        self.place = Place(folder.absolute())
        self._mongo, self._database, self._postgres, self._email = mongo, database, postgres, email

    @property
    def script(self) -> Path:
        """The site's script: ``{site}`` of a runbook."""
        return self.place.path("site")

    @property
    def front_url(self) -> str:
        """Where visitors come in."""
        return self.place.url("front")

    @property
    def app_url(self) -> str:
        """The application itself, past the front: blue, which a Big Bang switches in place."""
        return self.place.url("blue")

    @property
    def green_url(self) -> str:
        """The second instance of a Blue-Green walk."""
        return self.place.url("green")

    def variables(self) -> dict[str, str]:
        """What a runbook's variables are here."""
        return {
            "site": str(self.script),
            "front_url": self.front_url,
            "app_url": self.app_url,
            "blue_url": self.app_url,
            "green_url": self.green_url,
            "sync": "read-only",
        }

    def make(self) -> None:
        """Write the folder. One that is there keeps its ports, state, secret and sessions, with the new addresses."""
        place = self.place
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.locked(5.0):
            reached = {"MONGO_URL": self._mongo.reveal(), "DB_NAME": self._database}
            reached["POSTGRES_DSN"] = self._postgres.reveal()
            secret = place.env("secrets.env").get("APP_SECRET") or secrets.token_urlsafe(32)
            place.write_env("secrets.env", {**reached, "APP_SECRET": secret})
            if not place.path("flags.json").exists():
                place.change_flags(maintenance=Flags().maintenance)
            if not place.env("blue.env"):
                blue = {key: reached[key] for key in ("MONGO_URL", "DB_NAME")}
                place.write_env("blue.env", {**blue, "APP_SECRET": secret, "APP_RELEASE": _RELEASES["mongo"]})
            for name in ("blue.env", "blue.made.env", "green.env", "green.made.env"):
                if env := place.env(name):
                    place.write_env(name, {key: reached.get(key, value) for key, value in env.items()})
            place.write_about(self._about())
            command = shlex.join(
                [sys.executable, "-P", "-m", "devora_console.demo.site", "--folder", str(place.folder)]
            )
            write(self.script, f'#!/bin/sh\nexec {command} "$@"\n', 0o700)

    def call(self, *words: str | Path, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run the site's script to its end."""
        return subprocess.run(
            [self.script, *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def start(self) -> None:
        """Make it and have it running. Raises ConsoleError (exit 2) with the script's words when it cannot be."""
        self.make()
        done = self.call("start")
        if done.returncode:
            raise usage_error("site.start", f"the site cannot be started: {(done.stdout + done.stderr).strip()}")

    def close(self) -> None:
        """End it, whatever a script is doing: what comes up from now on ends by itself."""
        with suppress(ConsoleError):  # there never was one
            self.place.write_about(replace(self.place.about(), closed=True))
            self._end()

    def _end(self) -> None:
        for name in SERVICES:
            if (run := self.place.run(name)) is not None:
                end_process(run.mark, ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)))

    def __enter__(self) -> Site:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _about(self) -> About:
        try:
            found = self.place.about()
            if found.owner != own_mark():
                self._end()  # what an owner that died has left, before it takes us for that one
            ports, email = found.ports, self._email or found.email
        except ConsoleError:
            ports, email = _free_ports(), self._email or _somebody(self._mongo, self._database)
        return About(own_mark(), ports, email, _RELEASES)


def _free_ports() -> dict[str, int]:
    found: dict[str, int] = {}
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found[("front", "blue", "green")[len(found)]] = port
        if len(found) == 3:
            return found
    raise usage_error("site.no_port", "no three ports on 127.0.0.1 are free", "end something that listens")


def _somebody(mongo: Dsn, database: str) -> str:
    """The address of a user with conversations, all so plain that a migration takes them.

    What visitors write there has to be found again after a cutover; a conversation in quarantine would not be.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(mongo.reveal(), serverSelectionTimeoutMS=5_000)
    with client:
        db = client[database]
        for user in db["users"].find({"subscription_status": {"$in": _STATUSES}}, {"id": 1, "email": 1}):
            shown = {"conversation_id": 1, "name": 1}
            named = list(db["projects"].find({"user_id": user.get("id")}, shown))
            talks = [each["conversation_id"] for each in named if each.get("conversation_id")]
            if not talks or len(set(talks)) < len(talks) or not all(each.get("name") for each in named):
                continue
            found = list(db["conversations"].find({"id": {"$in": talks}}, {"messages": 1}))
            if len(found) == len(talks) and all(_plain(each.get("messages")) for each in found):
                return str(user["email"])
    raise usage_error("site.nobody", f"{database} has no user with a project and a conversation")


def _plain(messages: object) -> bool:
    if not isinstance(messages, list) or not messages:
        return False
    good = all(
        isinstance(each, dict) and each.get("role") in ("user", "assistant", "system") and each.get("content")
        for each in messages
    )
    return good and len({each.get("id") for each in messages}) == len(messages)
