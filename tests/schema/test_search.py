"""French full text: what is found by whom, with the application's queries and with ours."""

from __future__ import annotations

import pytest

from devora_console.schema import apply, rollback
from tests.schema.conftest import Database, MakePerson

TEXTS = {
    "dev": "Le développement d'une application web à l'été, où sont les données ?",
    "docker": "Corrige docker-compose.yml et backend/auth/jwt.py, puis user_settings.",
    "ascii": "Fuite de memoire dans le serveur web",
    "fete": "la fête a commencé",
}


async def _fill(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    ana = await person(connection, "ana")
    for title, text in TEXTS.items():
        await connection.execute(
            "INSERT INTO messages (conversation_id, role, content, model_used) VALUES ($1, 'user', $2, $3)",
            ana.conversation,
            text,
            title,
        )


FOUND = "SELECT model_used FROM messages WHERE model_used IS NOT NULL AND search_vector @@ QUERY ORDER BY 1"


async def _found(applied: Database, query: str, *values: str) -> list[str]:
    """Which of TEXTS ``query``, an expression of type tsquery, finds."""
    connection = await applied.as_owner()
    return [row[0] for row in await connection.fetch(FOUND.replace("QUERY", query), *values)]


WORDS = [
    ("développement", ["dev"]),
    ("developpement", ["dev"]),
    ("DÉVELOPPEMENTS", ["dev"]),
    ("où sont les données", ["dev"]),
    ("les données", ["dev"]),
    ("donnees", ["dev"]),
    ('"les données"', ["dev"]),
    ('"où sont les données"', ["dev"]),
    ('"application données"', []),
    ("a une application", ["dev"]),
    ("mémoire", ["ascii"]),
    ("serveur -fuite", []),
    ("docker compose", ["docker"]),
    ("docker-compose", ["docker"]),
    ("docker-compose.yml", ["docker"]),
    ("jwt", ["docker"]),
    ("auth/jwt.py", ["docker"]),
    ("user_settings", ["docker"]),
    ("fête", ["fete"]),
    ("fete", ["fete"]),
    ("jwt.py", ["docker"]),
    ('"docker-compose.yml"', ["docker"]),
]


async def test_a_persons_words(applied: Database, person: MakePerson) -> None:
    await _fill(applied, person)
    for words, expected in WORDS:
        assert await _found(applied, "devora_query($1)", words) == expected, words


async def test_the_applications_own_queries(applied: Database, person: MakePerson) -> None:
    await _fill(applied, person)
    for query, expected in {
        "to_tsquery('french', 'développement')": ["dev"],
        "to_tsquery('french', 'application & web')": ["dev"],
        "to_tsquery('french', 'web')": ["ascii", "dev"],
        "to_tsquery('french', 'données & les')": ["dev"],
        "plainto_tsquery('french', 'où sont les données')": ["dev"],
        "plainto_tsquery('french', 'la fête a commencé')": ["fete"],
        "to_tsquery('devora_french', 'developpement | memoire')": ["ascii", "dev"],
    }.items():
        assert await _found(applied, query) == expected, query
    connection = await applied.as_owner()
    rank = "SELECT ts_rank(search_vector, to_tsquery('french', $1)) FROM messages WHERE model_used = 'dev'"
    assert await connection.fetchval(rank, "développement") > 0


async def test_odd_queries_neither_fail_nor_find_everything(applied: Database, person: MakePerson) -> None:
    await _fill(applied, person)
    for odd in ("les", "a", "où", "", "(((", "'; DROP TABLE x", "\\", "!", "<->", "c++", "🙂", "les les a où"):
        assert len(await _found(applied, "devora_query($1)", odd)) <= 1, odd


async def test_an_accent_less_word_weighs_the_same_in_both_ways_of_writing(applied: Database) -> None:
    connection = await applied.as_owner()
    rank = "SELECT ts_rank(devora_vector($1), devora_query('reservation'))"
    plain = await connection.fetchval(rank, "une reservation ici")
    accented = await connection.fetchval(rank, "une réservation ici")
    assert plain == pytest.approx(accented)


async def test_without_unaccent_accents_matter_and_later_they_do_not(bare: Database, person: MakePerson) -> None:
    connection = await bare.as_owner()
    await apply(connection, to=8)
    assert await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'unaccent'") == 0
    await person(connection, "ana")
    await connection.execute("UPDATE projects SET name = 'réservation'")
    moment = await connection.fetchval("SELECT updated_at FROM projects")
    matches = "SELECT search_vector @@ devora_query($1) FROM projects"
    assert await connection.fetchval(matches, "réservation") is True
    assert await connection.fetchval(matches, "reservation") is False

    assert (await apply(connection, to=9)).applied == (9,)
    assert await connection.fetchval(matches, "reservation") is True
    assert await connection.fetchval("SELECT updated_at FROM projects") == moment

    await rollback(connection, 8)
    assert await connection.fetchval("SELECT devora_vector('réservation') @@ devora_query('reservation')") is False


async def test_names_with_typing_errors_by_trigram(applied: Database, person: MakePerson) -> None:
    connection = await applied.as_owner()
    await person(connection, "ana")
    await connection.execute("UPDATE projects SET name = 'Géolocalisation des cœurs'")
    assert await connection.fetchval("SELECT devora_fold(name) FROM projects") == "geolocalisation des coeurs"
    found = "SELECT count(*) FROM projects WHERE devora_fold($1) <% devora_fold(name)"
    assert await connection.fetchval(found, "géolocalistion") == 1
    await connection.execute("SET enable_seqscan = off")
    plan = await connection.fetch("EXPLAIN SELECT 1 FROM projects WHERE 'geolocalistion' <% devora_fold(name)")
    assert any("idx_projects_name_trgm" in row[0] for row in plan)
