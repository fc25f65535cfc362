"""What a search is asked, and what comes back: frozen, for every door, for RAG and for the judging alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown

MARK_BEGIN, MARK_END = "\x02", "\x03"
"""Stand around what matched in a snippet. No text of a document holds them: they are taken out before."""

KINDS = ("project", "conversation", "message", "file")
"""The entity types, as the tables ``search_documents`` and ``embeddings`` name them."""


class SearchType(StrEnum):
    """What to search for, in the words of Devora's API."""

    ALL = "all"
    PROJECTS = "projects"
    CONVERSATIONS = "conversations"
    MESSAGES = "messages"
    FILES = "files"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The entity types it stands for.

        >>> SearchType.FILES.kinds
        ('file',)
        """
        return KINDS if self is SearchType.ALL else (self.value.removesuffix("s"),)


class Method(StrEnum):
    """A way of answering: three legs, and their fusion."""

    FTS = "fts"
    TRIGRAM = "trigram"
    SEMANTIC = "semantic"
    HYBRID = "hybrid"


LEGS = (Method.FTS, Method.TRIGRAM, Method.SEMANTIC)
"""What a hybrid is made of."""


class Fate(StrEnum):
    """What became of a word that was typed."""

    KEPT = "kept"
    STOP = "stop word"
    VANISHED = "vanished"  # the parser makes no word of it: c++, an emoji
    CORRECTED = "corrected"  # no document holds it; the nearest word of the vocabulary stands in
    COMMON = "common"  # in so many documents that it distinguishes none; left out of the OR form only
    UNKNOWN = "in no document"  # and no word of the vocabulary is near
    EXCLUDED = "excluded"  # -word


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was typed. ``became``: its lexemes, or the word it was corrected to.

    ``documents``: how many documents hold it, None where the vocabulary does not tell.
    """

    text: str
    fate: Fate
    became: str = ""
    documents: int | None = None


@dataclass(frozen=True, slots=True)
class Analysed:
    """A typed query, analysed. It never fails; ``notes`` say what was done to it.

    ``text`` is what was typed, cleaned and cut. ``strict`` is the tsquery that wants every word, ``two`` the one that
    wants any two of three or more, ``loose`` the one that wants any; all as text, empty when nothing is left to search
    for. ``names`` is what trigrams are compared with, ``meaning`` what is embedded: the text
    without what is excluded. ``excluded`` is a tsquery of negations that every document must meet, whatever the
    method; empty where nothing is excluded.
    ``took_ms``: analysing is shared by all methods.
    """

    text: str
    strict: str
    loose: str
    names: str
    meaning: str
    two: str = ""
    words: tuple[Word, ...] = ()
    notes: tuple[str, ...] = ()
    took_ms: float = 0.0
    excluded: str = ""

    @property
    def empty(self) -> bool:
        """Nothing at all to search for, not even by meaning."""
        return not self.text


_EVEN: Mapping[Method, float] = MappingProxyType(dict.fromkeys(LEGS, 1.0))


