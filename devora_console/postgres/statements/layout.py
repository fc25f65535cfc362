"""A statement's text broken into lines at its clauses, for reading. Pure; never used for copying."""

from __future__ import annotations

import re

# Literals, quoted names, dollar quotes and comments are kept as they are, an unfinished one to the end.
_PIECES = re.compile(
    r"""(?P<kept>
          --[^\n]*\n?
        | /\*(?:.*?\*/|.*)
        | [eE]'(?:[^'\\]|\\.|'')*(?:'|$)
        | '(?:[^']|'')*(?:'|$)
        | "(?:[^"]|"")*(?:"|$)
        | \$(?P<tag>[^\W\d]\w*|)\$(?:.*?\$(?P=tag)\$|.*)
        )
      | (?P<space>\s+)
      | (?P<word>\$\d+|[^\W\d][\w$]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_MAIN = (
    "with", "select", "from", "where", "group by", "having", "window", "order by", "limit", "offset", "fetch first",
    "union", "union all", "intersect", "except", "insert into", "values", "on conflict", "update", "set", "delete from",
    "returning", "for update", "for share", "merge into", "when matched", "when not matched",
)  # fmt: skip
_JOINS = ("join", "left join", "right join", "full join", "inner join", "cross join", "left outer join", "natural join",
          "right outer join", "full outer join", "and", "or")  # fmt: skip
_PHRASES = frozenset(_MAIN + _JOINS)
_STARTS = frozenset(phrase.split()[0] for phrase in _PHRASES)
_LONGEST = max(len(phrase.split()) for phrase in _PHRASES)
_MOST = 100_000


def laid_out(text: str) -> str:
    """Clauses on lines of their own, those of subqueries indented; words, literals and comments unchanged.

    >>> print(laid_out("SELECT a, (SELECT max(b) FROM u) FROM t JOIN v ON t.i = v.i WHERE a = 'x from y' AND b > $1"))
    SELECT a, (
        SELECT max(b)
        FROM u)
    FROM t
      JOIN v ON t.i = v.i
    WHERE a = 'x from y'
      AND b > $1
    """
    if len(text) > _MOST:
        return text
    return _Lines([(found.lastgroup or "", found[0]) for found in _PIECES.finditer(text)]).write()


class _Lines:
    """Writes tokens, remembering which brackets hold a query and whether BETWEEN waits for its AND."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._out: list[str] = []
        self._open: list[bool] = []
        self._between = False

    def write(self) -> str:
        at = 0
        while at < len(self._tokens):
            kind, word = self._tokens[at]
            if kind == "word" and word.lower() in _STARTS and not self._after_dot():
                at += self._phrase(at)
                continue
            if kind == "space":
                self._space()
            elif kind == "kept" and word.startswith("--"):
                self._out.append(word.rstrip("\n"))
                self._line(0)
            else:
                self._bracket(kind, word, at)
                self._out.append(word)
                self._between = self._between or (kind == "word" and word.lower() == "between")
            at += 1
        return "".join(self._out).strip()

    def _after_dot(self) -> bool:
        return bool(self._out) and self._out[-1] == "."

    def _bracket(self, kind: str, word: str, at: int) -> None:
        if kind != "other":
            return
        if word == "(":
            inside = next((w.lower() for k, w in self._tokens[at + 1 : at + 9] if k not in ("space", "kept")), "")
            self._open.append(inside in ("select", "with", "insert", "update", "delete", "values"))
        elif word == ")" and self._open:
            self._open.pop()

    def _phrase(self, at: int) -> int:
        """Write the clause that begins here on a line of its own, or its word alone. How many tokens that took."""
        words: list[str] = []
        taken = best = length = 0
        for kind, word in self._tokens[at : at + 2 * _LONGEST]:
            taken += 1
            if kind == "space":
                continue
            if kind != "word" or len(words) == _LONGEST:
                break
            words.append(word)
            if " ".join(words).lower() in _PHRASES:
                best, length = taken, len(words)
        phrase = " ".join(words[:length]).lower()
        if best and self._breaks(phrase):
            self._line(1 if phrase in _JOINS else 0)
            self._out.append(" ".join(words[:length]))
            return best
        self._between = self._between and phrase != "and"
        self._out.append(self._tokens[at][1])
        return 1

    def _breaks(self, phrase: str) -> bool:
        if self._open and not self._open[-1]:
            return False  # inside a function call or a condition in brackets
        if phrase == "from" and [each.lower() for each in self._out[-2:]] == ["distinct", " "]:
            return False
        return not (phrase == "and" and self._between)

    def _space(self) -> None:
        if self._out and not self._out[-1].endswith((" ", "\n")):
            self._out.append(" ")

    def _line(self, more: int) -> None:
        if not self._out:
            return
        while self._out and not self._out[-1].strip():
            self._out.pop()
        self._out.append("\n" + "    " * sum(self._open) + "  " * more)
