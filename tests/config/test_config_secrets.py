"""What is secret stays secret: whatever prints, dumps, copies or crashes."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import pprint
import re
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback
from textual.app import App

from devora_console.config import load as load_module
from devora_console.config.libpq import target
from devora_console.config.load import load
from devora_console.config.redact import redact_dsn, redact_message
from devora_console.config.secret import Dsn, Secret, scrub
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.config.show import show
from devora_console.core.problems import ConsoleError
from devora_console.core.snapshot import to_json
from tests.config.config_place import Place

WORD = "hunter2X"
DSN = f"postgresql://ana:{WORD}@db.example/devora"
ENV = f"SECRET_KEY={WORD}-foreign\nSTRIPE_API_KEY='sk_{WORD}'\nOPENAI_API_KEY=sk-{WORD}\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A configuration full of secrets."""
    place = Place(tmp_path)
    place.write(
        toml=f"[postgres]\ndsn = '{DSN}'\nsuperuser_dsn = 'host=h user=su password={WORD}'\n"
        f"[mongo]\nurl = 'mongodb://ana:{WORD}@h/?authMechanismProperties=AWS_SESSION_TOKEN:{WORD}'\n",
        env=ENV,
    )
    return place


PRINTERS: dict[str, Callable[[Any], str]] = {
    "str": str,
    "repr": repr,
    "format": lambda value: f"{value} {value!r}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - old code prints so
    "pprint": pprint.pformat,
    "rich": pretty_repr,
    "deepcopy": lambda value: repr(copy.deepcopy(value)),
    "in a list": lambda value: repr([value, {"key": value}]),
    "json": lambda value: json.dumps(value, default=str),
}


@pytest.mark.parametrize("printer", PRINTERS)
@pytest.mark.parametrize("value", [Secret(WORD), Dsn(DSN), Dsn(f"host=h password='{WORD} x'"), Dsn(WORD)], ids=range(4))
def test_a_secret_prints_without_its_value(value: Secret, printer: str) -> None:
    assert WORD not in PRINTERS[printer](value)


@pytest.mark.parametrize("printer", PRINTERS)
def test_settings_print_without_secrets(place: Place, printer: str) -> None:
    effective = place.load()
    assert effective.settings.postgres.dsn is not None
    assert effective.settings.postgres.dsn.reveal() == DSN
    for value in (effective, effective.settings, effective.settings.postgres, show(effective)):
        assert WORD not in PRINTERS[printer](value)


def test_settings_dump_without_secrets(place: Place) -> None:
    effective = place.load()
    settings = effective.settings
    for text in (
        settings.model_dump_json(),
        str(settings.model_dump()),
        str(settings.model_dump(mode="json")),
        str(asdict(effective)),
        str(to_json(show(effective))),
    ):
        assert WORD not in text
    assert settings.model_dump(mode="json")["postgres"]["dsn"] == "postgresql://ana:***@db.example/devora"
    assert settings.model_copy(deep=True) == settings
    assert hash(settings) == hash(copy.deepcopy(settings))
    with pytest.raises(TypeError, match="cannot hold a Settings"):
        to_json(settings)


def test_secrets_are_neither_pickled_nor_json() -> None:
    for value in (Secret(WORD), Dsn(DSN), PostgresSettings.model_validate({"dsn": DSN})):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="not pickled") as caught:
                pickle.dumps(value, protocol)
            assert WORD not in str(caught.value)
    with pytest.raises(TypeError, match="cannot hold a Secret"):
        to_json(Secret(WORD))
    with pytest.raises(TypeError):
        json.dumps(Secret(WORD))


def test_a_log_line_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("x").warning("connecting to %s with %r", Dsn(DSN), Secret(WORD))
    assert caplog.messages == ["connecting to postgresql://ana:***@db.example/devora with Secret('<redacted>')"]


def test_validation_errors_do_not_quote_what_they_refuse() -> None:
    for wrong in (
        {"postgres": {"dsn": f"postgresq://u:{WORD}@h"}},
        {"postgres": {"dns": DSN}},
        {"postgres": {"connect_timeout_seconds": DSN}},
        {"search": {"openai_api_key": [WORD]}},
        {"search": {"openai_api_key": f"{WORD} x"}},
        {"mongo": {"url": f"mongdb://{WORD}"}},
        {"extra_secrets": WORD},
    ):
        with pytest.raises(ValidationError) as caught:
            Settings.model_validate(wrong)
        assert WORD not in str(caught.value)
        assert WORD not in repr(caught.value)
    with pytest.raises(TypeError) as refused:
        Secret(12345)  # type: ignore[arg-type]
    assert "12345" not in str(refused.value)


