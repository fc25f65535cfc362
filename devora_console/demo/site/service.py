"""Being one of the site's processes: one of each, known by its mark, gone when the site's owner is."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from devora_console.core.problems import ConsoleError
from devora_console.demo.processes import alive, own_mark
from devora_console.demo.site.place import Place, try_lock, write

WORD = "SITE_START"
TAKEN = 75
"""Exit code of a process that found another one serving."""
_LOOK_SECONDS = 0.25

_held: list[int] = []  # locks, held until the process ends


def become(place: Place, name: str) -> str:
    """Become the service ``name``: exits with TAKEN when there is one. Returns the word it was started with.

    From now on it ends when the owner of the site dies, or the site is closed or removed. The owner started the
    script that started us, at best: the kernel would tell us of the script's end only. So we look.
    """
    handle = os.open(place.path(f"{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not try_lock(handle):
        sys.exit(TAKEN)
    _held.append(handle)
    mark, word = own_mark(), os.environ.get(WORD, "")
    write(place.path(f"{name}.run.json"), json.dumps({"pid": mark.pid, "born": mark.born, "word": word}))
    threading.Thread(target=_watch, args=(place,), name="site-owner", daemon=True).start()
    return word


def _watch(place: Place) -> None:
    while _wanted(place):
        time.sleep(_LOOK_SECONDS)
    os._exit(0)  # also from under a request that hangs


def _wanted(place: Place) -> bool:
    try:
        about = place.about()
    except ConsoleError:
        return False
    return not about.closed and alive(about.owner)
