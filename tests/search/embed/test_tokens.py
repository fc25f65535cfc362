"""Who counts tokens: the model's own tokenizer where its file is whole and at hand, else others; never the network."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devora_console.search.embed import tokens
from devora_console.search.embed.tokens import counter_for

ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
WHOLE = b"aGVsbG8= 0\n"
MODEL = "text-embedding-3-small"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whoever tries to fetch a file is caught, and counters are chosen anew."""
    tried: list[str] = []

    def no(address: object, *_: object, **__: object) -> None:
        tried.append(str(address))
        raise OSError("the network was asked")

    monkeypatch.setattr("tiktoken.load.read_file", no)
    monkeypatch.setattr(socket.socket, "connect", no)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    tokens._counter.cache_clear()
    yield tried
    tokens._counter.cache_clear()
    assert tried == []


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Path]:
    """Puts a file where tiktoken looks for it; WHOLE is one that it takes for whole."""
    monkeypatch.setitem(tokens._HASHES, "cl100k_base", hashlib.sha256(WHOLE).hexdigest())

    def put(content: bytes) -> Path:
        file = tmp_path / hashlib.sha1(ADDRESS.encode()).hexdigest()  # noqa: S324 - the name tiktoken gives it
        file.write_bytes(content)
        return file

    return put


class Encoding:
    """As tiktoken makes one of the file."""

    def encode(self, text: str, **_: Any) -> list[int]:
        return list(range(len(text.split())))


def test_the_models_own_tokenizer_counts_where_its_file_is_whole(
    cached: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cached(WHOLE).parent))
    monkeypatch.setattr(tokens, "_takes", lambda name: True)
    monkeypatch.setattr("tiktoken.get_encoding", lambda name: Encoding())
    counter = counter_for(MODEL)
    assert (counter.name, counter.exact, counter.budget(2000)) == ("tiktoken cl100k_base", True, 2000)
    assert counter.count("trois mots ici") == 3
    assert counter_for(f"{MODEL}@512").name == "tiktoken cl100k_base"
    assert counter_for("a model of somebody's").name == "Llama 2 tokenizer"  # nobody knows its own


@pytest.mark.parametrize("content", [b"", WHOLE[:-3], b"<html>no such file</html>"], ids=["empty", "cut", "a page"])
def test_a_file_that_is_not_whole_is_neither_used_nor_fetched_again(
    cached: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = cached(content)
    monkeypatch.setattr(tokens, "_takes", lambda name: True)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(file.parent))
    assert counter_for(MODEL).name == "Llama 2 tokenizer"
    assert file.read_bytes() == content


def test_a_missing_cache_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "nowhere"))
    assert counter_for(MODEL).name == "Llama 2 tokenizer"
    assert list(tmp_path.iterdir()) == []
    assert all(tokens._takes(name) for name in tokens._HASHES)  # with the file there it would be taken


def test_a_cache_that_is_switched_off_is_not_passed_by(
    cached: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty means to tiktoken: no cache, fetch it each time; a whole file elsewhere would not be read."""
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(cached(WHOLE).parent))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setattr(tokens, "_takes", lambda name: True)
    assert counter_for(MODEL).name == "Llama 2 tokenizer"


def test_what_tiktoken_and_we_take_for_whole_differs_one_day(
    cached: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of tiktoken that wants another file would delete ours and fetch its own."""
    file = cached(WHOLE)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(file.parent))
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    assert counter_for(MODEL).name == "Llama 2 tokenizer"
    assert file.exists()


def test_without_either_bytes_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tokens, "_llama", lambda: None)
    counter = counter_for(MODEL)
    assert (counter.name, counter.exact, counter.count("été")) == ("UTF-8 bytes / 3", False, 2)
