"""What a person typed, analysed: which words count, which vanish, and the queries made of them. Never fails."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Caller, Connection, fetch
from devora_console.search.embed.french import folded, unelided
from devora_console.search.embed.glossary import load_glossary
from devora_console.search.ground import HERE
from devora_console.search.model import Analysed, Fate, Word
from devora_console.search.spelling import meant
from devora_console.search.tsquery import (
    any_of,
    excluding_everywhere,
    exclusions,
    lexemes,
    two_of,
    widened,
    without_words,
)

LONGEST = 2_000
"""Characters of a query that count; the rest is cut off, and that is said."""
MOST_WORDS = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]+")
_EDGES = "\"'«»()[]{},;:!?…“”‘’"
_QUESTIONS = frozenset({"comment", "pourquoi", "combien", "quand", "quel", "quell", "lequel", "est-ce", "faut"})
"""Lexemes of words that ask, and say nothing of what is asked for; PostgreSQL's French stop words lack them."""
_OPERATOR = re.compile(r"(?i)^(or|and)$")
_DASH = re.compile(r"(?:^|(?<=\s))-+(?=\s|$)")
_EXCLUDED_NAME = re.compile(r"(?:^|(?<=\s))-([^\s\"]+[./\\_][^\s\"]*)")
_TWICE = re.compile(r"(.)\1")
_DASHES = re.compile(r"(?<!\S)-{2,}(?=\w)")
_SIGNED = {"c++": "cpp", "c#": "csharp", "f#": "fsharp"}
"""Names that lose their signs in an index of words, and how files and blocks of code spell them."""
_SIGNED_WORD = re.compile(r"(?i)(?<![\w+#.])(c\+\+|[cf]#)(?![\w+#])")


@dataclass(frozen=True, slots=True)
class KnownWord:
    """What the vocabulary knows of a lexeme. ``near``: the word that is meant, where no document holds the lexeme.

    ``documents``: how many hold it, None where that is not known; ``common``: so many that it distinguishes none.
    """

    documents: int | None = None
    near: str = ""
    common: bool = False


def cleaned(text: str) -> tuple[str, tuple[str, ...]]:
    """The text that is searched for, with what was done to it.

    >>> cleaned("  fuite\\x00 mémoire  ")
    ('fuite mémoire', ('Control characters were taken out.',))
    """
    notes = []
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot travel
    if _CONTROL.search(text):
        notes.append("Control characters were taken out.")
        text = _CONTROL.sub(" ", text)
    text = " ".join(text[: LONGEST * 5].split())
    if len(text) > LONGEST:
        notes.append(f"Only the first {LONGEST:,} characters are searched for.")
        text = text[:LONGEST]
    words = text.split(" ")
    if len(words) > MOST_WORDS:
        notes.append(f"Only the first {MOST_WORDS} words are searched for.")
        text = " ".join(words[:MOST_WORDS])
    return text, tuple(notes)


def typed_words(text: str) -> list[str]:
    """The words of a cleaned text, without the signs around them. A leading - stays: it excludes.

    >>> typed_words('"jeton expiré" or -cache c++')
    ['jeton', 'expiré', '-cache', 'c++']
    """
    words = (word.strip(_EDGES) for word in text.split())
    return [word for word in words if word.strip("-") and not _OPERATOR.match(word)]


def understood(text: str) -> str:
    """The text as the server is to read it. A dash that stands alone is punctuation and excludes nothing; a name with
    dots or slashes that is excluded is so as a whole: only its first word would be, and the others would be wanted.

    >>> understood("projet - panier -docker-compose.yml -cache")
    'projet   panier -"docker-compose.yml" -cache'
    """
    return _EXCLUDED_NAME.sub(r'-"\1"', _DASH.sub(" ", spelt(text)))


def plainly_meant(text: str) -> str:
    """What is embedded, where that can be told before the server has analysed the text; else nothing.

    >>> plainly_meant("fuite  mémoire"), plainly_meant("fuite -cache")
    ('fuite mémoire', '')
    """
    text, _ = cleaned(text)
    return "" if any(word.startswith("-") for word in typed_words(text)) else text


