"""Hits, side by side or one method at a time: exactly as many lines as there is room for. Pure functions."""

from __future__ import annotations

from rich.text import Text

from devora_console.search.model import Hit, Method, SearchSnapshot
from devora_console.search.movement import Movement
from devora_console.tui.render.look import Look
from devora_console.tui.render.search_words import (
    NAMES,
    View,
    heading,
    marked,
    move,
    nothing_to_find,
    stems,
    title_of,
    why,
)

_GAP = 2
_WIDE_MOVE = 5
_MOST_GONE = 3
_ROOMY = 100
_FEW = 5


def hits_lines(view: View, look: Look, width: int, height: int) -> list[Text]:
    """The hits in ``height`` lines: all methods side by side, or the one that is chosen."""
    if view.snapshot is None or height <= 0:
        return []
    if view.method is None:
        return _side_by_side(view, view.snapshot, look, width, height)
    return _alone(view, view.snapshot, view.method, look, width, height)


# --- side by side -------------------------------------------------------------------------------------


def _side_by_side(view: View, shown: SearchSnapshot, look: Look, width: int, height: int) -> list[Text]:
    cell = (width - 1 - _GAP * (len(Method) - 1)) // len(Method)
    most = max((answer.returned for answer in shown.methods.values()), default=0)
    gone = 1 if any(_gone(view, method) for method in Method) else 0
    room = height - 1 - gone
    per = 2 if most * 2 <= room else 1
    first = _first_row(view.at, most, room // per)
    columns = [_column(view, shown, method, look, cell, first, room, per) for method in Method]
    out = []
    for at in range(1 + room):
        line = Text(" ", no_wrap=True, end="")
        for index, column in enumerate(columns):
            line.append_text(_fixed(column[at] if at < len(column) else Text(), cell, look))
            if index < len(columns) - 1:
                line.append(" " * _GAP)
        out.append(line)
    out += [_gone_row(view, look, cell)] * gone
    return _trimmed(out)


def _column(
    view: View, shown: SearchSnapshot, method: Method, look: Look, width: int, first: int, room: int, per: int
) -> list[Text]:
    """A method's heading and hits."""
    answer = shown.methods.get(method)
    words, style = heading(method, answer, look)
    under = method is view.column
    out = [Text(look.fit(words, width), style=f"{style} bold underline" if under else f"{style} bold")]
    if answer is None:
        return out
    if answer.problem is not None:
        return out + [Text(line, style=look.muted) for line in _wrapped(why(answer.problem, look), width, room)]
    moved, wanted = view.moved(method), stems(shown.analysed)
    current = view.hit
    for at, hit in enumerate(answer.hits[first : first + room // per], first):
        cursor = under and at == view.at
        same = current is not None and hit.key == current.key and not cursor
        grade = view.grades.get(hit.key)
        out.append(_cell(hit, moved, look, width, wanted, grade, cursor=cursor, same=same))
        if per > 1:
            out.append(_below(hit, look, width))
    if not answer.hits:
        out.append(Text("nothing", style=look.muted))
    return out


def _cell(
    hit: Hit,
    moved: Movement | None,
    look: Look,
    width: int,
    wanted: tuple[str, ...],
    grade: int | None,
    *,
    cursor: bool,
    same: bool,
) -> Text:
    line = Text(f"{hit.rank:>2}{'*' if same else ' '}", no_wrap=True, end="", style="")
    line.append(_graded(grade))
    if moved is not None:
        line.append(f"{look.plain(move(moved, hit)):<{_WIDE_MOVE}}")
    line.append_text(title_of(hit, look, wanted))
    line = _fixed(line, width, look)
    if cursor:
        line.stylize("reverse")
    elif same:
        line.stylize("bold")
    return line


def _graded(grade: int | None) -> str:
    """A grade that was given, in brackets: a judged hit is seen at once."""
    return "" if grade is None else f"[{grade}] "


def _below(hit: Hit, look: Look, width: int) -> Text:
    line = Text(f"   {hit.entity_type[:4]} ", style=look.muted, no_wrap=True, end="")
    line.append_text(marked(hit.snippet, look, 2 * width, look.muted))
    return line


def _gone(view: View, method: Method) -> tuple[tuple[str, str], ...]:
    moved = view.moved(method)
    return moved.gone if moved is not None else ()


def _gone_row(view: View, look: Look, cell: int) -> Text:
    line = Text(" ", no_wrap=True, end="")
    for index, method in enumerate(Method):
        gone = _gone(view, method)
        words = f"-gone {len(gone)}: {', '.join(_titles(view, gone))}" if gone else ""
        line.append_text(_fixed(Text(look.text(words, 200), style=look.muted), cell, look))
        if index < len(Method) - 1:
            line.append(" " * _GAP)
    return line


def _titles(view: View, keys: tuple[tuple[str, str], ...]) -> list[str]:
    """Titles of hits that are in the baseline only."""
    known: dict[tuple[str, str], str] = {}
    for snapshot in (view.seen.before, view.snapshot):
        for answer in snapshot.methods.values() if snapshot else ():
            known.update({hit.key: hit.title or hit.entity_type for hit in answer.hits})
    return [known.get(key, key[0]) for key in keys[:_MOST_GONE]]


# --- one method ---------------------------------------------------------------------------------------


def _alone(view: View, shown: SearchSnapshot, method: Method, look: Look, width: int, height: int) -> list[Text]:
    out = [_summary(shown, method, look, width)]
    answer = shown.methods.get(method)
    if answer is None:
        return out
    if answer.problem is not None:
        words = why(answer.problem, look)
        if not nothing_to_find(answer):
            words = f"{NAMES[method]} is unknown: {words}"
        return out + [Text(f" {line}", style=look.warn) for line in _wrapped(words, width - 2, height - 1)]
    if not answer.hits:
        return [*out, Text(f" {NAMES[method]} finds nothing.", style=look.muted, no_wrap=True, end="")]
    moved, wanted = view.moved(method), stems(shown.analysed)
    gone = _gone(view, method) if height > _FEW else ()
    room = height - 1 - bool(gone)
    per = 2 if answer.returned * 2 <= room else 1
    first = _first_row(view.at, answer.returned, max(1, room // per))
    for at, hit in enumerate(answer.hits[first : first + room // per], first):
        out.append(_row(view, hit, moved, look, width, wanted, cursor=at == view.at, alone=per == 1))
        if per > 1:
            line = Text(" " * 13, no_wrap=True, end="")
            line.append_text(marked(hit.snippet, look, 2 * width, look.muted))
            out.append(_fixed(line, width, look))
    if gone:
        words = f"-gone {len(gone)}: {', '.join(_titles(view, gone))}"
        out.append(Text(" " + look.fit(look.text(words, 300), width - 1), style=look.muted, no_wrap=True, end=""))
    return _trimmed(out)


def _summary(shown: SearchSnapshot, method: Method, look: Look, width: int) -> Text:
    """All methods in a line, the shown one in brackets."""
    out = Text(" ", no_wrap=True, end="")
    for each in Method:
        words, style = heading(each, shown.methods.get(each), look)
        words = words.replace(" unknown", "").partition(look.plain(" ·"))[0]
        if width < _ROOMY and each is not method:
            words = words.partition(" ! ")[0].rsplit(" ", 2 if words.endswith(" ms") and "!" not in words else 0)[0]
        out.append(f"[{words}]" if each is method else f" {words} ", style=f"{style} bold" if each is method else style)
    return _fixed(out, width, look)


def _row(
    view: View,
    hit: Hit,
    moved: Movement | None,
    look: Look,
    width: int,
    wanted: tuple[str, ...],
    *,
    cursor: bool,
    alone: bool,
) -> Text:
    line = Text(f" {hit.rank:>2} ", no_wrap=True, end="")
    line.append(f"{look.plain(move(moved, hit)):<{_WIDE_MOVE}}" if moved is not None else "")
    line.append(_graded(view.grades.get(hit.key)))
    line.append(f"{hit.entity_type[:7]:<8}", style="" if cursor else look.muted)
    right = f" {legs_words(hit)}" if hit.legs else f" {hit.score:.3f}"
    # All messages of a conversation have its title: on a single line their own words tell more.
    own = alone and hit.entity_type == "message" and hit.snippet
    title = marked(hit.snippet, look, 2 * width) if own else title_of(hit, look, wanted)
    room = max(8, width - line.cell_len - len(right) - 1)
    line.append_text(_fixed(title, room, look))
    line.append(right, style="" if cursor else look.muted)
    line = _fixed(line, width, look)
    if cursor:
        line.stylize("reverse")
    return line


def legs_words(hit: Hit) -> str:
    """Where the legs had it, in short: ``fts 1 tri - sem 3``."""
    ranks = {part.leg: part.rank for part in hit.legs}
    short = ((Method.FTS, "fts"), (Method.TRIGRAM, "tri"), (Method.SEMANTIC, "sem"))
    return " ".join(f"{name} {ranks.get(leg, '-'):>2}" for leg, name in short)


# --- small things -------------------------------------------------------------------------------------


def _first_row(at: int, count: int, room: int) -> int:
    """The first place shown, so that the cursor is in view."""
    return max(0, min(at - room + 1, count - room)) if room > 0 and at >= room else 0


def _fixed(text: Text, width: int, look: Look) -> Text:
    """Exactly so many cells, a cut shown."""
    if text.cell_len > width:
        text = text.copy()
        text.truncate(max(0, width - 1))
        text.append(look.plain("…"))
    if text.cell_len < width:
        text = text.copy()
        text.append(" " * (width - text.cell_len))
    return text


def _wrapped(words: str, width: int, most: int) -> list[str]:
    """Words in lines of a width, at most so many."""
    lines: list[str] = []
    line = ""
    for word in words.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()[:width]
    return [*lines, line][: max(0, most)]


def _trimmed(lines: list[Text]) -> list[Text]:
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines
