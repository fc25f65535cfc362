"""Every complaint, word by word: file, line, key, what is wrong, what would be right; never the value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devora_console.config.load import load
from devora_console.core.problems import ConsoleError, ExitCode
from tests.config.config_place import Place

PASSWORD = "hunter2X"
DSN = f"postgresql://ana:{PASSWORD}@db.example/devora"
URL = f"mongodb://ana:{PASSWORD}@db.example"

# By what the file holds: the line and the words.
IN_TOML = {
    f"[postgres]\ndns = '{DSN}'": "2: postgres.dns: unknown key; did you mean 'dsn'?",
    f"dsn = '{DSN}'": "1: dsn: unknown key; it belongs to [postgres]",
    f"[postgress]\ndsn = '{DSN}'": "1: postgress: unknown key; did you mean 'postgres'?",
    f"postgres = '{DSN}'": "1: postgres: should be a table: [postgres]",
    f"[postgres]\nwidth = '{DSN}'": "2: postgres.width: unknown key; there are dsn, superuser_dsn, "
    "connect_timeout_seconds, statement_timeout_seconds",
    "[postgres]\nfrom_libpq = true": "2: postgres.from_libpq: unknown key; there are dsn, superuser_dsn, "
    "connect_timeout_seconds, statement_timeout_seconds",
    f"'{DSN}' = 1": "1: <not a plain name>: unknown key; there are environment, read_only",
    f"[postgres]\n\n[postgres.dsn]\nx = '{DSN}'": "3: postgres.dsn: should be text, not a table",
    f"[postgres]\ndsn = ['{DSN}']": "2: postgres.dsn: should be text, not a list",
    "[postgres]\ndsn = 5": "2: postgres.dsn: should be text",
    "[postgres]\ndsn = 2024-01-01": "2: postgres.dsn: should be text, not a date or time",
    f"[postgres]\nconnect_timeout_seconds = '{DSN}'": "2: postgres.connect_timeout_seconds: should be a number",
    "[postgres]\nconnect_timeout_seconds = '10'": "2: postgres.connect_timeout_seconds: should be a number",
    "[postgres]\nconnect_timeout_seconds = true": "2: postgres.connect_timeout_seconds: should be a number",
    "[postgres]\nconnect_timeout_seconds = 0": "2: postgres.connect_timeout_seconds: should be greater than 0",
    "[postgres]\nconnect_timeout_seconds = nan": "2: postgres.connect_timeout_seconds: should be less than "
    "or equal to 600",
    "read_only = 'yes'": "1: read_only: should be true or false",
    "read_only = 1": "1: read_only: should be true or false",
    "[migration]\nbatch_bytes = 1.5": "2: migration.batch_bytes: should be a whole number",
    "[migration]\nbatch_bytes = 12": "2: migration.batch_bytes: should be greater than or equal to 10000",
    "[migration]\nmax_quarantine = '110%'": "2: migration.max_quarantine: should be a count such as '50' or "
    "a percentage such as '10%'",
    f"[terminal]\nunicode = '{PASSWORD}'": "2: terminal.unicode: should be 'auto', 'always' or 'never'",
    f"[mongo]\nread_preference = '{PASSWORD}'": "2: mongo.read_preference: should be 'primary', "
    "'primaryPreferred', 'secondary', 'secondaryPreferred' or 'nearest'",
    f"[mongo]\ndatabase = '{URL}'": "2: mongo.database: is not a database name MongoDB allows",
    "[mongo]\ndatabase = 3": "2: mongo.database: should be text",
    f"[mongo]\nurl = 'mongdb://{PASSWORD}'": "2: mongo.url: scheme 'mongdb'; did you mean 'mongodb'?",
    f"[mongo]\nurl = '{PASSWORD}://x'": "2: mongo.url: its scheme is not mongodb or mongodb+srv",
    f"[mongo]\nurl = '{PASSWORD}'": "2: mongo.url: is not of the form 'mongodb://...' or 'mongodb+srv://...'",
    f"[mongo]\nurl = 'mongodb://ana:{PASSWORD}@'": "2: mongo.url: names no host",
    f"[mongo]\nurl = 'mongodb://ana:{PASSWORD}@x@h'": "2: mongo.url: has more than one '@' before its host; "
    "write an '@' in a password as %40",
    f"[search]\nopenai_api_key = '{PASSWORD} x'": "2: search.openai_api_key: holds white space or control characters",
    "[search]\nopenai_api_key = ''": "2: search.openai_api_key: is empty; leave the key out instead",
    f"[profiles.staging]\ndsn = '{DSN}'": "2: profiles.staging.dsn: unknown key; it belongs to [postgres]",
    f"[profiles.staging.postgres]\ndns = '{DSN}'": "2: profiles.staging.postgres.dns: unknown key; did you mean 'dsn'?",
    f"profiles.staging = '{DSN}'": "1: profiles.staging: should be a table",
    f"profiles = '{DSN}'": "1: profiles: should hold tables: [profiles.NAME]",
    f"[profiles.'{DSN}']": "1: profiles.<not a plain name>: a profile is named with letters, digits, '-' and '_'",
    "default_profile = 'stagin'\n[profiles.staging]": "1: default_profile: no such profile; did you mean 'staging'?",
    "default_profile = 'x'\n[profiles.staging]": "1: default_profile: no such profile; the file has staging",
    "default_profile = 4": "1: default_profile: should be text",
}
OF_A_DSN = {
    f"postgresq://ana:{PASSWORD}@h/d": "scheme 'postgresq'; did you mean 'postgresql'?",
    f"postgresql+asyncpg://ana:{PASSWORD}@h/d": "scheme 'postgresql+asyncpg'; did you mean 'postgresql'?",
    f"mysql://ana:{PASSWORD}@h/d": "its scheme is not postgresql or postgres",
    f"ana:{PASSWORD}@h/d": "is neither 'postgresql://...' nor 'host=... dbname=...'",
    f"postgresql:/ana:{PASSWORD}@h/d": "is neither 'postgresql://...' nor 'host=... dbname=...'",
    f"postgresql://ana:{PASSWORD}/x@h/d": "has a port that is not a number; write a '/' in a password as %2F",
    f"postgresql://ana:{PASSWORD}@x@h/d": "has more than one '@' before its host; write an '@' in a password as %40",
    f"postgresql://ana:{PASSWORD}@h:99999/d": "has a port outside 1..65535",
    f"postgresql://ana:{PASSWORD}@[::1/d": "has a host that cannot be read; an IPv6 address is written in [brackets]",
    f"postgresql://ana:{PASSWORD}@h/d?sslmod=require": "unknown parameter 'sslmod'; did you mean 'sslmode'?",
    f"postgresql://h/d?pasword={PASSWORD}": "unknown parameter 'pasword'; did you mean 'password'?",
    f"postgresql://h/d?{PASSWORD}": "has a parameter without '=' after its '?'",
    f"postgresql://h/d?sslmode={PASSWORD}": "sslmode is not one of disable, allow, prefer, require, "
    "verify-ca, verify-full",
    f"postgresql://h/d?target_session_attrs={PASSWORD}": "target_session_attrs is not one of any, read-write, "
    "read-only, "
    "primary, standby, prefer-standby",
    "postgresql://h/d?channel_binding=require": "channel_binding asks for what the console's driver cannot promise; "
    "leave it out",
    "postgresql://h/d?sslrootcert=system": "sslrootcert=system is not supported; name the system's certificate bundle",
    f"host=h password='{PASSWORD}": "has a quote that is never closed",
    f"host=h password=x {PASSWORD}": "has a word without '='; quote values that hold spaces: password='two words'",
    "host=a,b,c port=1,2": "has 2 ports for 3 hosts",
    "postgresql://h/%FF": "holds a %xx code that is not UTF-8",
    f"postgresql://h:%00/{PASSWORD}": "holds a NUL character",
}


@contextmanager
def _as_somebody_who_is_not_root() -> Iterator[None]:
    """Root may read everything: be 'nobody' for the length of a block."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.mark.parametrize(("toml", "words"), IN_TOML.items(), ids=range(len(IN_TOML)))
