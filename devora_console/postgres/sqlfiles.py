"""SQL lives in files, one question each; this reads them."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def sql(package: str, name: str) -> str:
    """The text of ``sql/NAME.sql`` in ``package``. Raises FileNotFoundError for a name that is not there."""
    return resources.files(package).joinpath("sql", f"{name}.sql").read_text("utf-8")