def spelt(text: str) -> str:
    """The text as full text search is asked for it: an option of a command excludes nothing, and c++ is cpp.

    >>> spelt("git commit --amend -cache"), spelt("C++ ou c#, pas C")
    ('git commit amend -cache', 'cpp ou csharp, pas C')
    """
    return _SIGNED_WORD.sub(lambda match: _SIGNED[match[0].lower()], _DASHES.sub("", text))


async def analyse(
    connection: Connection, caller: Caller, text: str, *, common_percent: float | None = 10.0
) -> Analysed:
    """Ask the server what it makes of the text, and the vocabulary what it knows of the words.

    ``common_percent``: share of the documents from which a word counts as common; None where there is no vocabulary.
    """
    began = time.perf_counter()
    text, notes = cleaned(text)
    if not text:
        return Analysed("", "", "", "", "", notes=(*notes, "Nothing was typed."))
    words = typed_words(text)
    rows = await fetch(connection, caller, sql(HERE, "analyse"), understood(text), [*map(understood, words)])
    asked = sorted({each.word for row in rows for each in lexemes(row["query"]) if not each.negated})
    known: dict[str, KnownWord] = {}
    if asked and common_percent is not None:
        typed = {each.word: word for word, row in zip(words, rows[1:], strict=True) for each in lexemes(row["query"])}
        known = await _vocabulary(connection, caller, asked, common_percent, typed)
    found = made(text, words, rows, known, notes)
    return replace(found, took_ms=(time.perf_counter() - began) * 1000)


def made(
    text: str,
    words: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    known: Mapping[str, KnownWord],
    notes: Sequence[str] = (),
) -> Analysed:
    """The analysis, from the server's answers: first the whole text, then each word. Pure."""
    whole = excluding_everywhere(rows[0]["query"])
    near = {word: each.near for word, each in known.items() if each.near}
    strict = without_words(widened(whole, near), _QUESTIONS)
    if not any(not each.negated for each in lexemes(strict)):
        strict = ""
    left = {each.word for each in lexemes(strict)}
    wanted = {each.word for each in lexemes(whole) if not each.negated}
    out = {each.word for each in lexemes(whole) if each.negated} - wanted
    judged = tuple(
        _word(word, row["query"], row["seen"], known, left, out) for word, row in zip(words, rows[1:], strict=True)
    )
    common = {word for word, each in known.items() if each.common}
    loose = any_of(strict, without=common)
    if strict and not loose:  # all of them are common
        loose, judged = any_of(strict), tuple(_kept(word) for word in judged)
    nowhere = {word for word, each in known.items() if each.documents == 0 and not each.near}
    two = two_of(strict, without=common, rarest=[word for word in known if word not in nowhere])
    excluded = exclusions(whole)
    said = (*notes, *_said(judged, strict, excluded))
    names, meaning = _names(judged, text), _meaning(judged, text)
    return Analysed(text, strict, loose, names, meaning, two, judged, said, excluded=excluded)


def _word(text: str, query: str, seen: bool, known: Mapping[str, KnownWord], left: set[str], out: set[str]) -> Word:
    found = [each.word for each in lexemes(query)]
    refused = text.startswith("-") and any(each.negated for each in lexemes(query))
    if found and (refused or out.issuperset(found)):
        return Word(text, Fate.EXCLUDED, " ".join(found))
    if not found:
        return Word(text, Fate.STOP if seen else Fate.VANISHED)
    if left and _QUESTIONS.issuperset(found) and not left.intersection(found):
        return Word(text, Fate.STOP)
    facts = [known[word] for word in found if word in known]
    documents = min((each.documents for each in facts if each.documents is not None), default=None)
    if near := [each.near for each in facts if each.near]:
        return Word(text, Fate.CORRECTED, " ".join(near), documents)
    if facts and all(each.common for each in facts):
        return Word(text, Fate.COMMON, " ".join(found), documents)
    if documents == 0:
        return Word(text, Fate.UNKNOWN, " ".join(found), documents)
    return Word(text, Fate.KEPT, " ".join(found), documents)


