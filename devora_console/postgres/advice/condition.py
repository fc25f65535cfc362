"""The condition of a scan, as EXPLAIN (VERBOSE) writes it: which columns are compared, how, and what else there is.

The text is written by the server, not by a person: every comparison stands in brackets of its own, columns carry the
alias of their table, casts and operators have one spelling. What is not one of the few shapes read here is named and
left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from devora_console.postgres.plans.lexer import Kind, Token, tokens

Item = Token | list["Item"]

EQUAL, ANY, NULL, RANGE = "=", "= ANY", "IS NULL", "range"
_ANY_LENGTH = 10  # what the planner takes for a list it does not know
_SWAPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SPARED = frozenset({"any", "array", "now"})  # what looks like a function and is the same for every row
_MORE_OF_A_TYPE = frozenset({"varying", "precision", "with", "without", "time", "zone"})
_WORDS = {
    "~~": "a pattern (LIKE), which a plain index serves in some locales only",
    "~~*": "a pattern (ILIKE), which only a trigram index serves",
    "!~~": "a negated pattern",
    "!~~*": "a negated pattern",
    "~": "a regular expression",
    "~*": "a regular expression",
    "!~": "a negated regular expression",
    "!~*": "a negated regular expression",
    "<>": "unequal (<>), which leaves most rows",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A column of the scanned table held against something that is the same for every row.

    ``how`` is EQUAL, ANY, NULL or RANGE; ``values`` how many it is held against; ``literal`` the one value where the
    condition names it. ``cast`` is the type the column is read as, where one is written.
    """

    column: str
    how: str
    values: int = 1
    literal: str | None = None
    cast: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """Part of a condition that no plain index on a column serves, in words."""

    words: str


def read_condition(text: str, alias: str) -> list[Compared | Unread]:
    """The parts that must all hold, of a condition on the table called ``alias``.

    >>> read_condition("((t.a = $1) AND (t.b > $2))", "t")
    [Compared(column='a', how='=', values=1, literal=None, cast=''), \
Compared(column='b', how='range', values=1, literal=None, cast='')]
    >>> [each.words for each in read_condition("((t.a = 1) OR (t.b = 2))", "t")]
    ['conditions joined by OR']
    """
    return [_part(part, alias) for part in _parts(_tree(list(tokens(text))))]


def _tree(flat: Sequence[Token]) -> list[Item]:
    """Brackets as lists in lists."""
    top: list[Item] = []
    open_ones = [top]
    for token in flat:
        if token.kind is Kind.SIGN and token.text == "(":
            inner: list[Item] = []
            open_ones[-1].append(inner)
            open_ones.append(inner)
        elif token.kind is Kind.SIGN and token.text == ")" and len(open_ones) > 1:
            open_ones.pop()
        else:
            open_ones[-1].append(token)
    return top


def _parts(items: list[Item]) -> Iterator[list[Item]]:
    items = _bare(items)
    if not any(_is_word(each, "and") for each in items) or any(_is_word(each, "or") for each in items):
        yield items
        return
    part: list[Item] = []
    for each in items:
        if _is_word(each, "and"):
            yield from _parts(part)
            part = []
        else:
            part.append(each)
    yield from _parts(part)


def _bare(items: list[Item]) -> list[Item]:
    while len(items) == 1 and isinstance(items[0], list):
        items = items[0]
    return items


def _is_word(item: Item, word: str) -> bool:
    return isinstance(item, Token) and item.kind is Kind.WORD and item.value == word


def _flat(items: Sequence[Item]) -> Iterator[Token]:
    for each in items:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _part(items: list[Item], alias: str) -> Compared | Unread:
    if any(_is_word(each, "or") for each in items):
        return Unread("conditions joined by OR")
    if any(token.kind is Kind.WORD and token.value in ("subplan", "hashed", "alternatives") for token in _flat(items)):
        return Unread("a subquery")
    negated = bool(items) and _is_word(items[0], "not")
    column, rest = _column(_bare(items[1:]) if negated else items, alias)
    if column is not None and not rest:
        return Compared(column.column, EQUAL, literal="f" if negated else "t", cast=column.cast)
    if negated:
        return Unread("a negated condition (NOT)")
    if column is not None:
        return _right_of(column, rest, alias)
    return _turned_round(items, alias)


