"""People who use the site through its front and write, a few times a second, whatever happens to it.

``python -m devora_console.demo.site.traffic FOLDER``. What was acknowledged is in ``traffic.jsonl``, a line each: every
one of those has to be in a database afterwards. What got no answer may or may not have been written; it is in
``traffic.unsure.jsonl``.
"""

from __future__ import annotations

import json
import random
import sys
import time
import uuid
from pathlib import Path

from devora_console.demo.site.place import Place
from devora_console.demo.site.service import become
from devora_console.demo.site.visitor import Visitor
from devora_console.demo.site.web import FAILURES

WRITTEN, UNSURE = "traffic.jsonl", "traffic.unsure.jsonl"
_PAUSE = 0.15  # seconds between two requests of a visitor
_VISIT = 20  # requests of one visit; the next may see the other side


class Crowd:
    """One visitor after the other."""

    def __init__(self, place: Place) -> None:
        self._place, self._about = place, place.about()

    def visit(self) -> None:
        """Log in, read and write for a while; a refusal or a silence is waited out."""
        visitor = Visitor(self._place.url("front"))
        conversations: list[str] = []
        for _ in range(_VISIT):
            time.sleep(_PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - traffic, not secrets
            try:
                if not conversations:
                    if visitor.login(self._about.email) is None:
                        continue
                    found = visitor.ask("/conversations").json().get("conversations", [])
                    conversations = [str(each["id"]) for each in found]
                else:
                    visitor.ask("/projects")
                    self._write(visitor, random.choice(conversations))  # noqa: S311
            except FAILURES:
                continue

    def _write(self, visitor: Visitor, conversation: str) -> None:
        message, at = str(uuid.uuid4()), time.time()
        line = {"id": message, "conversation": conversation, "at": at}
        said = {"id": message, "conversation": conversation, "content": f"Une question de plus ({message[:8]})"}
        try:
            answered = visitor.ask("/messages", "POST", said)
        except FAILURES:
            self._note(UNSURE, line)
            raise
        if answered.status == 201:
            self._note(WRITTEN, line | {"side": answered.headers.get("x-served-by", "")})
        elif answered.status >= 500 and answered.status != 503:
            self._note(UNSURE, line)  # 503 is the maintenance page: that never got through

    def _note(self, name: str, line: dict[str, object]) -> None:
        with self._place.path(name).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def written(place: Place) -> list[dict[str, str]]:
    """What was acknowledged, the oldest first; a last line cut by a kill is left out."""
    try:
        text = place.path(WRITTEN).read_text("utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def main(folder: str) -> None:
    """Visit until ended."""
    place = Place(Path(folder))
    become(place, "traffic")
    crowd = Crowd(place)
    while True:
        crowd.visit()


if __name__ == "__main__":
    main(*sys.argv[1:])
