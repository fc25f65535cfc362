"""The glossary from French to English: what lets an embedder that was trained on English read French.

A file of it is UTF-8 with one entry a line, French, a tab, English; ``#`` begins a comment. An entry may be several
words (``base de données``). One that begins with ``~`` is an English word too (``~pain``): it counts only in a text
that is French by its other words. A site's own file adds to the one that comes with the console, and overrides it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from devora_console.core.problems import usage_error
from devora_console.search.embed.french import base_forms, folded, unelided

_DATA: Final = "glossary_fr.tsv"
_PARTICIPLES = ("ées", "ée", "és", "é")
_MOST = 8  # words of an entry


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word or phrase is in English. ``doubtful``: it is an English word, too."""

    english: str
    doubtful: bool


@dataclass(slots=True)
class Glossary:
    """The entries of all files. ``digest`` is another one whenever an entry is another one."""

    words: dict[str, Entry] = field(default_factory=dict)
    accented: dict[str, Entry] = field(default_factory=dict)
    phrases: dict[str, list[tuple[tuple[str, ...], Entry]]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    digest: str = ""
    entries: int = 0

    def forms(self, plain: str) -> tuple[str, ...]:
        """The base forms of a folded word that some entry has, the likelier before the less likely."""
        return tuple(dict.fromkeys(form for form in base_forms(plain) if form in self.listed))

    def word(self, lowered: str, forms: tuple[str, ...]) -> Entry | None:
        """The entry of a word as written (lower case), through its accents first and its base forms then."""
        found = self.accented.get(lowered)
        if found is not None:
            return found
        for ending in _PARTICIPLES:
            if lowered.endswith(ending):  # chiffrées is chiffré or chiffrer, never chiffre
                stem = lowered.removesuffix(ending)
                found = self.accented.get(stem + "é") or self.words.get(folded(stem) + "er")
                if found is not None:
                    return found
                break
        return next((self.words[form] for form in forms if form in self.words), None)


def _lines(text: str, origin: str) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip("\ufeff\r\n ")
        if not bare or bare.startswith("#"):
            continue
        french, tab, english = bare.partition("\t")
        if not tab or not french.strip("~ ") or not english.strip():
            raise usage_error(
                "glossary",
                f"line {number} of {origin} is not French, a tab, and English",
                "Correct the line, or begin it with # to leave it out",
            )
        found.append((french.strip().lower(), english.strip()))
    return found


def _add(glossary: Glossary, french: str, english: str, *, override: bool) -> None:
    entry = Entry(english, french.startswith("~"))
    words = unelided(french.lstrip("~ ")).replace("-", " ").split()
    if len(words) == 1:
        exact, plain = words[0], folded(words[0])
        if exact != plain and (override or exact not in glossary.accented):
            glossary.accented[exact] = entry
        # Written without an accent by its own right, a word goes before one that lost it.
        if override or plain not in glossary.words or exact == plain:
            glossary.words[plain] = entry
            glossary.listed.add(plain)
    elif len(words) <= _MOST:
        key = tuple(folded(word) for word in words)
        listed = glossary.phrases.setdefault(key[0], [])
        if override:
            listed[:] = [each for each in listed if each[0] != key]
        listed.append((key, entry))
        glossary.listed.update(key)


@lru_cache(maxsize=4)
def load_glossary(own: Path | None = None) -> Glossary:
    """The glossary of the console with the entries of ``own``. Raises ConsoleError (exit 2) when that is unreadable."""
    built_in = resources.files("devora_console.search.embed").joinpath(_DATA).read_text("utf-8")
    pairs = _lines(built_in, _DATA)
    glossary = Glossary(entries=len(pairs))
    for french, english in pairs:
        _add(glossary, french, english, override=False)
    if own is not None:
        added = _lines(_own(own), str(own))
        glossary.entries += len(added)
        for french, english in added:
            _add(glossary, french, english, override=True)
        pairs = pairs + added
    for listed in glossary.phrases.values():
        listed.sort(key=lambda each: -len(each[0]))  # the longest that fits counts
    glossary.digest = hashlib.sha256(repr(pairs).encode()).hexdigest()
    return glossary


def _own(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    raise usage_error("glossary", f"the glossary {path}: {reason}", "Correct embed.glossary in the settings")
