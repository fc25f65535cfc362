"""The phrase banks: reading them once, and filling their slots."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain
from typing import Any

# Only these names between braces are slots: code is full of other braces.
_SLOT = re.compile(
    r"\{(metier|un_metier|le_metier|du_metier|au_metier|chose|choses|une_chose|la_chose|table|classe|ville|"
    r"couleur|page|navigateur|delai|n|jours|pct|prix|prix_point|prix_centimes|ms|code_http|emoji|type_projet|"
    r"titre|sujet|hex|hex2|rayon|port)\}"
)

Context = dict[str, str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text with slots, split once so that filling it is a join."""

    parts: tuple[str, ...]  # literal, slot, literal, slot, ..., literal

    def fill(self, context: Context) -> str:
        """The text with every slot replaced by its value in ``context``."""
        if len(self.parts) == 1:
            return self.parts[0]
        return "".join([context[part] if odd & 1 else part for odd, part in enumerate(self.parts)])


def phrase(text: str) -> Phrase:
    """Split ``text`` at its slots."""
    return Phrase(tuple(_SLOT.split(text)))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with its answer, or a fault with its diagnosis."""

    question: Phrase
    answer: Phrase


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of code that an answer may show, or a whole project file (then ``name`` is its path)."""

    language: str
    code: Phrase
    name: Phrase


@dataclass(frozen=True, slots=True)
class Topic:
    """Everything that people say about one subject."""

    key: str
    label: str
    types: tuple[str, ...]
    titles: tuple[Phrase, ...]
    names: tuple[Phrase, ...]
    descriptions: tuple[Phrase, ...]
    pairs: tuple[Exchange, ...]
    faults: tuple[Exchange, ...]
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class Banks:
    """All phrase banks."""

    topics: tuple[Topic, ...]
    by_type: dict[str, tuple[Topic, ...]]
    activities: tuple[Context, ...]  # a line of business with the forms French grammar needs
    files: tuple[Snippet, ...]
    words: dict[str, tuple[str, ...]]
    phrases: dict[str, tuple[Phrase, ...]]
    follow_ups: tuple[Exchange, ...]


PROJECT_TYPES = ("saas", "ecommerce", "blog", "dashboard", "api", "portfolio")
_PLAIN_WORDS = (
    "first_names",
    "last_names",
    "mail_domains",
    "cities",
    "colors",
    "browsers",
    "deadlines",
    "emoji",
)


@cache
def banks() -> Banks:
    """The banks of the package, read once per process."""
    tables = chain.from_iterable(_read(f"topics_{part}.toml").items() for part in "abcd")
    topics = tuple(_topic(key, table) for key, table in tables)
    lexicon = _read("lexicon.toml")
    activities = tuple(_activity(*row) for row in lexicon.pop("activities"))
    follow_ups = _exchanges(lexicon.pop("follow_ups"))
    return Banks(
        topics=topics,
        by_type={kind: tuple(t for t in topics if kind in t.types) for kind in PROJECT_TYPES},
        activities=activities,
        files=tuple(
            Snippet(file["language"], phrase(file["content"].lstrip("\n")), phrase(file["name"]))
            for file in _read("files.toml")["file"]
        ),
        words={key: tuple(lexicon[key]) for key in _PLAIN_WORDS},
        phrases={key: _phrases(texts) for key, texts in lexicon.items() if key not in _PLAIN_WORDS},
        follow_ups=follow_ups,
    )


def _read(name: str) -> dict[str, Any]:
    text = (resources.files(__package__) / "banks" / name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _phrases(texts: list[str]) -> tuple[Phrase, ...]:
    return tuple(phrase(text) for text in texts)


def _exchanges(rows: list[list[str]]) -> tuple[Exchange, ...]:
    return tuple(Exchange(phrase(question), phrase(answer)) for question, answer in rows)


def _topic(key: str, table: dict[str, Any]) -> Topic:
    return Topic(
        key=key,
        label=table["label"],
        types=tuple(table["types"]),
        titles=_phrases(table["titles"]),
        names=_phrases(table["names"]),
        descriptions=_phrases(table["descriptions"]),
        pairs=_exchanges(table["pairs"]),
        faults=_exchanges(table["faults"]),
        snippets=tuple(Snippet(language, phrase(code), phrase("")) for language, code in table["snippets"]),
    )


def _activity(name: str, gender: str, thing: str, thing_gender: str, things: str, table: str) -> Context:
    one, the, of, to = _articles(name, gender)
    thing_one, thing_the, _, _ = _articles(thing, thing_gender)
    return {
        "metier": name,
        "un_metier": one,
        "le_metier": the,
        "du_metier": of,
        "au_metier": to,
        "chose": thing,
        "choses": things,
        "une_chose": thing_one,
        "la_chose": thing_the,
        "table": table,
        "classe": "".join(part.capitalize() for part in table.split("_")),
    }


def _articles(noun: str, gender: str) -> tuple[str, str, str, str]:
    """With its article: un X, le X, du X, au X.

    >>> _articles("hôtel", "m")
    ('un hôtel', "l'hôtel", "de l'hôtel", "à l'hôtel")
    """
    one = f"{'un' if gender == 'm' else 'une'} {noun}"
    if noun[0] in "aeiouéèêhàâîô":  # none of the banks' words begins with an aspirated h
        return one, f"l'{noun}", f"de l'{noun}", f"à l'{noun}"
    if gender == "m":
        return one, f"le {noun}", f"du {noun}", f"au {noun}"
    return one, f"la {noun}", f"de la {noun}", f"à la {noun}"
