"""What is masked where: a long secret everywhere, a plain word where secrets stand, a path never for a plain word."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devora_console.config.secret import Secret, scrub
from devora_console.core.masking import LONG, is_plain, masked, whole
from devora_console.cutover.apart.output import Redactor

_PIECES = [*"abX1 /.:@=\"'\n-", "devora", "\x1b[31m", "password="]
_TEXT = st.lists(st.sampled_from(_PIECES), max_size=40).map("".join)
_PLAIN = st.from_regex(r"[a-z]{3,7}|[A-Z][a-z]{2,6}|[0-9]{3,7}", fullmatch=True)
_LONG = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=LONG, max_size=30)
_CUTS = st.lists(st.integers(0, 300), max_size=8)


def streamed(text: str, secrets: list[str], cuts: list[int]) -> str:
    """The text as a command prints it in pieces."""
    plain = {word.encode(): whole(word).encode() for word in secrets if is_plain(word)}
    redactor = Redactor([word.encode() for word in secrets if not is_plain(word)], plain)
    data = text.encode()
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = b"".join(redactor.feed(data[a:b]) for a, b in itertools.pairwise(bounds)) + redactor.finish()
    return found.decode()


@settings(max_examples=60, deadline=None)
@given(secret=_LONG, before=_TEXT, after=_TEXT, times=st.integers(1, 3), cuts=_CUTS)
def test_no_long_secret_ever_leaves(secret: str, before: str, after: str, times: int, cuts: list[int]) -> None:
    text = before + secret * times + after
    assert secret not in scrub(text, Secret(secret))
    assert secret not in masked(text, [secret, "devora", "abX"])
    assert secret not in streamed(text, [secret, "devora"], cuts)


@settings(max_examples=60, deadline=None)
@given(word=_PLAIN, names=st.lists(st.sampled_from(["home", "cutover", "x.y", "run-1", "2"]), max_size=4), at=st.data())
def test_paths_of_a_plain_word_stay_as_they_are(word: str, names: list[str], at: st.DataObject) -> None:
    names.insert(at.draw(st.integers(0, len(names))), word)
    path = "/" + "/".join(names)
    text = f"kept {path}, 12345678 bytes; and {path}/ too"
    assert path in scrub(text, Secret(word))
    assert scrub(f"{path}: {word}", Secret(word)) == f"{path}: ***"
    assert streamed(text, [word], [at.draw(st.integers(0, len(text)))]) == text


PLACES = (
    "postgresql://ana:{}@h/db",
    "ana:{}@h",
    "password={}",
    "PGPASSWORD={} psql",
    "--password {}",
    "--password={}",
    "mysql -p{}",
    "password: {}",
    '{{"pw": "{}", "a": 1}}',
    "{{'pw': '{}'}}",
    '{{\\"pw\\":\\"{}\\"}}',
    "curl -u ana:{}",
    "?token={}&x=1",
    "<pw>{}</pw>",
    "the password is {}.",
    "is it {}?\n",
    "\x1b[31m{}\x1b[0m",
    "\x1b[1;31m{}\x1b[0m",
    "`{}`",
    "{}",
    "a\n{}\nb",
    "({})",
    "[{}]",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", ["devora", "Tiger", "4711"])
def test_a_plain_word_is_masked_where_secrets_stand(place: str, word: str) -> None:
    text = place.format(word)
    assert word not in masked(text, [word])
    for cut in range(len(text)):
        assert word not in streamed(text, [word], [cut])


@pytest.mark.parametrize(
    "text",
    [
        "/home/devora/.local/share/devora-console/cutover",
        "devora/cutover",
        "devora_db on db.devora.example",
        "driven by devora@host",
        "devora-console cutover verify",
        "predevora, devoration",
        "C:\\devora\\x",
    ],
)
def test_a_plain_word_in_a_name_is_no_secret(text: str) -> None:
    assert scrub(text, Secret("devora")) == text


def test_a_short_word_that_is_not_plain_is_masked_everywhere() -> None:
    assert scrub("/home/hunter2/x xhunter2x", Secret("hunter2")) == "/home/***/x x***x"


@settings(max_examples=60, deadline=None)
@given(text=_TEXT, words=st.sets(st.sampled_from(["a", "ab", "devora", "1", "abX1a", "X1 /"]), max_size=4), cuts=_CUTS)
def test_a_stream_is_masked_like_a_text_wherever_it_is_cut(text: str, words: set[str], cuts: list[int]) -> None:
    hard = sorted((re.escape(each) for each in words if not is_plain(each)), key=len, reverse=True)
    soft = [whole(each) for each in sorted(words, key=len, reverse=True) if is_plain(each)]
    parts = [*hard, *soft]
    expected = re.sub("|".join(parts), "***", text) if parts else text
    assert streamed(text, sorted(words), cuts) == expected
