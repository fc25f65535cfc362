"""Writing a file whole or not at all: who reads it meanwhile, or after a crash, finds the old one or the new one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes, *, mode: int = 0o600, lasting: bool = False) -> None:
    """Put ``content`` in the place of what is there. ``mode`` goes through the umask; ``lasting`` waits for the disk.

    Raises OSError; whatever ends it, Ctrl+C too, leaves nothing beside the file.
    """
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(half, path)
    except BaseException:  # it goes on its way
        half.unlink(missing_ok=True)
        raise
