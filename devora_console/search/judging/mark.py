"""Judging by hand: a grade for one document of one query goes into a suite's file, which is made when it is missing."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.search.judging.metrics import GRADES
from devora_console.search.judging.suite import Query, Suite, read_suite, write_suite


def mark(path: Path, text: str, user: str | None, document: str, grade: int) -> Suite:
    """Grade a live document (``message/ID``) for a text as this user, or as owner; gives the suite as it is then.

    A path that begins with ~ is taken as a shell would.

    Raises ConsoleError when the file is no suite that can take it, or cannot be written.
    """
    if grade not in GRADES:
        raise usage_error("grade", f"{grade} is no grade", "Give 0, 1 or 2")
    path = path.expanduser()
    suite = _existing(path, user)
    found = next((each for each in suite.queries if each.text == text), None)
    if found is None:
        queries = (*suite.queries, Query(_id(text, suite), text, {document: grade}))
    else:
        judged = replace(found, judgments={**found.judgments, document: grade})
        queries = tuple(judged if each is found else each for each in suite.queries)
    changed = replace(suite, queries=queries)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_suite(beside, changed)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConsoleError.of(
            ExitCode.NEGATIVE, "suite_unwritten", f"{path} cannot be written: {error.strerror}", "Name another file"
        ) from None
    return changed


def grades_of(suite: Suite, text: str) -> dict[tuple[str, str], int]:
    """The grades of a text, by entity type and id."""
    found: dict[tuple[str, str], int] = {}
    for query in suite.queries:
        if query.text == text:
            for document, grade in query.judgments.items():
                kind, _, name = document.partition("/")
                found[kind, name] = grade
    return found


def _existing(path: Path, user: str | None) -> Suite:
    """The suite that is there, or an empty one."""
    if path.suffix != ".json":
        raise usage_error("suite_format", f"{path} is not a .json file", "Judgments are written as JSON only")
    if not path.exists():
        return Suite(path.stem, (), user=user, about="Judged by hand", as_owner=user is None)
    suite = read_suite(path)
    if suite.documents:
        raise usage_error(
            "suite_own", f"{path} has documents of its own: a live one cannot be judged in it", "Name another file"
        )
    if suite.as_owner and user is not None:
        raise usage_error("suite_user", f"{path} is judged as owner", "Search as owner, or name another file")
    if suite.user is not None and (user is None or suite.user.lower() != user.lower()):
        raise usage_error(
            "suite_user", f"{path} is judged as user {suite.user}", "Search as that user, or name another file"
        )
    return replace(suite, user=user, as_owner=user is None)


def _id(text: str, suite: Suite) -> str:
    """A name for a query that stays the same."""
    name = "q-" + sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    taken = {each.id for each in suite.queries}
    return name if name not in taken else f"{name}-{len(taken)}"
