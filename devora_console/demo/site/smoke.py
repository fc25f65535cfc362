"""Looking at the site: smoke tests, sessions, status, and green compared with blue. Nothing here changes the site."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devora_console.core.problems import connect_error
from devora_console.demo.site import saved
from devora_console.demo.site.commands import backend_of_env
from devora_console.demo.site.place import INSTANCES, Place
from devora_console.demo.site.running import failed, living
from devora_console.demo.site.traffic import written
from devora_console.demo.site.visitor import Visitor
from devora_console.demo.site.web import FAILURES, ask

Say = Callable[[bool, str], object]


class Smoke:
    """The smoke tests of one instance, asked directly: the front may be shut. Each says how it went."""

    def __init__(self, place: Place, instance: str, expect: str, say: Say) -> None:
        self._about, self._instance = place.about(), instance
        self._expect = expect or backend_of_env(place.env(f"{instance}.env"))
        self._url, self._say = place.url(instance), say
        self._good = True

    def run(self, token_file: Path | None, read_only: bool) -> bool:
        """Everything in order; True when all of it is good."""
        visitor = Visitor(self._url, counted=False)
        try:
            if not self._health(visitor):
                return False
            if self._check(visitor.login(self._about.email) is not None, "login", self._about.email):
                self._inside(visitor, read_only)
            if token_file is not None:
                self._old_session(token_file)
        except FAILURES as error:
            self._check(False, f"{self._instance} stopped answering", type(error).__name__)
        return self._good

    def _check(self, good: bool, what: str, found: str = "") -> bool:
        self._good &= good
        self._say(good, f"{what}: {found}" if found else what)
        return good

    def _health(self, visitor: Visitor) -> bool:
        try:
            found = visitor.ask("/health").json()
        except FAILURES as error:
            return self._check(False, "health", f"{self._instance} does not answer ({type(error).__name__})")
        words = f"on {found.get('backend')}, expected {self._expect}; release {found.get('release')}"
        if not found.get("ok"):
            words += f"; its database does not answer ({found.get('reason')})"
        return self._check(bool(found.get("ok")) and found.get("backend") == self._expect, "health", words)

    def _inside(self, visitor: Visitor, read_only: bool) -> None:
        me = visitor.ask("/me")
        self._check(me.status == 200, "me", str(me.json().get("email") or me.status))
        projects = visitor.ask("/projects")
        count = len(projects.json().get("projects", []))
        self._check(projects.status == 200 and count > 0, "projects", f"{count} ({projects.status})")
        talks = visitor.ask("/conversations").json().get("conversations", [])
        if not self._check(bool(talks), "conversations", str(len(talks))):
            return
        conversation = str(talks[0]["id"])
        if read_only:
            self._search(visitor, "projet", None)
        else:
            self._write(visitor, conversation)

    def _write(self, visitor: Visitor, conversation: str) -> None:
        """Write, read back, find, and take away again: what verification sees afterwards is as before."""
        message, word = str(uuid.uuid4()), f"fumee{secrets.token_hex(6)}"
        said = {"id": message, "conversation": conversation, "content": f"Essai {word}"}
        status = visitor.ask("/messages", "POST", said).status
        if not self._check(status == 201, "write", f"message {message} ({status})"):
            return
        back = visitor.ask(f"/messages?conversation={conversation}").json().get("messages", [])
        self._check(any(each.get("content") == said["content"] for each in back), "read back", f"{len(back)} messages")
        self._search(visitor, word, message)
        gone = visitor.ask(f"/messages?conversation={conversation}&id={message}", "DELETE").status
        self._check(gone == 200, "removed again", str(gone))

    def _search(self, visitor: Visitor, word: str, wanted: str | None) -> None:
        answered = visitor.ask(f"/search?q={word}")
        found = answered.json().get("found", [])
        good = answered.status == 200 and (wanted is None or any(each.get("id") == wanted for each in found))
        self._check(good, "search", f"{len(found)} found for {word} ({answered.status})")

    def _old_session(self, file: Path) -> None:
        session = saved.session(file)
        me = Visitor(self._url, session.token, counted=False).ask("/me")
        good = me.status == 200 and me.json().get("id") == session.user
        words = f"of {session.at}, from {session.backend}: " + (session.email if good else f"refused ({me.status})")
        self._check(good, "session from before", words)


def keep_session(place: Place, instance: str, file: Path) -> str:
    """Log in and keep the token. One that is kept already stays, if it is good: it is older, which is its worth."""
    if file.exists():
        old = saved.session(file)
        if Visitor(place.url(instance), old.token, counted=False).ask("/me").status != 200:
            raise failed("session", f"{file} holds a session of {old.at} that is refused", "name another file")
        return f"a session of {old.at} was saved already, and is good"
    about, visitor = place.about(), Visitor(place.url(instance), counted=False)
    health = visitor.ask("/health").json()
    if not health.get("ok"):
        words = f"{instance}'s {health.get('backend')} database does not answer ({health.get('reason')})"
        raise connect_error("site.database", words, "Check that the server runs")
    user = visitor.login(about.email)
    if user is None:
        raise failed("session", f"{about.email} cannot log in")
    backend = str(health.get("backend"))
    saved.keep_session(file, saved.Session(visitor.token, user, about.email, backend, saved.now()))
    return f"saved: a session of {about.email} on {backend}"


def sync(place: Place, kind: str) -> tuple[bool | None, str]:
    """Whether what keeps both databases in step holds now, found out by trying; None when it cannot be told.

    Here it is that green takes no writes. There is no copying between the databases: ``command`` is always a no.
    """
    if kind != "read-only":
        return False, "this site copies nothing between the databases: declare read-only"
    visitor, message = Visitor(place.url("green"), counted=False), str(uuid.uuid4())
    talks = [] if visitor.login(place.about().email) is None else visitor.ask("/conversations").json()["conversations"]
    if not talks:
        return None, "green lets nobody try: its user has no conversation, or cannot log in"
    conversation = str(talks[0]["id"])
    said = {"id": message, "conversation": conversation, "content": "Essai"}
    status = visitor.ask("/messages", "POST", said).status
    if status == 201:
        visitor.ask(f"/messages?conversation={conversation}&id={message}", "DELETE")
        return False, "green takes writes: they would be missing in blue's database"
    return (True, "green refuses writes") if status == 403 else (None, f"green answers {status} to a write")


def metrics(place: Place, instance: str) -> dict[str, Any]:
    """Counters of an instance since its start. Raises what ``ask`` raises when it does not answer."""
    return ask(place.url(instance) + "/metrics.json").json()


def sides(place: Place, seconds: float | None) -> dict[str, Any]:
    """What visitors got from each instance, as the front saw it: since the shares changed, or in the last ``seconds``.

    An instance that died has nothing to say for itself; its visitors' errors are counted here. Raises as ``ask``.
    """
    found: dict[str, Any] = ask(place.url("front") + "/-/front" + (f"?seconds={seconds}" if seconds else "")).json()
    return dict(found["sides"])


def compare(
    one: dict[str, Any], control: dict[str, Any], floor: int, points: float, ratio: float
) -> tuple[bool | None, str]:
    """Whether an instance does as well as the control, with the reason; None when there is too little to tell.

    ``floor``: requests that both must have had; ``points``: percentage points of errors it may have more; ``ratio``:
    how many times as long its 95th percentile may be.
    """
    counts = int(one["requests"]), int(control["requests"])
    if min(counts) < floor or one["p95_ms"] is None or control["p95_ms"] is None:
        return None, f"{counts[0]} and {counts[1]} requests are too few to compare: {floor} each are needed"
    rates = 100 * one["errors"] / counts[0], 100 * control["errors"] / counts[1]
    words = (
        f"errors {rates[0]:.2f} % against {rates[1]:.2f} %, p95 {one['p95_ms']} ms against {control['p95_ms']} ms,"
        f" of {counts[0]} and {counts[1]} requests"
    )
    good = rates[0] - rates[1] <= points and one["p95_ms"] <= max(control["p95_ms"] * ratio, 1.0)
    return good, words


def status(place: Place) -> tuple[bool, dict[str, Any]]:
    """Where everything stands; True when all that should run answers."""
    flags = place.flags()
    front = _asked(place, "front", "/-/front")
    found: dict[str, Any] = {
        "front": {"url": place.url("front"), "pid": living(place, "front"), "answers": front is not None},
        "maintenance": None if flags is None else flags.maintenance,
        "green_percent": None if flags is None else flags.green_percent,
        "read_only": None if flags is None else flags.read_only,
        "traffic": {"pid": living(place, "traffic"), "acknowledged": len(written(place))},
    }
    good = front is not None and flags is not None
    for name in INSTANCES:
        made, wanted = place.env(f"{name}.made.env"), place.env(f"{name}.env")
        health = _asked(place, name, "/health")
        found[name] = {
            "url": place.url(name),
            "pid": living(place, name),
            "created": bool(made),
            "configured": backend_of_env(wanted),
            "applied": made == wanted if made else None,
            "health": health,
        }
        good &= bool(health and health.get("ok")) if made else True
    return good, found


def _asked(place: Place, name: str, target: str) -> dict[str, Any] | None:
    try:
        return ask(place.url(name) + target, timeout=5.0).json()
    except FAILURES:
        return None
