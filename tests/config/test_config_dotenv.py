"""The application's .env: read, not owned."""

from __future__ import annotations

from pathlib import Path

import pytest

from devora_console.config.dotenvfile import foreign_secrets, read_dotenv
from devora_console.config.secret import Secret, scrub
from tests.config.config_place import Place

GUIDE = """\
# PostgreSQL (nouvelle config)
POSTGRES_DSN=postgresql://devora_user:votre_mot_de_passe@localhost/devora_db

# MongoDB (existant - garder pour la migration)
MONGO_URL=mongodb://localhost:27017
DB_NAME=devora_db
POSTHOG_API_KEY=phc_votre_cle_posthog
ENVIRONMENT=production
OPENAI_API_KEY=sk-votre_cle_openai

# Existants (garder)
SECRET_KEY=une-cle-tres-secrete
STRIPE_API_KEY=sk_live_stripe
RESEND_API_KEY=re_resend
"""


def _values(tmp_path: Path, content: str | bytes) -> dict[str, tuple[str, str]]:
    path = tmp_path / ".env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = read_dotenv(path, ".env")
    assert found is not None
    return {name: (entry.value.reveal(), entry.origin.where) for name, entry in found.values.items()}


def test_the_guides_file(place: Place) -> None:
    place.write(env=GUIDE)
    effective = place.load()
    settings = effective.settings
    assert effective.problems == ()
    assert str(settings.postgres.dsn) == "postgresql://devora_user:***@localhost/devora_db"
    assert settings.mongo.url is not None
    assert settings.mongo.url.reveal() == "mongodb://localhost:27017"
    assert settings.mongo.database == "devora_db"
    assert settings.environment == "production"
    assert settings.read_only
    assert settings.analytics.posthog_api_key == Secret("phc_votre_cle_posthog")
    assert settings.search.openai_api_key == Secret("sk-votre_cle_openai")
    assert effective.origins["postgres.dsn"].where == ".env:2"
    assert effective.origins["search.openai_api_key"].where == ".env:9"
    said = "votre_mot_de_passe une-cle-tres-secrete sk_live_stripe re_resend sk-votre_cle_openai devora_db"
    assert scrub(said, *settings.secrets()) == "*** *** *** *** *** devora_db"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=plain", "plain"),
        ("K = spaced ", "spaced"),
        ("export K=exported", "exported"),
        ("K='single # $HOME ${X}'", "single # $HOME ${X}"),
        ('K="double # $HOME ${X}"', "double # $HOME ${X}"),
        ("K=pa$$w0rd${HOME}", "pa$$w0rd${HOME}"),
        ("K=with#hash", "with#hash"),
        ("K=value # comment", "value"),
        ('K="a\\nb"', "a\nb"),
        ("K=postgresql://u:p%40@h/d?a=b", "postgresql://u:p%40@h/d?a=b"),
        ("K=first\nK=second", "second"),
    ],
)
def test_how_values_are_written(tmp_path: Path, line: str, value: str) -> None:
    assert _values(tmp_path, line)["K"][0] == value
    assert _values(tmp_path, line.replace("\n", "\r\n") + "\r\n")["K"][0] == value
    assert _values(tmp_path, b"\xef\xbb\xbf" + line.encode())["K"][0] == value


def test_lines_are_counted_through_blank_ones_comments_and_long_values(tmp_path: Path) -> None:
    text = "\n# c\n\nA=1x\n\n\nB='two\nlines'\n  \n  C=3x\nexport D=4x"
    expected = {"A": 4, "B": 7, "C": 10, "D": 11}
    assert {name: where for name, (_, where) in _values(tmp_path, text).items()} == {
        name: f".env:{line}" for name, line in expected.items()
    }
    assert {name: where for name, (_, where) in _values(tmp_path, text.replace("\n", "\r\n")).items()} == {
        name: f".env:{line}" for name, line in expected.items()
    }


def test_malformed_lines_are_warnings_and_never_quoted(place: Place) -> None:
    place.write(env="A=fine\nnot a line of s3cret\nMONGO_URL\nC='never closed s3cret\nMONGO_URL=mongodb://h\n")
    effective = place.load()
    assert [str(problem) for problem in effective.problems] == [
        f".env:{line}: not of the form NAME=value; ignored. Correct the line" for line in (2, 3, 4)
    ]
    assert effective.origins["mongo.url"].where == ".env:5"


def test_text_that_is_not_utf8_is_no_obstacle(place: Place) -> None:
    place.write(env=b"# cl\xe9 du projet\nNOM=caf\xe9-noir\nMONGO_URL=mongodb://h\n")
    effective = place.load()
    assert effective.origins["mongo.url"].where == ".env:3"
    assert len(effective.settings.extra_secrets) == 1
    assert "caf" not in scrub("caf\udce9-noir", *effective.settings.extra_secrets)
    place.write(env=b"DB_NAME=caf\xe9\n")
    assert place.error() == ".env:1: mongo.database: is not a database name MongoDB allows"


def test_a_virtual_environment_called_dot_env_is_no_file(place: Place) -> None:
    (place.folder / ".env").mkdir()
    assert place.load().files == ()


def test_which_foreign_values_count_as_secrets(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "DEBUG=true\nPORT=8000\nLOG_LEVEL=info\nNODE_ENV=production\nHOST=localhost\n"
        "JWT_SECRET=abcd\nPIN_CODE_KEY=12345678\nREDIS_URL=redis://:r3d1s@cache:6379/0\n"
        "ANYTHING=long-enough-to-be-one\nDB_NAME=devora_production\n"
    )
    found = read_dotenv(path, ".env")
    assert found is not None
    secrets = foreign_secrets(found.values, frozenset({"DB_NAME"}))
    said = "true 8000 info production localhost devora_production"
    assert scrub(said, *secrets) == said
    assert scrub("abcd 12345678 r3d1s long-enough-to-be-one", *secrets) == "*** *** *** ***"
    assert scrub("redis://:r3d1s@cache:6379/0", *secrets) == "***"


def test_a_folder_of_this_machine_is_no_secret_and_paths_in_it_are_shown(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"SOME_FOLDER={tmp_path}\nJWT_SECRET={tmp_path}\nOTHER=/no/such/folder-of-any-kind\n")
    found = read_dotenv(path, ".env")
    assert found is not None
    secrets = {each.reveal() for each in foreign_secrets(found.values, frozenset({"JWT_SECRET"}))}
    assert secrets == {"/no/such/folder-of-any-kind"}
    assert {each.reveal() for each in foreign_secrets(found.values, frozenset())} == secrets | {str(tmp_path)}