def test_a_wrong_key_or_value_in_the_file(place: Place, toml: str, words: str) -> None:
    place.write(toml=toml)
    said = place.error()
    assert said == f"config.toml:{words}"
    assert PASSWORD not in said


@pytest.mark.parametrize(("dsn", "words"), OF_A_DSN.items(), ids=range(len(OF_A_DSN)))
def test_a_wrong_dsn(place: Place, dsn: str, words: str) -> None:
    said = place.error(environ={"POSTGRES_DSN": dsn})
    assert said == f"POSTGRES_DSN: postgres.dsn: {words}"
    assert PASSWORD not in said
    place.write(env=f'\nPOSTGRES_DSN="{dsn}"')
    assert place.error() == f".env:2: postgres.dsn: {words}"
    assert place.error(overrides={"postgres.superuser_dsn": dsn}).startswith(
        f".env:2: postgres.dsn: {words} (and 1 more)"
    )


def test_the_first_of_several_says_how_many_there_are(place: Place) -> None:
    place.write(toml=f"[terminal]\nthme = '{DSN}'\n[postgres]\ndns = '{DSN}'\n[mongo]\nurl = '{DSN}'\n")
    assert place.error(environ={"DEVORA_CONSOLE__MONGO__URI": DSN}) == (
        "config.toml:2: terminal.thme: unknown key; did you mean 'theme'? (and 3 more). "
        "'devora-console config check' lists all"
    )
    found = place.check(environ={"DEVORA_CONSOLE__MONGO__URI": DSN})
    assert [problem.message for problem in found.errors] == [
        "config.toml:2: terminal.thme: unknown key; did you mean 'theme'?",
        "config.toml:4: postgres.dns: unknown key; did you mean 'dsn'?",
        "config.toml:6: mongo.url: its scheme is not mongodb or mongodb+srv",
        "DEVORA_CONSOLE__MONGO__URI: unknown key; did you mean 'DEVORA_CONSOLE__MONGO__URL'?",
    ]
    assert found.exit_code == ExitCode.USAGE


