"""A corpus for searches: users of very different size, messages with word frequencies as in real text, vectors.

Words follow Zipf and Mandelbrot: 60,000 of them, the commonest being French function words; a fourth of the words of a
message are of its user's own 300 favourites. Every user has some topics, each a point in space; conversations lie
around topics, and the vectors of messages around their conversation, as those of real texts do. In a scattered corpus
they lie around the topics in every direction alike, whatever their conversation: a message has no near ones, only
thousands that are about as far, which is the hardest there is for an index.
"""

from __future__ import annotations

import itertools
import operator
import random
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

WORDS = 60_000
DIMENSIONS = 256
PER_TALK = 20
_COMMON = (  # noqa: SIM905 - a text is what it is
    "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou son cette"
    " on aux mais comme nous ont été deux être tout leur si aussi fait même peut sans faire bien très bon code erreur"
    " fichier page merci bonjour projet problème fonction ligne version serveur base données test"
).split()
_ONSETS = [
    "b",
    "br",
    "c",
    "ch",
    "cl",
    "d",
    "f",
    "g",
    "gr",
    "j",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "qu",
    "r",
    "s",
    "t",
    "tr",
    "v",
]
_NUCLEI = ["a", "e", "é", "i", "o", "u", "ou", "ai", "on", "an", "in", "eau"]
_CODAS = ["", "", "", "r", "l", "s", "t", "c", "tion", "ment", "ble", "que", "sse"]
_POOL = 1 << 16  # numbers of noise that vectors take their turn of
_WIDE_POOL = 1 << 20  # so many that hardly two messages of a topic lie at one place


@dataclass
class Person:
    """A user: how many messages, favourite words, topics (numbers of centres)."""

    id: uuid.UUID
    messages: int
    favourites: list[str]
    topics: list[int]


@dataclass
class Corpus:
    """Draws everything from one seed. ``total`` messages over ``people`` users. ``scattered``: not by conversation."""

    total: int
    people: int
    seed: int = 7
    scattered: bool = False
    users: list[Person] = field(init=False)

    @property
    def model(self) -> str:
        """What its vectors are said to be of."""
        return f"{'scattered' if self.scattered else 'synthetic'}-{DIMENSIONS}"

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - nothing secret
        self.words = _vocabulary(self.random)
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) ** 1.07 for rank in range(len(self.words))))
        centre = self.random.gauss
        self.centres = [[centre(0, 1) for _ in range(DIMENSIONS)] for _ in range(400)]
        self._far = [centre(0, 0.8) for _ in range(_POOL)]
        near = random.Random(self.seed + 2).gauss  # noqa: S311 - nothing secret
        spread, pool = (0.9, _WIDE_POOL) if self.scattered else (0.5, _POOL)
        self._near = [near(0, spread) for _ in range(pool)]
        self.users = self._users()

    def _users(self) -> list[Person]:
        """The four that are measured (18 %, 7 %, 0.1 %, 9 rows), and the rest of many sizes."""
        sizes = [self.total * 18 // 100, self.total * 7 // 100, max(20, self.total // 1000), 9]
        left = self.total - sum(sizes)
        raw = [1 / (rank + 20) for rank in range(self.people - 4)]
        scale = left / sum(raw)
        sizes += [max(1, round(each * scale)) for each in raw]
        make = self.random
        return [
            Person(
                uuid.UUID(int=make.getrandbits(128), version=4), size,
                make.sample(self.words[200:], 300), make.sample(range(len(self.centres)), 6),
            )
            for size in sizes
        ]  # fmt: skip

    def text(self, person: Person) -> str:
        """A message: 3 words or more, half of them 18 or more."""
        draw = self.random
        count = max(3, min(300, round(draw.lognormvariate(2.9, 0.7))))
        own = count // 4
        words = draw.choices(self.words, cum_weights=self._weights, k=count - own)
        words += draw.choices(person.favourites, k=own)
        draw.shuffle(words)
        return " ".join(words).capitalize() + "."

    def title(self, person: Person) -> str:
        """Three to five words."""
        draw = self.random
        return " ".join(draw.choices(person.favourites, k=draw.randint(3, 5))).capitalize()

    def talk(self, person: Person, number: int) -> list[float]:
        """Where the user's conversation of that number lies: around one of the user's topics, always at one place."""
        centre = self.centres[person.topics[number % len(person.topics)]]
        if self.scattered:
            return centre
        start = zlib.crc32(person.id.bytes + number.to_bytes(4, "big")) % (_POOL - DIMENSIONS)
        return list(map(operator.add, centre, self._far[start : start + DIMENSIONS]))

    def vector(self, talk: list[float]) -> list[float]:
        """A message of the conversation that lies there."""
        start = self.random.randrange(len(self._near) - DIMENSIONS)
        return list(map(operator.add, talk, self._near[start : start + DIMENSIONS]))

    def asked(self, person: Person) -> list[float]:
        """The vector of a message that is in no table, of one of the user's conversations."""
        talks = (person.messages + PER_TALK - 1) // PER_TALK
        return self.vector(self.talk(person, self.random.randrange(talks)))

    def query(self, person: Person, *, typo: bool) -> str:
        """A message of this user's that is in no table, with a typing error in one of its longer words if wanted.

        One of stop words only would be no query.
        """
        words, long = [""], list[int]()
        while not long:
            words = self.text(person).split()
            long = [at for at, word in enumerate(words) if len(word) >= 6 and word.isalpha()]
        if typo:
            at = self.random.choice(long)
            words[at] = mistyped(words[at], self.random)
        return " ".join(words)


def mistyped(word: str, draw: random.Random) -> str:
    """One letter dropped, doubled, changed, or exchanged with the next; never the first.

    >>> len(mistyped("fonction", random.Random(1))) in (7, 8, 9)
    True
    """
    at = draw.randrange(1, len(word) - 1)
    match draw.randrange(4):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at] + word[at:]
        case 2:
            return word[:at] + draw.choice("aeinorstu") + word[at + 1 :]
        case _:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def vector_text(vector: list[float]) -> str:
    """As pgvector reads it."""
    return "[" + ",".join(f"{each:.5f}" for each in vector) + "]"


_VECTOR = struct.Struct(f">hh{DIMENSIONS}f")


def vector_binary(vector: list[float]) -> bytes:
    """As pgvector's binary COPY reads it, with the length in front."""
    body = _VECTOR.pack(DIMENSIONS, 0, *vector)
    return struct.pack(">i", len(body)) + body


def _vocabulary(draw: random.Random) -> list[str]:
    """Distinct words, the commonest first."""
    found = dict.fromkeys(_COMMON)
    while len(found) < WORDS:
        syllables = draw.choices((1, 2, 3, 4), weights=(1, 6, 8, 3))[0]
        word = "".join(draw.choice(_ONSETS) + draw.choice(_NUCLEI) for _ in range(syllables)) + draw.choice(_CODAS)
        found[word] = None
    return list(found)


def batches(count: int, size: int) -> Iterator[int]:
    """``count`` in portions."""
    while count > 0:
        yield min(count, size)
        count -= size
