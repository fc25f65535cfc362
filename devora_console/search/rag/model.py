"""What goes into a packed prompt, what stays out, and how an answer ended: frozen, for every door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown


class Reason(StrEnum):
    """Why something that was found is not in the prompt."""

    BUDGET = "budget"
    DUPLICATE = "duplicate"
    THRESHOLD = "below threshold"
    OTHER_USER = "other user"
    GONE = "gone or another user's"  # row-level security does not tell which
    EMPTY = "no text"
    QUESTION = "is the question"


@dataclass(frozen=True, slots=True)
class Found:
    """Something a retriever found, best first. ``score`` compares within one retrieval only.

    ``words`` are what matched, where the retriever knows it: they choose the passage of a long text.
    """

    entity_type: str
    entity_id: str
    title: str
    score: float
    happened_at: datetime | None = None
    words: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What it is."""
        return self.entity_type, self.entity_id


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a retriever brought. ``problem`` says why it brought nothing; ``method`` how it searched, in words."""

    found: tuple[Found, ...]
    method: str
    notes: tuple[str, ...] = ()
    problem: Problem | Unknown | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """A thing that was found, with its text as it is stored; ``characters`` is how long that is as a whole."""

    found: Found
    text: str
    characters: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation that goes on. ``cut``: only its beginning is in the prompt."""

    message_id: str
    role: str
    text: str
    at: datetime | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Citation:
    """What ``[number]`` in an answer stands for. ``title`` and ``text`` are the originals, not what is in the prompt:
    make them safe before they reach a terminal. ``also``: near-duplicates that this one stands for.
    """

    number: int
    entity_type: str
    entity_id: str
    title: str
    happened_at: datetime | None
    text: str
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """A retrieved text that is in the prompt.

    ``text`` is as it stands there, neutralised (``neutralised`` changes); the citation holds the original passage.
    ``tokens`` with its fence. ``characters`` of the original's ``whole_characters`` are in it.
    """

    citation: Citation
    text: str
    tokens: int
    characters: int
    whole_characters: int
    score: float
    neutralised: int = 0

    @property
    def cut(self) -> bool:
        """Only a passage of the text is in the prompt."""
        return self.characters < self.whole_characters

    @property
    def entity_type(self) -> str:
        """Project, conversation, message or file."""
        return self.citation.entity_type

    @property
    def entity_id(self) -> str:
        """Its id."""
        return self.citation.entity_id

    @property
    def title(self) -> str:
        """Its title, as it is stored."""
        return self.citation.title


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A retrieved thing that is not in the prompt, and why, with the particulars in words."""

    entity_type: str
    entity_id: str
    title: str
    score: float
    reason: Reason
    about: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """Where the budget went, counted by ``counter``.

    ``budget`` is for what is added to the question: the frame (instructions and fences' headings), the conversation's
    turns, the contexts. ``reserve`` of it is kept free because counters differ. ``prompt`` is everything, with the
    question.
    """

    budget: int
    reserve: int
    frame: int
    conversation: int
    contexts: int
    question: int
    prompt: int
    counter: str

    @property
    def added(self) -> int:
        """What the budget is held against. Not quite the sum of the parts: counted as one text."""
        return self.prompt - self.question


@dataclass(frozen=True, slots=True)
class Packed:
    """A prompt and how it came to be. ``plain``: it is the question and nothing else."""

    prompt: str
    contexts: tuple[Context, ...]
    left_out: tuple[LeftOut, ...]
    turns: tuple[Turn, ...]
    tokens: Tokens
    fence: str
    notes: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """The question and nothing else."""
        return not self.contexts and not self.turns


@dataclass(frozen=True, slots=True)
class RagResponse:
    """What retrieval brought, beside the prompt. ``problem`` says why the prompt is the plain question when it should
    not be; ``notes`` what else a person should know.
    """

    contexts: tuple[Context, ...]
    left_out: tuple[LeftOut, ...]
    turns: tuple[Turn, ...]
    tokens: Tokens
    retrieval_time_ms: float
    method: str = ""
    as_user: str | None = None
    fence: str = ""
    notes: tuple[str, ...] = ()
    problem: Problem | Unknown | None = None

    @property
    def total_contexts(self) -> int:
        """How many retrieved texts are in the prompt."""
        return len(self.contexts)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the numbers in an answer stand for."""
        return tuple(each.citation for each in self.contexts)


class AnswerState(StrEnum):
    """How an answer ended. Only COMPLETE is whole; whatever came before stays in every case."""

    RUNNING = "running"
    COMPLETE = "complete"
    DECLINED = "declined"  # the model said that it will not answer
    CUT_OFF = "cut off"  # the limit of output tokens, or the provider's filter
    CANCELLED = "cancelled"
    FAILED = "failed"  # the provider said so
    BROKEN = "broken off"  # the stream ended without saying how


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them. ``cached`` and ``reasoning`` are parts of input and output."""

    input_tokens: int
    output_tokens: int
    cached: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, and the day they were read."""

    input_per_million: Decimal
    output_per_million: Decimal
    as_of: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer so far, or at its end.

    ``usage`` and ``cost`` (US dollars) are known when the provider has told them: a cancelled or broken answer costs
    something nobody told. ``counted_tokens`` is what we counted for the prompt, to be held against ``usage``.
    """

    text: str
    state: AnswerState
    model: str
    counted_tokens: int
    counter: str
    seconds: float
    first_text_seconds: float | None
    usage: Usage | Unknown
    cost: Decimal | Unknown
    price: Price | Unknown
    problem: Problem | None = None
    notes: tuple[str, ...] = ()
    cited: tuple[int, ...] = ()
    cited_unknown: tuple[int, ...] = ()
    response_id: str | None = None

    @property
    def whole(self) -> bool:
        """It came to its own end."""
        return self.state in (AnswerState.COMPLETE, AnswerState.DECLINED)
