"""The text form of a tsquery: its lexemes, and the query that wants any of them. Pure; the server did the parsing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

_TOKEN = re.compile(r"'(?:[^'\\]|''|\\.)*'(?::[A-D*]+)?|<->|<\d+>|[&|!()]")
_QUOTED = re.compile(r"'((?:[^'\\]|''|\\.)*)'(:[A-D*]+)?")


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A lexeme of a query. ``negated``: it must not be there. ``quoted`` is as the query writes it."""

    word: str
    quoted: str
    negated: bool


def quote(word: str) -> str:
    """A lexeme as a tsquery writes it.

    >>> quote("l'eau")
    "'l''eau'"
    """
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


@lru_cache(maxsize=1024)  # an analysis asks for those of the same query and words many times
def lexemes(query: str) -> tuple[Lexeme, ...]:
    """Those of a query, in its order.

    >>> [(each.word, each.negated) for each in lexemes("'pan' & !( 'bas' | 'don' )")]
    [('pan', False), ('bas', True), ('don', True)]
    """
    found: list[Lexeme] = []
    stack = [False]  # whether what stands in these brackets is negated
    pending = False  # an odd number of ! stands before
    for part in _TOKEN.findall(query):
        if part == "!":
            pending = not pending
        elif part == "(":
            stack.append(stack[-1] != pending)
            pending = False
        elif part == ")":
            if len(stack) > 1:
                stack.pop()
        elif match := _QUOTED.fullmatch(part):
            word = re.sub(r"\\(.)", r"\1", match[1].replace("''", "'"))
            found.append(Lexeme(word, f"'{match[1]}'", stack[-1] != pending))
            pending = False
    return tuple(found)


def widened(query: str, near: Mapping[str, str]) -> str:
    """The query where a lexeme may also be the one that is near it.

    Both, as the vocabulary may be older than a document that does hold the word as typed.

    >>> widened("'camoin' & !'ver'", {"camoin": "camion"})
    "( 'camoin' | 'camion' ) & !'ver'"
    """
    wanted = {each.quoted: near[each.word] for each in lexemes(query) if each.word in near and not each.negated}
    return _TOKEN.sub(
        lambda match: f"( {match[0]} | {quote(wanted[match[0]])} )" if match[0] in wanted else match[0], query
    )


def any_of(query: str, without: Collection[str] = ()) -> str:
    """The query that wants any of the wanted lexemes, and none of those that are excluded. Empty when none is wanted.

    >>> any_of("'pan' & 'bas' & !'vert'", without=("bas",))
    "'pan' & !'vert'"
    >>> any_of("'pan' & 'bas'"), any_of("!'vert'")
    ("'pan' | 'bas'", '')
    """
    found = (each.word for each in lexemes(query) if not each.negated and each.word not in without)
    wanted = list(dict.fromkeys(map(quote, found)))
    if not wanted:
        return ""
    either, out = " | ".join(wanted), exclusions(query)
    if not out:
        return either
    return f"( {either} ) & {out}" if len(wanted) > 1 else f"{either} & {out}"


def exclusions(query: str) -> str:
    """What the query wants not to be there, as a query of its own: words and phrases. Empty where there is none.

    >>> exclusions("'pan' & !'vert' & !( 'bas' <-> 'don' )"), exclusions("'pan' & !'vert' | 'bas'")
    ("!'vert' & !( 'bas' <-> 'don' )", "!'vert'")
    """
    if _joined_by_or(query):
        return " & ".join(dict.fromkeys(f"!{quote(each.word)}" for each in lexemes(query) if each.negated))
    return " & ".join(dict.fromkeys(each for each in groups(query) if each.startswith("!")))


def excluding_everywhere(query: str) -> str:
    """The query where an exclusion holds for all that is joined with or, as it does for every other method.

    >>> excluding_everywhere("'a' & !'b' | 'c'"), excluding_everywhere("'a' & !'b'")
    ("( 'a' & !'b' | 'c' ) & !'b'", "'a' & !'b'")
    """
    out = exclusions(query)
    return f"( {query} ) & {out}" if out and _joined_by_or(query) else query


def _joined_by_or(query: str) -> bool:
    depth = 0
    for part in _TOKEN.findall(query):
        depth += (part == "(") - (part == ")")
        if part == "|" and depth == 0:
            return True
    return False


_MOST_GROUPS = 7


def groups(query: str) -> tuple[str, ...]:
    """What the query joins with & at its top: words, phrases, brackets; those that are excluded too.

    >>> groups("'a' & ( 'b' | 'c' ) & !'d' <-> 'e'")
    ("'a'", "( 'b' | 'c' )", "!'d' <-> 'e'")
    >>> groups("'a' | 'b' & 'c'")
    ("'a' | 'b' & 'c'",)
    """
    if _joined_by_or(query):
        return (query,)
    found: list[list[str]] = [[]]
    depth = 0
    for part in _TOKEN.findall(query):
        depth += (part == "(") - (part == ")")
        if part == "&" and depth == 0:
            found.append([])
        else:
            found[-1].append(part)
    return tuple(" ".join(each).replace("! ", "!") for each in found if each)


def two_of(query: str, without: Collection[str] = (), rarest: Sequence[str] = ()) -> str:
    """The query that wants any two of three or more wanted words. Empty where that is not fewer than all of them.

    Of many words those are paired that come first in ``rarest``: there are as many matches to look at, and to compare
    with every pair, as the commonest of them has.

    >>> two_of("'a' & 'b' & 'c' & !'d'")
    "( 'a' & 'b' | 'a' & 'c' | 'b' & 'c' ) & !'d'"
    >>> two_of(" & ".join(f"'{word}'" for word in "abcdefgh"), rarest="hgfedcb").count("'a'")
    0
    >>> two_of("'a' & 'b'"), two_of("'a' & 'a' & 'a'")
    ('', '')
    """
    every = tuple(dict.fromkeys(groups(query)))
    wanted = [each for each in every if _wanted(each, without)]
    if len(wanted) < 3:
        return ""
    if len(wanted) > _MOST_GROUPS:
        place = {word: at for at, word in enumerate(rarest)}
        wanted.sort(key=lambda group: min(place.get(each.word, len(place)) for each in lexemes(group)))
        wanted = wanted[:_MOST_GROUPS]
    either = " | ".join(" & ".join(pair) for pair in combinations(wanted, 2))
    return " & ".join((f"( {either} )", *(each for each in every if each.startswith("!"))))


def without_words(query: str, words: Collection[str]) -> str:
    """The query without top words, unless nothing would be left of it.

    >>> without_words("'coment' & 'pan'", ("coment",)), without_words("'coment'", ("coment",))
    ("'pan'", "'coment'")
    """
    every = groups(query)
    left = [each for each in every if _wanted(each, words) or each.startswith("!")]
    return " & ".join(left) if any(not each.startswith("!") for each in left) else query


def _wanted(group: str, without: Collection[str]) -> bool:
    found = lexemes(group)
    return any(not each.negated for each in found) and not all(each.word in without for each in found)