def test_variables_and_options(place: Place) -> None:
    assert place.error(environ={"DEVORA_CONSOLE__POSTGRES__DNS": DSN}) == (
        "DEVORA_CONSOLE__POSTGRES__DNS: unknown key; did you mean 'DEVORA_CONSOLE__POSTGRES__DSN'?"
    )
    assert place.error(environ={"DEVORA_CONSOLE__": DSN}) == "DEVORA_CONSOLE__: unknown key"
    assert place.error(overrides={"postgres.dns": DSN}) == (
        "command line: postgres.dns: unknown key; did you mean 'dsn'?"
    )
    assert place.error(overrides={"terminal.refresh_seconds": DSN}) == (
        "command line: terminal.refresh_seconds: should be a number"
    )
    assert place.error(overrides={"postgres.dsn": ""}) == (
        "command line: postgres.dsn: is neither 'postgresql://...' nor 'host=... dbname=...'"
    )
    assert place.error(environ={"DEVORA_CONSOLE__READ_ONLY": "maybe"}) == (
        "DEVORA_CONSOLE__READ_ONLY: read_only: should be true or false"
    )
    place.write(env="\nDEVORA_CONSOLE__POSTGRES__DNS=x")
    assert place.error().startswith(".env:2: DEVORA_CONSOLE__POSTGRES__DNS: unknown key; did you mean")


def test_misspelt_names_of_our_own_are_warnings(place: Place) -> None:
    place.write(env=f"DEVORA_CONSOLE_HOME=/x\nDEVORA_CONSOLE_KONFIG={DSN}\n")
    effective = place.load(environ={"DEVORA_CONSOLE_PROFIL": DSN})
    assert [str(problem) for problem in effective.problems] == [
        "DEVORA_CONSOLE_PROFIL: no such variable; did you mean 'DEVORA_CONSOLE_PROFILE'?",
        ".env:2: DEVORA_CONSOLE_KONFIG: no such variable; did you mean 'DEVORA_CONSOLE_CONFIG'?",
        ".env:1: DEVORA_CONSOLE_HOME has no effect in .env. Set it in the environment",
    ]


def test_profiles_that_are_not_there(place: Place) -> None:
    assert place.error(profile="staging") == (
        "command line: profile 'staging' is asked for, but there is no configuration file. "
        "Write one with 'devora-console config init'"
    )
    place.write(toml="")
    assert place.error(profile="staging") == "command line: profile 'staging' is not in config.toml; it has none"
    place.write(toml="[profiles.staging]\n[profiles.production]\n")
    assert place.error(profile="stagign") == (
        "command line: profile 'stagign' is not in config.toml; did you mean 'staging'?"
    )
    assert place.error(environ={"DEVORA_CONSOLE_PROFILE": "qqq"}) == (
        "DEVORA_CONSOLE_PROFILE: profile 'qqq' is not in config.toml; it has staging, production"
    )
    place.write(toml="[profiles.staging]\n", env=f"DEVORA_CONSOLE_PROFILE={DSN}")
    assert place.error() == (".env:1: profile '<not a plain name>' is not in config.toml; it has staging")


