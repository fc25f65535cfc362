"""One file per question."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def question(name: str) -> str:
    """The SQL of ``name.sql``."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")
