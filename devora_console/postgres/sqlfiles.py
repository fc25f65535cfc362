"""SQL lives in files, one question each; this reads them.

``NAME.sql`` serves the oldest version; ``NAME_170000.sql`` replaces it from version 17.0 on.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_FROM = re.compile(r"_(\d{5,6})\.sql")


@cache
def sql(package: str, name: str, version: int = 0) -> str:
    """The text of ``sql/NAME.sql`` in ``package``, or of the replacement that serves ``version``.

    ``version`` is the server's ``server_version_num``, or an extension's version the file's header speaks of.
    Raises FileNotFoundError for a name that is not there.
    """
    folder = resources.files(package).joinpath("sql")
    best = (0, f"{name}.sql")
    if version:
        for entry in folder.iterdir():
            found = _FROM.fullmatch(entry.name.removeprefix(name)) if entry.name.startswith(name) else None
            if found and best[0] < int(found[1]) <= version:
                best = (int(found[1]), entry.name)
    return folder.joinpath(best[1]).read_text("utf-8")