def test_production_cannot_be_made_writable_by_a_setting(place: Place) -> None:
    words = (
        "read_only: production is read-only and no setting changes that. "
        "Remove the key; --allow-writes arms a single command"
    )
    place.write(toml="[profiles.production]\nread_only = false\n")
    assert place.error(profile="production") == f"config.toml:2: {words}"
    place.write(env="ENVIRONMENT=production\nDEVORA_CONSOLE__READ_ONLY=no\n")
    assert place.error() == f".env:2: {words}"


def test_files_that_cannot_be_read(place: Place, tmp_path: Path) -> None:
    remedy = "Write one with 'devora-console config init'"
    assert place.error(config_file=Path("none.toml")) == f"none.toml: does not exist. {remedy}"
    assert place.error(environ={"DEVORA_CONSOLE_CONFIG": "none.toml"}) == f"none.toml: does not exist. {remedy}"
    assert place.error(config_file=tmp_path.parent) == (
        f"{tmp_path.parent}: is a directory, not a configuration file. Name the file itself"
    )
    assert place.error(config_file=Path("a\0b")) == (
        "a␀b: cannot be read: is no file name. Make it readable for this user"
    )
    bad = place.folder / "bad.toml"
    bad.write_bytes(b"# one\n# deux \xe9\n" + DSN.encode())
    assert place.error(config_file=bad) == "bad.toml:2: not UTF-8. Save the file as UTF-8"
    bad.write_bytes(b"#" * 1_000_001)
    assert place.error(config_file=bad) == "bad.toml: larger than 1000000 bytes. Name a configuration file"
    hostile = place.folder / "a\x1b[31m.toml"
    assert place.error(config_file=hostile).startswith("a␛[31m.toml: does not exist.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[postgres]\ndsn = {DSN}\n", "config.toml:2: not valid TOML: Invalid value (column 7)"),
        (
            f"[postgres]\ndsn '{DSN}'\n",
            "config.toml:2: not valid TOML: Expected '=' after a key in a key/value pair",
        ),
        (f"[postgres]\ndsn = '{DSN}\n", "config.toml:2: not valid TOML: "),
        (f"dsn = '{DSN}'\ndsn = '{DSN}'\n", "config.toml:2: not valid TOML: Cannot overwrite a value"),
        ("[postgres\n", "config.toml:1: not valid TOML: "),
        ("a = [1,\n2", "config.toml:2: not valid TOML: "),
        ("a = " + "[" * 5000, "config.toml: nested too deeply, or holds a number too long to read"),
        ("a = " + "9" * 5000, "config.toml: nested too deeply, or holds a number too long to read"),
    ],
)
def test_a_file_that_is_not_toml(place: Place, text: str, words: str) -> None:
    place.write(toml=text)
    said = place.error()
    assert said.startswith(words)
    assert said.endswith(". Correct the file's syntax")
    assert PASSWORD not in said


def test_files_without_permission(open_folder: Path) -> None:
    place = Place(open_folder)
    place.write(toml="", env="")
    for path in (place.folder / "config.toml", place.folder / ".env"):
        path.chmod(0)
    with _as_somebody_who_is_not_root():
        assert place.error() == ".env: cannot be read: Permission denied. Make it readable for this user"
    place.write(toml="")
    (place.folder / "config.toml").chmod(0)
    with _as_somebody_who_is_not_root():
        assert place.error() == "config.toml: cannot be read: Permission denied. Make it readable for this user"


def test_a_current_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConsoleError, match="the current directory no longer exists"):
        load(environ={})


def test_a_file_with_secrets_that_anyone_can_read(place: Place) -> None:
    words = ["config.toml: holds a secret and anyone can read it. chmod 600 config.toml"]
    for toml in (
        f"[postgres]\ndsn = '{DSN}'\n",
        f"[profiles.x.mongo]\nurl = '{URL}'\n",
        "[search]\nopenai_api_key = 'sk-x'\n",
    ):
        place.write(toml=toml)
        assert place.load().problems == ()
        (place.folder / "config.toml").chmod(0o644)
        assert [str(problem) for problem in place.load().problems] == words
    place.write(toml="[postgres]\ndsn = 'postgresql://ana@h/d'\n")
    (place.folder / "config.toml").chmod(0o644)
    assert place.load().problems == ()
