"""PyMongo's errors in the console's words, without credentials."""

from __future__ import annotations

from pymongo import errors

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError, connect_error, usage_error
from devora_console.core.safetext import one_line


def translate(error: errors.PyMongoError, url: Dsn) -> ConsoleError:
    """What went wrong between us and the server, as one line with a remedy."""
    said = one_line(scrub(_without_topology(str(error)), url), 160)
    where = one_line(str(url), 120)
    if isinstance(error, errors.OperationFailure):
        if error.code in (18, 8000) or ("auth" in said.lower() and error.code in (None, 13, 11, 18)):
            return connect_error(
                "mongo_auth",
                f"MongoDB at {where} refuses the login",
                "Check user, password and authSource in MONGO_URL",
            )
        if error.code == 13:
            return connect_error(
                "mongo_permission", f"MongoDB at {where}: {said}", "Grant the role 'read' on the database to this user"
            )
        return connect_error("mongo_failed", f"MongoDB at {where}: {said}", "")
    if isinstance(error, errors.ConfigurationError | errors.InvalidURI | errors.InvalidName):
        return usage_error("mongo_url", f"MONGO_URL: {said}", "Write it as mongodb://user:password@host:27017")
    return connect_error(
        "mongo_unreachable",
        f"MongoDB at {where} does not answer ({said})",
        "Check that the server runs and that host and port in MONGO_URL are right",
    )


def _without_topology(said: str) -> str:
    """PyMongo's message without its timeouts and the description of every server it knows.

    >>> _without_topology('h:1: refused (configured timeouts: connectTimeoutMS: 500ms), Timeout: 5s, Topology ...')
    'h:1: refused'
    """
    return said.partition(" (configured timeouts")[0].partition(", Timeout:")[0]