def _kept(word: Word) -> Word:
    return replace(word, fate=Fate.KEPT) if word.fate is Fate.COMMON else word


def _names(words: Sequence[Word], text: str) -> str:
    """What titles and names are compared with: without stop words and what is excluded.

    What the parser makes no word of stays: a name may well be spelt c++.
    """
    left = [spelt(word.text) for word in words if word.fate not in (Fate.STOP, Fate.EXCLUDED)]
    return " ".join(left) if words else text


def _meaning(words: Sequence[Word], text: str) -> str:
    """What is embedded: as it was typed, but for what is excluded."""
    out = {word.text for word in words if word.fate is Fate.EXCLUDED}
    return " ".join(word for word in text.split() if word.strip(_EDGES) not in out) if out else text


def _said(words: Sequence[Word], strict: str, excluded: str) -> list[str]:
    notes = []
    for fate, said in (
        (Fate.STOP, "Left out as stop words: {}."),
        (Fate.VANISHED, "No word to the parser: {}."),
        (Fate.COMMON, "Left out where any word may match, as too many documents hold them: {}."),
        (Fate.UNKNOWN, "In no document: {}."),
    ):
        if these := [_SIGNED.get(word.text.lower(), word.text) for word in words if word.fate is fate]:
            notes.append(said.format(", ".join(dict.fromkeys(these))))
    if these := [f"{word.text} (by the stem {word.became}, too)" for word in words if word.fate is Fate.CORRECTED]:
        notes.append(f"In no document, so searched for by what is spelt like it: {', '.join(dict.fromkeys(these))}.")
    if these := [f"{word.text} as {spelt(word.text)}" for word in words if _SIGNED_WORD.search(word.text)]:
        notes.append(f"Signs are not in the index of words, so searched for is {', '.join(dict.fromkeys(these))}.")
    only_no = bool(words) and all(word.fate is Fate.EXCLUDED for word in words)
    if excluded and not only_no:
        notes.append(f"Documents that hold what is excluded are left out of every method: {_excluded(words)}.")
    if not strict:
        notes.append(
            "Only what must not be there: that would be nearly every document."
            if only_no
            else "No word is left that full text search could look for."
        )
    return notes


def _excluded(words: Sequence[Word]) -> str:
    """What is excluded, as it was typed; the words of a phrase together."""
    found: list[str] = []
    for word in words:
        if word.fate is Fate.EXCLUDED:
            bare = word.text.lstrip("-").strip(_EDGES)
            if word.text.startswith("-") or not found:
                found.append(bare)
            else:
                found[-1] += f" {bare}"
    return ", ".join(dict.fromkeys(found))


async def _vocabulary(
    connection: Connection, caller: Caller, asked: Sequence[str], common_percent: float, typed: Mapping[str, str]
) -> dict[str, KnownWord]:
    rows = await fetch(connection, caller, sql(HERE, "words"), list(asked[:MOST_WORDS]), common_percent)
    return {
        row["lexeme"]: KnownWord(
            0 if not row["held"] else row["documents"],
            "" if row["held"] or not row["near"] else _meant(row["lexeme"], row["near"], typed),
            row["common"],
        )
        for row in rows
    }


def _meant(lexeme: str, near: Sequence[str], typed: Mapping[str, str]) -> str:
    return meant(lexeme, near, real=_real(typed.get(lexeme, lexeme)))


def _real(word: str) -> bool:
    """Whether it is a French word, as far as the glossary knows: no misspelling then.

    A letter doubled by mistake looks like a form of a verb (jette, of jeter): it does not count.

    >>> [_real(word) for word in ("réparer", "l'installé", "facturre", "camoin")]
    [True, True, False, False]
    """
    plain = folded(unelided(word).rpartition(" ")[2])
    twice = {pair[0] for pair in _TWICE.finditer(plain)}
    return any(all(pair in form for pair in twice) for form in load_glossary().forms(plain))
