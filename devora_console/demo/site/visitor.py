"""A visitor of the site: logs in, keeps cookie and token, asks."""

from __future__ import annotations

import json
from typing import Any

from devora_console.demo.site.web import UNCOUNTED, Answered, ask


class Visitor:
    """Somebody with a browser. Calls raise what :func:`devora_console.demo.site.web.ask` raises.

    ``counted``: is one of the visitors whom the application's counters are about; a test of ours is not.
    """

    def __init__(self, url: str, token: str = "", *, counted: bool = True) -> None:
        self.url, self.token, self._counted = url, token, counted
        self._cookie = ""

    def ask(self, target: str, method: str = "GET", body: dict[str, Any] | None = None) -> Answered:
        """One request with cookie and token; a cookie that is given is kept."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if not self._counted:
            headers[UNCOUNTED] = "1"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self._cookie:
            headers["Cookie"] = self._cookie
        answered = ask(self.url + target, method, None if body is None else json.dumps(body).encode(), headers)
        self._cookie = answered.headers.get("set-cookie", self._cookie).partition(";")[0]
        return answered

    def login(self, email: str) -> str | None:
        """The user's id once logged in; None when that was refused."""
        answered = self.ask("/login", "POST", {"email": email})
        if answered.status != 200:
            return None
        self.token = str(answered.json()["token"])
        return str(answered.json()["id"])
