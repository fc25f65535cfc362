"""Small files that are there and whole, or not there."""

from __future__ import annotations

import json
import os

_RESERVED = 4096


def reserve(path: str) -> None:
    """Take the room that a small file will need, so that it can be written on a disk that has become full."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, b" " * _RESERVED)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(folder: str, name: str, value: object) -> None:
    """Write a JSON file that is either there and whole, or not there."""
    path = os.path.join(folder, name)
    descriptor = os.open(path + ".tmp", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        data = json.dumps(value).encode()
        while data:
            data = data[os.write(descriptor, data) :]
        os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(path + ".tmp", path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