def _crash_report(error: BaseException) -> str:
    """What Textual and Rich print of a crash: with every frame's local variables."""
    out = io.StringIO()
    Console(file=out, width=400, color_system=None).print(
        Traceback.from_exception(
            type(error),
            error,
            error.__traceback__,
            show_locals=True,
            locals_max_length=1000,
            locals_max_string=10_000,
        )
    )
    return out.getvalue()


def _locals(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _without_this_file(report: str) -> str:
    """The report without the frames of this file, which hold the word on purpose."""
    frames = re.split(r'(?m)^(?=.{0,3}(?:/|File ").*?:\d+ in |  File ")', report)
    return "".join(frame for frame in frames if "test_config_secrets.py" not in frame[:300])


WRONG_TOML = (
    f"[postgres]\ndsn = '{DSN}'\ndns = '{DSN}'\n",
    f"[postgres]\ndsn = {DSN}\n",
    f"[postgres]\ndsn = 'postgresql://ana:{WORD}@h/d?service=none-of-ours&x'\n",
    f"[postgres]\nconnect_timeout_seconds = '{WORD}'\ndsn = '{DSN}'\n",
    f"[mongo]\nurl = 'mongdb://ana:{WORD}@h'\n",
    f"read_only = false\nenvironment = 'production'\n[postgres]\ndsn = '{DSN}'\n",
    "[profiles.staging]\n",
)


@pytest.mark.parametrize("toml", WRONG_TOML, ids=range(len(WRONG_TOML)))
def test_a_crash_while_loading_shows_no_secret(place: Place, toml: str) -> None:
    place.write(toml=toml, env=ENV)
    environ = {"MONGO_URL": f"mongodb://ana:{WORD}@h", "JWT": WORD, **place.environ}
    overrides = {"postgres.superuser_dsn": DSN}
    with pytest.raises(ConsoleError) as caught:
        load(
            environ=environ,
            overrides=overrides,
            cwd=place.folder,
            profile="nope" if "profiles" in toml else None,
        )
    for report in (_crash_report(caught.value), _locals(caught.value)):
        assert "load.py" in _without_this_file(report), "the loader's frames are what is judged"
        assert "variables>" in _without_this_file(report), "with their local variables"
        assert WORD not in _without_this_file(report)


def test_the_loaders_frames_hold_nothing_at_any_moment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error deep in the loader: the report of every frame above it is clean too."""

    def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    for name in ("_profile_name", "_production", "_overruled", "_settings", "foreign_secrets"):
        with monkeypatch.context() as patch:
            patch.setattr(load_module, name, broken)
            with pytest.raises(RuntimeError, match="unforeseen") as caught:
                load(environ={"JWT": WORD}, cwd=place.folder)
            for report in (_crash_report(caught.value), _locals(caught.value)):
                assert WORD not in _without_this_file(report), name


async def test_a_crash_of_a_screen_shows_no_secret(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Textual prints every local variable of the frames of a crash."""
    found = place.load()

    class Broken(App[None]):
        def on_mount(self) -> None:
            effective, dsn, aim = found, found.settings.postgres.dsn, target(found.settings.postgres.dsn, {})
            raise RuntimeError(len([effective, dsn, aim]))

    await Broken().run_async(headless=True)
    said = capsys.readouterr().err
    assert "effective = Effective(" in said
    assert "postgresql://ana:***@db.example/devora" in said
    assert WORD not in said


def test_a_target_that_cannot_be_had_shows_no_secret(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError) as caught:
        target(Dsn(f"postgresql://ana:{WORD}@h/d?service=none"), {"HOME": str(tmp_path)})
    assert "service 'none' is not defined in" in str(caught.value)
    for report in (_crash_report(caught.value), _locals(caught.value)):
        assert WORD not in _without_this_file(report)
    found = target(Dsn(DSN), {"HOME": str(tmp_path)})
    for printer in PRINTERS.values():
        assert WORD not in printer(found)


REDACTED = {
    f"postgresql://ana:{WORD}@h:1,h2/d?a=b": "postgresql://ana:***@h:1,h2/d?a=b",
    f"postgresql://:{WORD}@h": "postgresql://:***@h",
    f"postgresql://ana:{WORD}@x@h/d": "postgresql://ana:***@h/d",
    f"postgresql://ana:{WORD}/x@h/d": "postgresql://ana:***@h/d",
    f"postgresql://ana:p?{WORD}@h/d": "postgresql://ana:***@h/d",
    f"postgresql://ana:p?x={WORD}@h/d": "postgresql://ana:***@h/d",
    f"postgresql://ana:p#{WORD}@h/d": "postgresql://ana:***@h/d",
    f"postgresql://ana:a b{WORD}@h/d": "postgresql://ana:***@h/d",
    f"postgresql://ana:{WORD}": "postgresql://***",
    f"postgresql://h/d?password={WORD}&x=1": "postgresql://h/d?password=***&x=1",
    f"postgresql://h/d?pass%77ord={WORD}": "postgresql://h/d?pass%77ord=***",
    f"postgresql://h:5432/d?application_name=me@x&sslpassword={WORD}": "postgresql://h:5432/d?application_name=me@x&"
    "sslpassword=***",
    f"mongodb+srv://ana:{WORD}@h/?tlsCertificateKeyFilePassword={WORD}": "mongodb+srv://ana:***@h/?"
    "tlsCertificateKeyFilePassword=***",
    f"host=h password={WORD} user=x": "host=h password=*** user=x",
    f"host=h password = '{WORD} \\' {WORD}' user=x": "host=h password = *** user=x",
    f"host=h password=a\\ {WORD}": "host=h password=***",
    f"host=h password=my {WORD}": "<redacted>",
    f"host=h password='{WORD}": "<redacted>",
    f"ana:{WORD}@h/d": "<redacted>",
    "": "<redacted>",
    "mongodb://h1,h2:27018/db?replicaSet=x": "mongodb://h1,h2:27018/db?replicaSet=x",
    "postgresql://[::1]:5432/d": "postgresql://[::1]:5432/d",
    "postgresql:///d?host=/tmp": "postgresql:///d?host=/tmp",
    "host=/tmp dbname='a b'": "host=/tmp dbname='a b'",
}


@pytest.mark.parametrize(("text", "shown"), REDACTED.items(), ids=range(len(REDACTED)))
def test_connection_strings_show_everything_but_their_credentials(text: str, shown: str) -> None:
    assert redact_dsn(text) == shown
    assert str(Dsn(text)) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"cannot reach '{DSN}': refused", "cannot reach 'postgresql://ana:***@db.example/devora': refused"),
        (f"bad query field: 'password={WORD}'", "bad query field: 'password=***"),
        (f"conn \"host=h password = '{WORD} x' port=1\"", 'conn "host=h password = *** port=1"'),
        ("see https://docs.example/x?a=b and user=ana", "see https://docs.example/x?a=b and user=ana"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_messages_lose_credentials_nobody_told_about(message: str, shown: str) -> None:
    assert redact_message(message) == shown


def test_scrubbing_finds_every_spelling() -> None:
    dsn = Dsn("postgresql://ana:p%40ss%2Fw0rd%27@h/d?sslpassword=tls%20key")
    for leaked in ("p%40ss%2Fw0rd%27", "p@ss/w0rd'", '"p@ss/w0rd\'"', "tls key", "tls%20key"):
        assert "w0rd" not in scrub(f"failed: {leaked}", dsn)
        assert "tls" not in scrub(f"failed: {leaked}", dsn)
    assert scrub("failed: it\\'s", Dsn("host=h password='it\\'s'")) == "failed: ***"
    assert scrub("failed: it's", Dsn("host=h password='it\\'s'")) == "failed: ***"
    assert scrub(f"{WORD} and sk-1", Secret(WORD), None) == "*** and sk-1"
    assert scrub("a b", Secret("a")) == "a b", "a word that short is everywhere"


def test_a_word_of_a_megabyte_is_read_at_once() -> None:
    for text in ("x" * 1_000_000, "a1" * 500_000, "https" * 200_000, "a=" * 500_000):
        assert redact_message(f"{text} postgresql://ana:{WORD}@h/x password={WORD}").count(WORD) == 0
