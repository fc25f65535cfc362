"""What is kept of a command's output, and what is shown of it."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devora_console.config.secret import Dsn, Secret
from devora_console.cutover.apart import output
from devora_console.cutover.apart.output import Kept, Redactor
from devora_console.cutover.known import held_in, words_of
from devora_console.cutover.outputs import last_lines, tail

_LETTERS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40).map(b"".join)
_WORDS = st.lists(_LETTERS.filter(lambda word: 1 <= len(word) <= 6), max_size=4)


@settings(max_examples=150, deadline=None)
@given(text=_LETTERS, words=_WORDS, cuts=st.lists(st.integers(0, 40), max_size=8))
def test_a_stream_is_redacted_wherever_it_is_cut(text: bytes, words: list[bytes], cuts: list[int]) -> None:
    redactor = Redactor(words)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    found = b"".join(redactor.feed(text[a:b]) for a, b in itertools.pairwise(bounds)) + redactor.finish()
    longest_first = sorted(set(words), key=len, reverse=True)
    pattern = re.compile(b"|".join(map(re.escape, longest_first)) or b"(?!)")
    assert found == pattern.sub(b"***", text)


def test_nothing_is_held_back_but_the_beginning_of_a_secret() -> None:
    redactor = Redactor([b"hunter2", b"hunter2-long"])
    assert redactor.feed(b"password: ") == b"password: "
    assert redactor.feed(b"hun") == b""
    assert redactor.feed(b"gry\n") == b"hungry\n"
    assert redactor.feed(b"hunter2") == b""  # it may be the longer one
    assert redactor.feed(b"-lo") == b""
    assert redactor.feed(b"st") == b"***-lost"
    assert redactor.finish() == b""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """An open file."""
    descriptor = os.open(tmp_path / "out.raw", os.O_RDWR | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("size", [0, 10, 3000, 4096, 5000, 100_000])
@pytest.mark.parametrize("chunk", [1, 1000, 1 << 16])
def test_of_too_much_the_beginning_and_the_end_are_kept(file: int, tmp_path: Path, size: int, chunk: int) -> None:
    said = bytes(97 + number % 26 for number in range(size))
    kept = Kept(file, 4096)
    for begin in range(0, size, chunk):
        kept.add(said[begin : begin + chunk])
    sha = kept.finish()
    found = (tmp_path / "out.raw").read_bytes()
    assert (kept.size, sha) == (len(found), hashlib.sha256(found).hexdigest())
    assert len(found) <= 4096
    if not kept.dropped:
        assert found == said
        return
    first, last = re.split(rb"\n\[devora-console: \d+ bytes were left out here\]\n", found)
    assert said.startswith(first)
    assert said.endswith(last)
    assert len(last) == 1024
    assert len(first) + len(last) + kept.dropped == size


def test_a_full_disk_loses_output_and_says_so(file: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        room = 1500 - os.fstat(descriptor).st_size
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:room])

    monkeypatch.setattr(output.os, "write", full)  # type: ignore[attr-defined]
    kept = Kept(file, 1 << 20)
    kept.add(b"x" * 1000)
    kept.add(b"y" * 1000)
    kept.add(b"z" * 1000)
    sha = kept.finish()
    found = (tmp_path / "out.raw").read_bytes()
    assert found == b"x" * 1000 + b"y" * 500
    assert (kept.size, kept.dropped, kept.error) == (1500, 1500, "No space left on device")
    assert sha == hashlib.sha256(found).hexdigest()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"", ()),
        (b"one\ntwo\nthree\nfour", ("two", "three", "four")),
        (b"one\ntwo\n", ("one", "two")),
        (b"10%\r50%\r100%\n", ("100%",)),
        (b"10%\r50%\r", ("50%",)),
        (b"dos\r\nlines\r\n", ("dos", "lines")),
        (b"\x1b[31mred\x1b]0;title\x07\n", ("␛[31mred␛]0;title␇",)),
        (b"[bold]markup[/bold]\n", ("[bold]markup[/bold]",)),
        (b"bad \xff\xfe utf\n", ("bad \ufffd\ufffd utf",)),
        ("\u202eevil\n".encode(), ("\ufffdevil",)),
        (b"mongodb://ana:s3@h1/x password=abc\n", ("mongodb://ana:***@h1/x password=***",)),
        (b"x" * 100_000 + b"\nend\n", ("x" * 100 + "…", "end")),
    ],
)
def test_the_last_lines_are_safe_to_show(tmp_path: Path, said: bytes, shown: tuple[str, ...]) -> None:
    assert last_lines(tmp_path, 3) == ()
    assert tail(tmp_path, 0) == b""
    (tmp_path / "out.raw").write_bytes(said)
    assert last_lines(tmp_path, 3, width=100) == shown
    assert last_lines(tmp_path, 0) == ()
    assert tail(tmp_path, 3, limit=4) == said[3:7]


def test_a_line_of_any_length_costs_nothing(tmp_path: Path) -> None:
    with (tmp_path / "out.raw").open("wb") as hole:
        hole.truncate(50 * 1024 * 1024)
    assert last_lines(tmp_path, 1, width=10) == ("␀" * 10 + "…",)


def test_what_an_environment_holds_of_secrets_is_known() -> None:
    env = {
        "POSTGRES_DSN": "postgresql://ana:scratch-pw@h/db",
        "API_KEY": "k-1234567",
        "SECRET_MODE": "true",
        "HOME": "/home/ana-1234",
        "FRONT": "https://front/",
    }
    words = words_of([Dsn("mongodb://bob:p%40ss@h"), Secret("ab")], env)
    assert {"scratch-pw", "k-1234567", "p@ss", "p%40ss"} <= words
    assert not {"true", "ab", "/home/ana-1234", "https://front/", ""} & words


def test_a_plain_word_in_a_text_is_no_finding() -> None:
    assert not held_in("backup postgres", [Secret("postgres")])
    assert held_in("--password=pg-2024-x", [Secret("pg-2024-x")])
