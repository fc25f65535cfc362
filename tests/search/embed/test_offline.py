"""The offline embedder: French read through the glossary, English as it is, nothing padded, nothing invented."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError
from devora_console.search.embed.chunks import OVERLAP, SIZE, chunks, spans
from devora_console.search.embed.french import base_forms, folded
from devora_console.search.embed.glossary import load_glossary
from devora_console.search.embed.hashing import HashEmbedder
from devora_console.search.embed.offline import OfflineEmbedder, offline_embedder
from devora_console.search.embed.provider import Embedder, embedder_of
from devora_console.search.embed.weights import word_vectors

DATA = Path(__file__).parents[1] / "data"


def similarity(embedder: OfflineEmbedder, one: str, other: str) -> float:
    first, second = embedder.embed_now([one, other])
    assert first is not None
    assert second is not None
    return sum(a * b for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def offline() -> OfflineEmbedder:
    return offline_embedder()


def test_it_is_the_default_and_its_name_says_what_it_is(offline: OfflineEmbedder) -> None:
    found = embedder_of(Settings())
    assert isinstance(found, Embedder)
    assert found.model == offline.model
    assert found.model.startswith("wl256-glossfr-")
    assert (found.dims, found.local) == (256, True)


def test_importing_it_takes_no_logging_over_and_imports_no_wordllama() -> None:
    script = (
        "import logging, sys\nfrom devora_console.search.embed.offline import offline_embedder\n"
        "assert offline_embedder().embed_now(['la base de données'])[0] is not None\n"
        "assert not logging.getLogger().handlers and 'wordllama' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("french", "english"),
    [
        ("La base de données est en panne", "database outage failure"),
        ("Les serveurs redémarraient lentement", "servers restart slowly"),
        ("mots de passe oubliés", "forgotten password reset"),
        ("L’utilisatrice s'est désabonnée", "user unsubscribe"),
        ("Où sont les sauvegardes chiffrées ?", "encrypted backup"),
    ],
)
def test_french_is_read_as_english(offline: OfflineEmbedder, french: str, english: str) -> None:
    assert similarity(offline, french, english) > 0.75
    assert similarity(offline, french.upper(), english) > 0.7
    assert similarity(offline, "".join(map(folded, french)), english) > 0.7


def test_english_stays_as_it_is(offline: OfflineEmbedder) -> None:
    assert similarity(offline, "the chat is about pain and main files", "chat pain main files") > 0.9
    assert similarity(offline, "rates", "miss fail") < 0.5 < similarity(offline, "le test rates", "test miss fail")
    assert similarity(offline, "le chat a mangé du pain", "cat bread eat") > 0.8
    assert similarity(offline, "the database is down", "database outage") > similarity(
        offline, "the database is down", "birthday cake"
    )


def test_identifiers_are_taken_apart_and_signs_of_languages_are_not(offline: OfflineEmbedder) -> None:
    assert similarity(offline, "getUserById", "get user by id") > 0.95
    assert similarity(offline, "src/auth/jwt_token.py", "src auth jwt token py") > 0.99
    assert similarity(offline, "JavaScript", "javascript") > 0.8
    assert similarity(offline, "C++", "C") < 0.99


def test_a_long_text_changes_nothing_about_its_neighbours(offline: OfflineEmbedder) -> None:
    long = "La base de données ne répond plus. " * 6000  # 200 kB
    alone = offline.embed_now(["Fuite de mémoire"])[0]
    vectors = offline.embed_now(["Fuite de mémoire", long, "", "  …!", "Fuite de mémoire"])
    assert [vector is None for vector in vectors] == [False, False, True, True, False]
    assert list(vectors[0] or ()) == list(alone or ()) == list(vectors[4] or ())
    assert similarity(offline, long, "La base de données ne répond plus.") > 0.999


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_vector_of_length_one_or_none(text: str) -> None:
    for embedder in (offline_embedder(), HashEmbedder()):
        vector = embedder.embed_now([text])[0] if isinstance(embedder, OfflineEmbedder) else embedder.embed_one(text)
        if vector is not None:
            assert math.isclose(math.fsum(each * each for each in vector), 1, rel_tol=1e-3)
        known = embedder.coverage(text)
        assert known is None or 0 <= known <= 1


def test_coverage_foretells_what_it_does_not_know(offline: OfflineEmbedder) -> None:
    assert offline.coverage("Où est la sauvegarde de la base ?") == 1
    assert offline.coverage("The database is down") == 1
    assert (offline.coverage("xqzvbn flarpouille grobouzon") or 0) < 0.4
    assert offline.coverage("… 42 ?") is None
    assert HashEmbedder().coverage("la base") is None


@pytest.mark.parametrize(
    ("word", "base"),
    [
        ("serveurs", "serveur"),
        ("journaux", "journal"),
        ("rapidement", "rapide"),
        ("evidemment", "evident"),
        ("utilisatrice", "utilisateur"),
        ("supprimees", "supprimer"),
        ("redemarrait", "redemarrer"),
        ("envoie", "envoyer"),
        ("changeons", "changer"),
        ("finissent", "finir"),
        ("repondra", "repondre"),
        ("appelle", "appeler"),
        ("active", "actif"),
    ],
)
def test_forms_lead_back_to_their_word(word: str, base: str) -> None:
    assert base in set(base_forms(word))


def test_the_glossary_is_large_and_in_order() -> None:
    glossary = load_glossary()
    assert glossary.entries > 2500
    assert glossary.digest == load_glossary().digest


def test_a_project_adds_its_words_and_the_name_of_the_model_changes(tmp_path: Path, offline: OfflineEmbedder) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("# nos mots\ngrobouzon\tinvoice\nserveur\twaiter\nbon de sortie\trelease note\n", "utf-8")
    found = offline_embedder(own)
    assert found.model != offline.model
    assert similarity(found, "le grobouzon", "invoice") > 0.99
    assert similarity(found, "les serveurs", "waiter") > 0.99
    assert similarity(found, "bons de sortie", "release note") > 0.99
    own.write_text("grobouzon invoice\n", "utf-8")
    load_glossary.cache_clear()
    with pytest.raises(ConsoleError, match="line 1"):
        load_glossary(own)
    own.write_bytes(b"\xff\xfe")
    with pytest.raises(ConsoleError, match="not UTF-8"):
        load_glossary(own)
    with pytest.raises(ConsoleError, match="No such file"):
        load_glossary(tmp_path / "none.tsv")


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from devora_console.search.embed import offline, weights

    for cached in (offline.offline_embedder, weights.word_vectors):
        cached.cache_clear()
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(ConsoleError, match="wordllama"):
        embedder_of(Settings())
    monkeypatch.undo()
    word_vectors()


def recall(embedder: OfflineEmbedder, name: str) -> float:
    """Recall at five of the documents of grade 2, over all queries."""
    found = json.loads((DATA / name).read_text("utf-8"))
    documents = found["documents"]
    vectors = embedder.embed_now([f"{each['title']}\n{each['body']}" for each in documents])
    parts = []
    for query in found["queries"]:
        asked = embedder.embed_now([query["text"]])[0]
        assert asked is not None
        wanted = {name for name, grade in query["judgments"].items() if grade == 2} or set(query["judgments"])
        order = sorted(range(len(documents)), key=lambda at: -_dot(asked, vectors[at]))
        parts.append(len(wanted & {documents[at]["id"] for at in order[:5]}) / len(wanted))
    return sum(parts) / len(parts)


def _dot(one: Sequence[float], other: Sequence[float] | None) -> float:
    return sum(a * b for a, b in zip(one, other or (), strict=True))


@pytest.mark.parametrize("name", ["judged_fr_dev.json", "judged_fr_second.json"])
def test_paraphrases_are_found(offline: OfflineEmbedder, name: str) -> None:
    """An alarm and no proof: the sets are small and of one author each."""
    assert recall(offline, name) >= 0.85


def test_texts_are_cut_at_the_ends_of_sentences_with_their_context_in_front() -> None:
    body = " ".join(f"Phrase numéro {number} du compte rendu." for number in range(200))
    pieces = list(chunks("Panne · Atelier", "", body))
    assert all(piece.startswith("Panne · Atelier\n") for piece in pieces)
    assert all(len(piece) <= SIZE for piece in pieces)
    assert all(piece.endswith(".") for piece in pieces)
    assert all(f"Phrase numéro {number} du compte rendu." in "|".join(pieces) for number in range(200))
    assert list(chunks("contexte", "", "  ")) == []
    assert list(chunks("Atelier", "src/app.py", "")) == ["Atelier\nsrc/app.py"]
    assert list(chunks("", "", "court")) == ["court"]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab \n.é", max_size=600), st.integers(20, 90))
def test_no_letter_is_lost_between_pieces_and_none_is_too_long(text: str, room: int) -> None:
    found = list(spans(text, room, min(OVERLAP, room // 3)))
    assert found[0][0] == 0
    assert found[-1][1] == len(text)
    for (start, end), (after, past) in pairwise(found):
        assert start < after <= end < past or (after == end and past > end)
        assert end - start <= room
