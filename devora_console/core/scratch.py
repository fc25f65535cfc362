"""Databases that a trial was made in, and what of them is left when the console that made them was killed.

One is dropped only when its name is one of ours, when it says itself who made it, when that process is dead, and when
nobody is in it. Everything else is listed and left alone.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace

from devora_console.core.maker import Maker
from devora_console.core.safetext import one_line

PREFIX = "devora_restore_"
NAME = re.compile(PREFIX + r"[0-9a-f]{10}")


@dataclass(frozen=True, slots=True)
class Left:
    """A scratch database that is there. ``dead``: whoever made it is, and nobody is in it: the next trial drops it.
    ``why`` says why it may not be dropped otherwise. ``alive``: it is being worked with, and not left behind.
    """

    name: str
    by: str
    why: str
    dead: bool = False
    alive: bool = False


def new_name() -> str:
    """A name that nothing has."""
    return f"{PREFIX}{secrets.token_hex(5)}"


def judged(name: str, maker: Maker | None, *, busy: bool) -> Left:
    """What is to become of the scratch database ``name``, which says that ``maker`` made it."""
    if maker is None:
        return Left(
            name, "nobody knows who made it", "it has no mark of this console; drop it by hand if it is nobody's"
        )
    dead = maker.dead()
    if dead is None:
        return Left(name, maker.words(), "whether that process still runs cannot be told from here; look there")
    if not dead:
        return Left(name, maker.words(), "that process is at work in it", alive=True)
    if busy:
        return Left(name, maker.words(), "that process has ended, and somebody is connected to it")
    return Left(name, maker.words(), "that process has ended", dead=True)


def left_words(left: Left) -> str:
    """One in a line."""
    return f"{left.name}: {left.by}; {left.why}"


def undropped(left: Left, said: str) -> Left:
    """One that was to be dropped, and the server said no."""
    return replace(left, why=f"{left.why}, and it cannot be dropped: {one_line(said, 160)}", dead=False)
