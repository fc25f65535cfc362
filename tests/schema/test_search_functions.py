"""The search functions of the schema: queries that are analysed, typing errors, titles, vectors; as the application."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.schema import apply, check
from tests.schema.conftest import Database, MakePerson

HOSTILE = [
    "",
    "   ",
    "le la les",
    "-secret",
    "c++",
    "'; drop table users; --",
    "\\",
    '"',
    '"guillemets ouverts',
    "a & | ! <-> (",
    '-(a b) or -"c d"',
    "😀",
    "x" * 10_000,
    "mot " * 3_000,
    "aujourd'hui l'été",
]


async def _corpus(database: Database, person: MakePerson) -> Any:
    """One user with forty messages, another with one word of their own; the vocabulary is fresh."""
    owner = await database.as_owner()
    ana, bob = await person(owner, "ana"), await person(owner, "bob")
    talk = await owner.fetchval("SELECT id FROM conversations WHERE user_id = $1", ana.user)
    other = await owner.fetchval("SELECT id FROM conversations WHERE user_id = $1", bob.user)
    await owner.execute("UPDATE conversations SET title = 'Géolocalisation des camions' WHERE id = $1", talk)
    await owner.executemany(
        "INSERT INTO messages (conversation_id, role, content) VALUES ($1, 'user', $2)",
        [(talk, f"bonjour, le serveur {n} répond lentement") for n in range(38)]
        + [(talk, "la facturation mensuelle du client est fausse"), (talk, "facturation : relance des impayés")]
        + [(other, "le projet ultraconfidentiel"), (other, "encore ultraconfidentiel")],
    )
    await owner.execute("SELECT devora_refresh_vocabulary(); ANALYZE search_documents")
    return ana


async def _as(database: Database, user: uuid.UUID) -> asyncpg.Connection:
    connection = await database.connect("app_user")
    await connection.execute("SELECT set_config('app.user_id', $1, false)", str(user))
    return connection


async def _words(connection: asyncpg.Connection, *lexemes: str) -> dict[str, asyncpg.Record]:
    rows = await connection.fetch("SELECT * FROM devora_search_words($1)", list(lexemes))
    return {row["lexeme"]: row for row in rows}


async def test_the_rarest_words_come_first(applied: Database, person: MakePerson) -> None:
    ana = await _corpus(applied, person)
    application = await _as(applied, ana.user)
    words = await _words(application, "bonjour", "serveur", "factur", "mensuel")
    assert list(words)[:2] == ["mensuel", "factur"]  # the rarest first
    assert not any(row["common"] for row in words.values())  # of so few documents all can be ranked
    assert all(row["held"] and not row["near"] for row in words.values())
    assert {row["documents"] for row in words.values()} == {None}  # is not for everybody to know
    owner = await applied.as_owner()
    assert (await _words(owner, "factur"))["factur"]["documents"] == 2


async def test_a_typing_error_is_corrected_by_words_of_ones_own(applied: Database, person: MakePerson) -> None:
    ana = await _corpus(applied, person)
    application = await _as(applied, ana.user)
    word = (await _words(application, "factruat"))["factruat"]
    assert (word["held"], word["near"][0]) == (False, "factur")
    # What only others have written is not given away.
    word = (await _words(application, "ultraconfidentil"))["ultraconfidentil"]
    assert (word["held"], word["near"]) == (False, [])
    # A lexeme is no query, whatever is in it.
    hostile = ["'", "\\", "a & | !", "''); drop", "b:*"]
    assert list(await _words(application, *hostile)) == hostile


async def test_negated_words_stay_so(applied: Database, person: MakePerson) -> None:
    ana = await _corpus(applied, person)
    application = await _as(applied, ana.user)
    assert len(await _matches(application, "facturation")) == 2
    assert len(await _matches(application, "facturation -impayés")) == 1
    assert await _matches(application, "-impayés") == []  # nearly everything
    rows = await _matches(application, "facturation or mensuelle")
    assert rows[0]["score"] > rows[1]["score"] > 0


async def _matches(connection: asyncpg.Connection, typed: str) -> list[asyncpg.Record]:
    return await connection.fetch("SELECT * FROM devora_search_fulltext(devora_query($1))", typed)


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
async def test_nothing_typed_is_an_error(applied: Database, person: MakePerson, typed: str) -> None:
    ana = await _corpus(applied, person)
    application = await _as(applied, ana.user)
    await _matches(application, typed)
    await application.fetch("SELECT * FROM devora_search_trigram($1)", typed)


async def test_titles_are_found_with_typing_errors(applied: Database, person: MakePerson) -> None:
    ana = await _corpus(applied, person)
    application = await _as(applied, ana.user)
    for typed in ("geolocalistion", "où est la géolocalistion du gros camoin rouge qui roule ce matin"):
        rows = await application.fetch("SELECT * FROM devora_search_trigram($1)", typed)
        assert [row["entity_type"] for row in rows] == ["conversation"], typed
    assert await application.fetch("SELECT * FROM devora_search_trigram('camions', kinds => '{file}')") == []
    assert await application.fetch("SELECT * FROM devora_search_trigram('ge')") == []


@pytest.fixture
async def with_vectors(applied: Database, person: MakePerson) -> tuple[Database, Any]:
    """Every message of the corpus has a vector of three dimensions, and one of them two chunks."""
    ana = await _corpus(applied, person)
    superuser, owner = await applied.connect(), await applied.as_owner()
    await superuser.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await apply(owner)
    await owner.execute(
        "INSERT INTO embeddings (user_id, entity_type, entity_id, text_content, model_name, embedding_vector)"
        " SELECT user_id, entity_type, entity_id, '', 'm', format('[%s,1,0]', row_number() OVER ())::vector"
        " FROM search_documents WHERE entity_type = 'message'"
    )
    await owner.execute(
        "INSERT INTO embeddings (user_id, entity_type, entity_id, chunk, text_content, model_name, embedding_vector)"
        " SELECT user_id, entity_type, entity_id, 1, '', 'm', '[0,1,0]' FROM search_documents"
        " WHERE entity_type = 'message' AND user_id = $1 LIMIT 1",
        ana.user,
    )
    return applied, ana


async def _nearest(connection: asyncpg.Connection, vector: Sequence[int], more: str = "") -> list[asyncpg.Record]:
    text = f"SELECT * FROM devora_search_semantic($1::text::vector, 'm' {more})"  # noqa: S608 - our own words
    return await connection.fetch(text, str(list(vector)))


async def test_vectors_are_searched_for_one_user(with_vectors: tuple[Database, Any]) -> None:
    database, ana = with_vectors
    application = await _as(database, ana.user)
    mine = await application.fetchval("SELECT count(DISTINCT entity_id) FROM embeddings WHERE model_name = 'm'")
    for more in ("", ", exactly => true", ", exact_rows => 0"):
        rows = await _nearest(application, (0, 1, 0), more)
        assert len(rows) == mine
        assert (rows[0]["chunk"], round(rows[0]["score"], 5)) == (1, 1.0)
        assert len({row["entity_id"] for row in rows}) == mine
        assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert await _nearest(application, (0, 0, 0)) == []
    assert len(await _nearest(application, (0, 1, 0), ", most => 3")) == 3
    assert await _nearest(application, (0, 1, 0), ", kinds => '{file}'") == []
    await application.execute("SELECT set_config('app.user_id', '', false)")
    assert await _nearest(application, (0, 1, 0)) == []
    # What is deleted has no document, and is not found by the vector it may still have.
    owner = await database.as_owner()
    await owner.execute("UPDATE conversations SET deleted_at = now() WHERE user_id = $1", ana.user)
    await owner.execute("SELECT set_config('app.user_id', $1, false)", str(ana.user))
    assert await _nearest(owner, (0, 1, 0)) == []


async def test_an_index_of_a_model_is_no_drift(with_vectors: tuple[Database, Any], empty_database: Dsn) -> None:
    owner = await with_vectors[0].as_owner()
    await owner.execute(
        "CREATE INDEX idx_embeddings_ann_0a1b2c3d_3 ON embeddings USING hnsw"
        " ((embedding_vector::vector(3)) vector_cosine_ops) WHERE model_name = 'm'"
    )
    assert (await check(owner)).verdict == "ok"
    await owner.execute("CREATE INDEX idx_embeddings_other ON embeddings (created_at)")
    assert [each.object for each in (await check(owner)).drift] == ["public.idx_embeddings_other"]


async def test_titles_below_a_score_are_left_out_and_nothing_else(applied: Database, person: MakePerson) -> None:
    ana = await _corpus(applied, person)
    owner = await applied.as_owner()
    titles = ["Facture du client", "Facture mensuelle", "Relance du client mensuelle", "Cient", "Autre chose"]
    await owner.executemany(
        "INSERT INTO conversations (user_id, title) VALUES ($1, $2)", [(ana.user, title) for title in titles]
    )
    application = await _as(applied, ana.user)
    for words in ("factures client mensuel relance", "clinet facture", "client", "geolocalistion"):
        every = await application.fetch("SELECT * FROM devora_search_trigram($1)", words)
        for least in (0.3, 0.5, 0.9):
            kept = await application.fetch("SELECT * FROM devora_search_trigram($1, score_from => $2)", words, least)
            assert kept == [row for row in every if row["score"] >= least], (words, least)