@dataclass(frozen=True, slots=True)
class Knobs:
    """What can be turned while looking.

    ``legs`` take part in the hybrid, each with its weight; ``k`` damps the first ranks; ``candidates`` are asked of
    each leg. ``ef_search`` is how widely the index of nearest neighbours looks. ``trigram_threshold`` (0 to 1) is the
    word similarity from which a name matches; ``least_similarity`` (-1 to 1) the cosine below which a neighbour is
    left out. ``exact``: without the index of nearest neighbours. ``two_weight`` and ``any_weight`` are what documents
    count that hold only two of the words, or only one (or whose title is like one only), beside 1 for those that hold
    all; the last one counts half where nothing is known of the query's meaning.
    """

    legs: tuple[Method, ...] = LEGS
    weights: Mapping[Method, float] = field(default_factory=lambda: _EVEN)
    k: int = 60
    candidates: int = 50
    ef_search: int = 200
    trigram_threshold: float = 0.5
    least_similarity: float = -1.0
    two_weight: float = 0.5
    any_weight: float = 0.0
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """What a hit must be: its kinds, when it happened (``since`` included, ``until`` not), a file's language."""

    kinds: tuple[str, ...] = KINDS
    since: datetime | None = None
    until: datetime | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One ask. ``user``: whose documents (a UUID); None: everybody's, which only an owner may ask.

    ``as_owner``: without the application's role, so that row-level security does not apply; never what a user gets.
    """

    text: str
    user: str | None = None
    as_owner: bool = False
    filters: Filters = Filters()
    limit: int = 10
    knobs: Knobs = field(default_factory=Knobs)
    methods: tuple[Method, ...] = tuple(Method)


@dataclass(frozen=True, slots=True)
class LegPart:
    """What one leg brought to a fused hit: its rank there (from 1), raw score, and weight / (k + rank).

    Raw scores of different legs do not compare.
    """

    leg: Method
    rank: int
    score: float
    term: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found. ``snippet`` holds MARK_BEGIN and MARK_END around what matched.

    ``title`` and ``snippet`` are the document's own text: make them safe before they reach a terminal. ``owner``: whose
    it is; None where that could not be read.
    """

    entity_type: str
    entity_id: str
    parent_id: str | None
    title: str
    snippet: str
    score: float
    rank: int
    happened_at: datetime | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    legs: tuple[LegPart, ...] = ()
    owner: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is, whatever the method."""
        return self.entity_type, self.entity_id


@dataclass(frozen=True, slots=True)
class MethodAnswer:
    """What one method found. ``took_ms`` runs from the ask to its hits, with its snippets.

    ``problem`` says why there are no hits: nothing was searched then. ``notes`` are in words for people, ``flags`` the
    same for scripts (short, loose, exact, index_short, stale, little_coverage, timeout, without_<leg>). ``sql`` with
    ``parameters`` is exactly what was run, after ``opening``; empty for the hybrid, which is fused here.
    """

    method: Method
    hits: tuple[Hit, ...]
    took_ms: float
    asked: int
    sql: str = ""
    parameters: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: Problem | Unknown | None = None
    opening: str = ""

    @property
    def returned(self) -> int:
        """How many hits came."""
        return len(self.hits)

    @property
    def short(self) -> bool:
        """Fewer came than were asked for."""
        return self.problem is None and self.returned < self.asked


@dataclass(frozen=True, slots=True)
class Isolation:
    """Whether every hit, of every method, belongs to the user who asked. ``strangers``: those that do not."""

    checked: int
    strangers: tuple[tuple[str, str], ...]

    @property
    def ok(self) -> bool:
        """No hit of somebody else."""
        return not self.strangers


@dataclass(frozen=True, slots=True)
class SearchSnapshot:
    """Everything one ask brought so far; ``complete`` once every method has answered.

    A method that has not answered yet is not in ``methods``. ``embedder``: who made the query's vector, with how much
    of the query it knows where it can tell (``coverage``, 0 to 1), and ``model``, whose vectors were compared.
    ``role``: as which role the server was asked.
    """

    asked: Asked
    analysed: Analysed
    methods: Mapping[Method, MethodAnswer]
    at: datetime
    role: str
    isolation: Isolation | Unknown
    embedder: str = ""
    model: str = ""
    coverage: float | None = None
    complete: bool = False

    @property
    def fusion(self) -> Knobs:
        """How the hybrid was fused."""
        return self.asked.knobs


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One hit as Devora's API gives it; the snippet without marks."""

    entity_type: str
    entity_id: str
    title: str
    snippet: str
    score: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The answer of Devora's API. ``total_count``: how many results are in it; ``execution_time_ms`` is whole."""

    results: list[SearchResult]
    total_count: int
    execution_time_ms: int
    query: str
    search_type: SearchType
