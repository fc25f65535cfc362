"""What people and the assistant say: a context with every slot filled, and conversations built on it."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from devora_console.demo.data.texts import PROJECT_TYPES, Banks, Context, Exchange, Topic, banks

_FENCE = "```"
_STATUS_CODES = ("400", "401", "403", "404", "409", "422", "429", "500", "502", "503")


class Subject(NamedTuple):
    """What one project or conversation is about."""

    context: Context
    kind: str  # one of PROJECT_TYPES
    topics: tuple[Topic, ...]  # the main one first


def draw_subject(rng: random.Random) -> Subject:
    """A line of business somewhere, a kind of project, and one to three topics."""
    bank = banks()
    kind = rng.choice(PROJECT_TYPES)
    main = rng.choice(bank.by_type[kind])
    others = rng.sample(bank.topics, rng.randrange(3))
    context = dict(rng.choice(bank.activities))
    context["ville"] = rng.choice(bank.words["cities"])
    context["couleur"] = rng.choice(bank.words["colors"])
    context["type_projet"] = kind
    context["sujet"] = main.label.lower()
    context["port"] = str(3000 + 10 * rng.randrange(600))
    context["hex"], context["hex2"] = f"#{rng.getrandbits(24):06x}", f"#f{rng.getrandbits(20):05x}"
    context["rayon"] = str(rng.randrange(2, 17))
    refresh(context, rng, bank)
    context["titre"] = rng.choice(main.names).fill(context)
    return Subject(context, kind, (main, *(topic for topic in others if topic is not main)))


def refresh(context: Context, rng: random.Random, bank: Banks) -> None:
    """Draw anew what changes from one message to the next: numbers, the page in question, the browser."""
    cents = 100 * rng.randrange(2, 150) + rng.choice((0, 50, 90, 99))
    context["n"] = str(rng.randrange(3, 60))
    context["jours"] = str(rng.choice((3, 7, 14, 15, 30, 45)))
    context["pct"] = str(5 * rng.randrange(1, 16))
    context["prix"] = f"{cents // 100},{cents % 100:02d}"
    context["prix_point"] = f"{cents // 100}.{cents % 100:02d}"
    context["prix_centimes"] = str(cents)
    context["ms"] = str(10 * rng.randrange(3, 90))
    context["code_http"] = rng.choice(_STATUS_CODES)
    context["emoji"] = rng.choice(bank.words["emoji"])
    context["navigateur"] = rng.choice(bank.words["browsers"])
    context["delai"] = rng.choice(bank.words["deadlines"])
    context["page"] = rng.choice(bank.phrases["pages"]).fill(context)


def talk(rng: random.Random, subject: Subject, count: int) -> Iterator[tuple[str, str]]:
    """``count`` messages (role, content) of one conversation: perhaps a system message, then in turns."""
    bank = banks()
    context = subject.context
    left = count
    if left >= 5 and rng.random() < 0.1:
        yield "system", rng.choice(bank.phrases["systems"]).fill(context)
        left -= 1
    said: set[Exchange] = set()
    while left > 0:
        refresh(context, rng, bank)
        if said and left <= 2 and rng.random() < 0.6:
            yield "user", rng.choice(bank.phrases["thanks"]).fill(context)
            if left > 1:
                yield "assistant", rng.choice(bank.phrases["farewells"]).fill(context)
            return
        topic = subject.topics[0] if not said or rng.random() < 0.6 else rng.choice(subject.topics)
        turn = _next_turn(rng, bank, topic, said)
        yield "user", _question(rng, bank, context, topic, turn, first=not said)
        said.add(turn.exchange)
        if left > 1:
            yield "assistant", _answer(rng, bank, context, topic, turn)
        left -= 2


class _Turn(NamedTuple):
    exchange: Exchange
    tails: str  # bank of what the user may add
    leads: str  # bank of how the answer may begin
    code: float  # how likely the answer shows code


def _next_turn(rng: random.Random, bank: Banks, topic: Topic, said: set[Exchange]) -> _Turn:
    """What comes up next: a wish first, then wishes, faults and follow-ups, rarely the same one again."""
    for _ in range(4):
        draw = rng.random()
        if not said or draw < 0.45:
            turn = _Turn(rng.choice(topic.pairs), "user_tails", "assistant_leads", 0.6)
        elif draw < 0.7:
            turn = _Turn(rng.choice(topic.faults), "fault_tails", "fault_leads", 0.4)
        else:
            turn = _Turn(rng.choice(bank.follow_ups), "user_tails", "assistant_leads", 0.0)
        if turn.exchange not in said:
            break
    return turn


def _question(
    rng: random.Random,
    bank: Banks,
    context: Context,
    topic: Topic,
    turn: _Turn,
    *,
    first: bool,
) -> str:
    text = rng.choice(bank.phrases["greetings"]).fill(context)
    if first:
        wish = rng.choice(topic.descriptions).fill(context)
        about = f" ({topic.label})" if rng.random() < 0.4 else ""
        text += f"projet « {context['titre']} »{about} : {wish} Pour commencer, "
    text += turn.exchange.question.fill(context)
    text += rng.choice(bank.phrases[turn.tails]).fill(context)
    text = text[0].upper() + text[1:]
    draw = rng.random()
    if draw < 0.12:
        text = roughen(text, rng)
    elif draw < 0.22:
        text += " " + context["emoji"]
    return text


def _answer(rng: random.Random, bank: Banks, context: Context, topic: Topic, turn: _Turn) -> str:
    parts = [rng.choice(bank.phrases[turn.leads]).fill(context) + turn.exchange.answer.fill(context)]
    if rng.random() < turn.code:
        snippet = rng.choice(topic.snippets)
        parts.append(f"{_FENCE}{snippet.language}\n{snippet.code.fill(context)}\n{_FENCE}")
    closing = rng.choice(bank.phrases["assistant_closings"]).fill(context)
    if closing:
        parts.append(closing)
    return "\n\n".join(parts)


def roughen(text: str, rng: random.Random) -> str:
    """The text as typed in a hurry: without accents, without apostrophes, or with two letters swapped."""
    turn = rng.randrange(4)
    if turn == 0:
        return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if turn == 1:
        return text.lower().replace("j'ai", "jai").replace("c'est", "cest").replace("qu'", "qu ")
    if turn == 2:
        return text.replace("problème", "probleme").replace("ça", "ca").replace(" ?", "?")
    at = rng.randrange(1, max(2, len(text) - 2))
    return text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
