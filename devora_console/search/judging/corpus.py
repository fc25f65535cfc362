"""The documents of a suite, put into a database made for it: as projects, conversations, messages and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.search.asking import Connection
from devora_console.search.embed import ready, work
from devora_console.search.embed.directly import embed_directly
from devora_console.search.embed.provider import Embedder
from devora_console.search.judging.suite import Document, Suite

_DAY = datetime(2024, 5, 1, tzinfo=UTC)
OWNER = uuid5(NAMESPACE_URL, "judged")
"""The user whose documents they are."""
Key = tuple[str, str]
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Corpus:
    """``documents``: which of the suite's an entity stands for. A conversation's text is a message in it, a message
    has a conversation that bears its title: whichever of the two is found, the document is.
    """

    owner: str
    documents: Mapping[Key, str]

    def ranking(self, keys: Sequence[Key]) -> list[str]:
        """The suite's documents in the order they are found, each once."""
        return list(dict.fromkeys(self.documents[key] for key in keys if key in self.documents))


async def load(connection: Connection, suite: Suite) -> Corpus:
    """Insert them for one user. The connection may write; the schema is there and empty."""
    await connection.execute(
        "INSERT INTO public.users (id, email, hashed_password) VALUES ($1, 'judged@devora.invalid', '-')", OWNER
    )
    shelf = _id("shelf")
    if any(each.kind == "file" for each in suite.documents):
        await connection.execute(
            "INSERT INTO public.projects (id, user_id, name, created_at) VALUES ($1, $2, '-', $3)", shelf, OWNER, _DAY
        )
    known: dict[Key, str] = {}
    for each in suite.documents:
        for key in await _insert(connection, each, shelf):
            known[key] = each.id
    return Corpus(str(OWNER), known)


async def _insert(connection: Connection, each: Document, shelf: UUID) -> tuple[Key, ...]:
    name = _id(each.id)
    if each.kind == "project":
        await connection.execute(
            "INSERT INTO public.projects (id, user_id, name, description, created_at) VALUES ($1, $2, $3, $4, $5)",
            name, OWNER, each.title, each.body, _DAY,
        )  # fmt: skip
        return (("project", str(name)),)
    if each.kind == "file":
        await connection.execute(
            "INSERT INTO public.project_files (id, project_id, name, content, created_at) VALUES ($1, $2, $3, $4, $5)",
            name, shelf, each.title, each.body, _DAY,
        )  # fmt: skip
        return (("file", str(name)),)
    said = _id(each.id + " said")
    await connection.execute(
        "INSERT INTO public.conversations (id, user_id, title, created_at) VALUES ($1, $2, $3, $4)",
        name, OWNER, each.title, _DAY,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO public.messages (id, conversation_id, role, content, timestamp) VALUES ($1, $2, 'user', $3, $4)",
        said, name, each.body, _DAY,
    )  # fmt: skip
    return ("conversation", str(name)), ("message", str(said))


def _id(name: str) -> UUID:
    return uuid5(OWNER, name)


async def embed(connection: Connection, embedder: Embedder) -> int:
    """The vectors of every document, cut into pieces as a back-fill cuts them; and the vocabulary. Gives how many.

    None without pgvector: that leg says so itself.
    Raises ConsoleError (exit 1): a document that has no vector because a provider refused it would be judged as lost.
    """
    await connection.execute("SELECT public.devora_refresh_vocabulary()")
    if await ready.missing(connection) is not None:
        return 0
    rows = await connection.fetch(
        "SELECT user_id, entity_type, entity_id FROM public.search_documents ORDER BY entity_type, entity_id"
    )
    keys = [work.Key(row["user_id"], row["entity_type"], row["entity_id"]) for row in rows]
    written = 0
    for start in range(0, len(keys), _AT_ONCE):
        done = await embed_directly(connection, embedder, keys[start : start + _AT_ONCE])
        if done.refused is not None:
            raise ConsoleError(done.refused, ExitCode.NEGATIVE)
        if done.errors:
            words = f"{len(done.errors)} documents of the suite have no vector: {done.errors[0]}"
            raise ConsoleError.of(ExitCode.NEGATIVE, "suite_not_embedded", words, "See: devora-console embed run")
        written += done.chunks
    return written