def _right_of(column: Compared, rest: list[Item], alias: str) -> Compared | Unread:
    words = [each.value for each in rest if isinstance(each, Token)]
    if words == ["is", "null"]:
        return Compared(column.column, NULL, cast=column.cast)
    if words == ["is", "not", "null"]:
        return Unread("only that a column is not null")
    if words[:1] == ["is"]:
        return Unread(f"the test IS {' '.join(words[1:]).upper()[:40]}")
    sign, right = _operator(rest)
    listed = bool(right) and _is_word(right[0], "any") and len(right) == 2
    if sign not in _SWAPPED or (right and _is_word(right[0], "all")) or (listed and sign != "="):
        return Unread(_WORDS.get(sign, f"the operator {sign[:20]}" if sign else "an expression"))
    if listed:
        right = right[1:]
    if why := _varies(right, alias):
        return Unread(why)
    if listed:
        return Compared(column.column, ANY, _length(right), cast=column.cast)
    return Compared(column.column, EQUAL if sign == "=" else RANGE, literal=_literal(right), cast=column.cast)


def _turned_round(items: list[Item], alias: str) -> Compared | Unread:
    """``$1 = column``, or an expression."""
    for at in range(1, len(items)):
        sign, right = _operator(items[at:])
        if not sign:
            continue
        column, rest = _column(right, alias)
        if column is None or rest or sign not in _SWAPPED:
            break
        left = items[:at]
        if why := _varies(left, alias):
            return Unread(why)
        return Compared(column.column, EQUAL if sign == "=" else RANGE, literal=_literal(left), cast=column.cast)
    return Unread("an expression, which only an index on the same expression serves")


def _column(items: list[Item], alias: str) -> tuple[Compared | None, list[Item]]:
    """The column that ``items`` begin with, alone or cast, and what follows it."""
    if items and isinstance(items[0], list):
        column, more = _column(_bare(items[0]), alias)
        if column is None or more or column.cast:
            return None, items
        cast, rest = _cast(items[1:])
        return Compared(column.column, EQUAL, cast=cast), rest
    names = (Kind.WORD, Kind.NAME)
    if len(items) < 3 or not all(isinstance(each, Token) for each in items[:3]):
        return None, items
    table, dot, name = (each for each in items[:3] if isinstance(each, Token))
    if table.kind not in names or table.value != alias or dot.text != "." or name.kind not in names:
        return None, items
    return Compared(name.value, EQUAL), items[3:]


def _cast(items: list[Item]) -> tuple[str, list[Item]]:
    if len(items) < 3 or not all(isinstance(each, Token) and each.text == ":" for each in items[:2]):
        return "", items
    at, words = 2, []
    while at < len(items):
        token = items[at]
        if not isinstance(token, Token) or not (at == 2 or token.value in _MORE_OF_A_TYPE):
            break
        words.append(token.value)
        at += 1
    return " ".join(words), items[at:]


def _operator(items: Sequence[Item]) -> tuple[str, list[Item]]:
    """The signs that ``items`` begin with, and what follows; no signs where that is a cast."""
    sign, at = "", 0
    while at < len(items):
        token = items[at]
        if not isinstance(token, Token) or token.kind is not Kind.SIGN or token.text in "[],.":
            break
        sign += token.text
        at += 1
    return ("", list(items)) if sign.startswith(":") else (sign, list(items[at:]))


def _varies(items: Sequence[Item], alias: str) -> str:
    """Why a value may differ from row to row, or is compared otherwise than an index sorts; empty if neither."""
    flat = list(_flat(items))
    if any(token.kind is Kind.WORD and token.value == "collate" for token in flat):
        return "a comparison under another collation"
    for token, after in pairwise(flat):
        if token.kind in (Kind.WORD, Kind.NAME) and token.value == alias and after.text == ".":
            return "two columns of the same table against each other"
    return "a comparison with the result of a function" if _calls(items) else ""


def _calls(items: Sequence[Item]) -> bool:
    """Whether a function is called whose result may differ each time. The length of a type is no call."""
    before: Item | None = None
    last: Item | None = None
    for each in items:
        if isinstance(each, list):
            named = isinstance(last, Token) and last.kind in (Kind.WORD, Kind.NAME)
            typed = (isinstance(before, Token) and before.text == ":") or _is_word(last or [], "varying")
            if named and not typed and isinstance(last, Token) and last.value not in _SPARED:
                return True
            if _calls(each):
                return True
        elif _is_word(each, "case"):
            return True
        before, last = last, each
    return False


def _literal(items: Sequence[Item]) -> str | None:
    token = next(_flat(items), None)
    if token is None or token.kind not in (Kind.STRING, Kind.NUMBER):
        return None
    return token.text[1:-1].replace("''", "'") if token.text.startswith("'") else token.text


def _length(items: Sequence[Item]) -> int:
    """How many values a list holds: those that are written, or what the planner guesses."""
    flat = list(_flat(items))
    if flat and flat[0].kind is Kind.STRING and flat[0].text.startswith("'{"):
        return flat[0].text.count(",") + 1
    if flat and flat[0].kind is Kind.WORD and flat[0].value == "array":
        return sum(token.text == "," for token in flat) + 1
    return _ANY_LENGTH
