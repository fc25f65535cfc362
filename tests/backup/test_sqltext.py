"""The text of dumps: what is whole, what is cut off, and what only looks like rows."""

from __future__ import annotations

import io

import pytest

from devora_console.backup.sqltext import SqlText, read_sql
from devora_console.backup.stop import Stop

HEAD = (
    b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.18\n-- Dumped by pg_dump version 16.2\n"
)
DATA = b"--\n-- Data for Name: %b; Type: TABLE DATA; Schema: public; Owner: x\n" + (
    b'--\n\nCOPY public.%b (id, "user") FROM stdin;\n'
)
END = b"\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n"


def _read(text: bytes) -> SqlText:
    return read_sql(io.BytesIO(text), Stop())


def _data(name: bytes) -> bytes:
    return DATA % (name, name)


def test_a_whole_dump_is_counted_by_table() -> None:
    found = _read(HEAD + _data(b"a") + b"1\tx\n2\ty\n\\.\n" + _data(b"b") + END)
    assert [(each.name, each.count, each.columns) for each in found.tables] == [
        ("a", 2, ("id", "user")),
        ("b", 0, ("id", "user")),
    ]
    assert found.dump
    assert found.trailer
    assert found.cut is None
    assert (found.server_version, found.tool_version) == ("15.18", "16.2")


@pytest.mark.parametrize(
    "text",
    [
        HEAD + _data(b"a") + b"1\tx\n2\ty\n",
        HEAD + _data(b"a") + b"1\tx\n2\t",
        HEAD + _data(b"a"),
        HEAD + _data(b"a") + b"1\tx\n\\.",
    ],
    ids=["after a row", "within a row", "before the first", "within the mark"],
)
def test_rows_without_their_end_are_cut(text: bytes) -> None:
    assert "within the rows of public.a" in str(_read(text).cut)


def test_a_copy_in_a_function_is_no_row() -> None:
    body = b"--\n-- Name: f(); Type: FUNCTION; Schema: public\n--\n\n"
    body += b"CREATE FUNCTION f() AS $$\nCOPY a (b) FROM stdin;\n$$;\n"
    found = _read(HEAD + body + b"-- PostgreSQL database dump complete\n")
    assert found.tables == []
    assert found.trailer


def test_inserts_are_not_counted_and_their_values_name_no_table() -> None:
    heading = b"--\n-- Data for Name: notes; Type: TABLE DATA; Schema: public; Owner: x\n--\n\n"
    rows = b"INSERT INTO public.notes VALUES (1, 'a\nINSERT INTO elsewhere VALUES (1)\n');\n" * 2
    found = _read(HEAD + heading + rows + END[3:])
    assert [(each.name, each.count) for each in found.tables] == [("notes", None)]


def test_the_digest_does_not_depend_on_the_order_of_rows() -> None:
    one = _read(HEAD + _data(b"a") + b"1\tx\n2\ty\n" + END).tables[0].digest.hex()
    other = _read(HEAD + _data(b"a") + b"2\ty\n1\tx\n" + END).tables[0].digest.hex()
    third = _read(HEAD + _data(b"a") + b"2\ty\n1\tz\n" + END).tables[0].digest.hex()
    assert one == other != third
