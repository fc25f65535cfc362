"""Small files that are there and whole, or not there."""

from __future__ import annotations

import json
import os

_RESERVED = 4096


def _write(descriptor: int, data: bytes) -> None:
    while data:  # on a disk that is getting full, less than everything may be written without an error
        data = data[os.write(descriptor, data) :]


def reserve(path: str) -> None:
    """Take the room that a small file will need, so that it can be written on a disk that has become full."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write(descriptor, b" " * _RESERVED)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(folder: str, name: str, value: object) -> None:
    """Write a JSON file that is either there and whole, or not there."""
    path = os.path.join(folder, name)
    descriptor = os.open(path + ".tmp", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _write(descriptor, json.dumps(value).encode())
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
