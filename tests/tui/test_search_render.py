"""What the search screen draws, without a screen and without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.text import Text

from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.search.judging.mark import grades_of, mark
from devora_console.search.judging.suite import read_suite
from devora_console.search.model import LEGS, Asked, Isolation, Method, MethodAnswer
from devora_console.search.seen import Embedded, SearchSeen
from devora_console.search.trying import Neighbours, Tried
from devora_console.tui.render.look import Look
from devora_console.tui.render.search_closer import neighbours_text, pasted, plans_text, statement_text, tried_text
from devora_console.tui.render.search_command import command_of
from devora_console.tui.render.search_depth import hit_depth
from devora_console.tui.render.search_hits import hits_lines
from devora_console.tui.render.search_lines import (
    KNOBS,
    context_line,
    embedded_line,
    knob_line,
    knob_values,
    notes_lines,
    turned,
)
from devora_console.tui.render.search_words import BASELINES, View, headline, marked
from devora_console.tui.screens.search_forms import understood
from tests.tui.fake_search import AT, EVIL, USER, answers, hit, ranked

WIDE, PLAIN = Look(), Look(unicode=False)
ASKED = Asked("la fuite", user=USER)
NO_VECTORS = Problem("no_embeddings", "there are no vectors of wl256", "devora-console embed run")


def seen(**methods: object) -> SearchSeen:
    found = {"fts": ranked("a", "b"), "trigram": ranked("b"), "hybrid": ranked("b", "a", "c", legs=True)} | methods
    return SearchSeen(answers(ASKED, semantic=found.pop("semantic", NO_VECTORS), **found))


def view(**changes: object) -> View:
    return replace(View(seen(), ASKED, "alice@devora.invalid"), **changes)  # type: ignore[arg-type]


def drawn(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def test_the_headline_says_the_worst_first() -> None:
    words = headline(view(), WIDE)
    assert words.startswith("semantic is unknown: there are no vectors of wl256. Next: devora-console embed run.")
    assert words.endswith("hybrid finds 3, first: Fuite mémoire b (message), as in trigram.")
    away = Problem("connect.lost", "the server closed the connection", "Start it")
    assert headline(view(seen=SearchSeen(problem=away)), WIDE).startswith("Nothing can be searched: the server closed")
    assert headline(view(seen=SearchSeen()), WIDE).startswith("Nothing asked yet. Press /")
    strange = replace(seen().snapshot, isolation=Isolation(3, (("file", "1"),)))  # type: ignore[type-var]
    assert headline(view(seen=SearchSeen(strange)), WIDE).startswith("1 hit of somebody else: row-level security")
    other = SearchSeen(seen().snapshot, asking=replace(ASKED, text="fuites"), since=AT)
    assert headline(view(seen=other), WIDE) == "… Searching; below is still the answer to: la fuite"


def test_what_leaves_nothing_to_search_for_is_no_failure() -> None:
    nothing = Problem("nothing_to_search", "no word is left", "Type a word")
    some = headline(view(seen=seen(fts=nothing, trigram=nothing)), WIDE)
    assert some.endswith("full text and trigram have no word to search for.")
    assert "full text is unknown" not in some
    every = {method.value: nothing for method in Method}
    assert headline(view(seen=seen(**every)), WIDE).startswith("Nothing to search for")


def test_one_reason_for_all_is_said_once() -> None:
    lost = Unknown("the connection to PostgreSQL was lost", "Ask again when the server is back")
    words = headline(view(seen=seen(**{method.value: lost for method in Method})), WIDE)
    assert words == "The connection to PostgreSQL was lost. Ask again when the server is back."


@pytest.mark.parametrize(("width", "height"), [(80, 11), (120, 26), (80, 3), (120, 4)])
@pytest.mark.parametrize("look", [WIDE, PLAIN], ids=["unicode", "ascii"])
@pytest.mark.parametrize("method", [None, *Method])
def test_hits_fit_their_room(width: int, height: int, look: Look, method: Method | None) -> None:
    many = tuple(hit(str(rank), rank) for rank in range(1, 41))
    for baseline in BASELINES:
        for at in (0, 20, 39):
            now = view(
                seen=replace(seen(fts=many, hybrid=many[::-1]), before=seen().snapshot),
                method=method, baseline=baseline, column=Method.FTS, at=at,
            )  # fmt: skip
            lines = hits_lines(now, look, width, height)
            assert len(lines) <= height
            assert all(cell_len(line.plain) <= width for line in lines)
            if not look.unicode:
                assert drawn(lines).isascii()
            if height > 4 and (method is Method.FTS or (method is None and width > 80)):
                assert f"{at + 1:>2}" in drawn(lines)


def test_movement_is_a_sign_and_a_word_or_number() -> None:
    text = drawn(hits_lines(view(method=Method.HYBRID), WIDE, 100, 12))
    assert " 1 ▲1 " in text
    assert " 2 ▼1 " in text
    assert " 3 +new " in text
    assert "fts  2 tri  - sem  1" in text
    gone = drawn(hits_lines(view(method=Method.TRIGRAM), WIDE, 100, 12))
    assert "-gone 1: Fuite mémoire a" in gone
    assert " 1 ^1 " in drawn(hits_lines(view(method=Method.HYBRID), PLAIN, 100, 12))


def test_side_by_side_says_what_each_method_knows() -> None:
    text = drawn(hits_lines(view(), WIDE, 120, 20))
    assert "full text 2/10 ! short 4 ms" in text
    assert "semantic ? unknown" in text
    assert "devora-console" in text
    assert "1*" in text  # the hit under the cursor, in another column


def test_depth_takes_the_fusion_apart() -> None:
    text = hit_depth(view(), WIDE)
    assert text is not None
    for words in ("1/(60+2) = 0.01613", "1/(60+1) = 0.01639", "hybrid: rank 1", "1 place higher than in full text",
                  "semantic   ? there are no vectors", f"of user {USER}"):  # fmt: skip
        assert words in text.plain
    assert hit_depth(view(seen=SearchSeen()), WIDE) is None


def test_matches_are_marked_in_titles_and_snippets() -> None:
    line = hits_lines(view(method=Method.FTS), WIDE, 100, 12)[1]
    bold = [line.plain[span.start : span.end] for span in line.spans if "underline" in str(span.style)]
    assert bold == ["Fuite"]
    found = marked("a \x02b\x03 c", WIDE, 80)
    assert found.plain == "a b c"
    assert [found.plain[span.start : span.end] for span in found.spans if "bold" in str(span.style)] == ["b"]


@pytest.mark.parametrize("look", [WIDE, PLAIN], ids=["unicode", "ascii"])
def test_hostile_text_is_shown_and_does_nothing(look: Look) -> None:
    evil = replace(hit("x", 1), title=EVIL * 300, snippet=EVIL + "\x02" + EVIL * 300, entity_id=EVIL, owner=EVIL,
                   metadata={"context": EVIL, "language": EVIL})  # fmt: skip
    asked = replace(ASKED, text=EVIL * 300)
    shown = answers(asked, fts=(evil,), hybrid=(evil,), semantic=Unknown(EVIL, EVIL), trigram=Problem("x", EVIL, EVIL))
    shown = replace(shown, analysed=replace(shown.analysed, strict=EVIL, notes=(EVIL,)), role=EVIL, embedder=EVIL)
    now = View(SearchSeen(shown), asked, EVIL)
    drew = [
        headline(now, look),
        context_line(now, look, 80).plain,
        *(line.plain for line in (*hits_lines(now, look, 120, 20), *notes_lines(now, look, 80))),
        *(line.plain for each in Method for line in hits_lines(replace(now, method=each), look, 80, 12)),
        str(hit_depth(now, look)),
        plans_text({Method.FTS: Unknown(EVIL, EVIL)}, look, 60).plain,
        neighbours_text(Neighbours((evil.key,), (), 0.0, 1, 1, True), None, {evil.key: EVIL}, look).plain,
        statement_text(shown.methods[Method.FTS], EVIL, look).plain,
        tried_text(Tried((EVIL,), ((EVIL,),), 1, True), look, 80).plain,
    ]
    for text in drew:
        assert not set(text) & set("\x00\x02\x03\x1b\u202e")
        assert look.unicode or text.isascii()


def test_knobs_turn_within_bounds_and_come_back() -> None:
    for name in KNOBS:
        there = turned(ASKED, name, 1)
        assert knob_values(there)[name] != knob_values(ASKED)[name]
        assert knob_values(turned(there, name, -1)) == knob_values(ASKED)
        for by in (1, -1):
            now = ASKED
            for _ in range(60):
                now = turned(now, name, by)
            assert 1 <= now.limit <= 200
            assert now.knobs.k >= 1
            assert 1 <= now.knobs.ef_search <= 1000
            assert 0.1 <= now.knobs.trigram_threshold <= 1
    off = ASKED
    for _ in range(4):
        off = turned(off, "fts", -1)
    assert knob_values(off)["fts"] == "off"
    assert "[fts off]" in knob_line(off, WIDE, 80, "fts").plain
    assert len(knob_line(ASKED, WIDE, 80, "exact").plain) <= 80
    assert set(off.knobs.legs) == set(LEGS)


def test_who_asks_is_always_said() -> None:
    assert "as user alice@devora.invalid (row-level security)" in context_line(view(), WIDE, 120).plain
    owner = replace(ASKED, user=None, as_owner=True)
    assert "as owner, past row-level security" in context_line(view(asked=owner), WIDE, 120).plain
    nobody = replace(ASKED, user=None)
    assert "as nobody yet: press u" in context_line(view(asked=nobody), WIDE, 120).plain


def test_filters_are_understood_or_refused_by_name() -> None:
    values = {"type": "files, message", "since": "2025-01-31", "until": "", "language": "python", "limit": "20"}
    found = understood(ASKED, values)
    assert isinstance(found, Asked)
    assert found.filters.kinds == ("message", "file")
    assert (
        "only messages and files · since 2025-01-31 · in python · top 20"
        in context_line(view(asked=found), WIDE, 200).plain
    )
    for name, wrong in (("type", "trucs"), ("since", "hier"), ("limit", "0"), ("limit", "²")):
        assert understood(ASKED, values | {name: wrong})[0] == name  # type: ignore[index]
    assert command_of(replace(ASKED, text="-x 'y'")).endswith("""-- '-x '"'"'y'"'"''""")


def test_embeddings_are_counted_or_explained() -> None:
    now = Embedded(AT, "wl256", 1000, 1000, 840, 160)
    assert embedded_line(now, WIDE, AT).startswith("search vectors 100 % · embeddings 84 % (16 % stale) of 1")
    missing = replace(now, current=Unknown("the extension pgvector is not here"))
    assert "embeddings ? the extension pgvector is not here" in embedded_line(missing, WIDE, AT)
    assert embedded_line(None, WIDE, AT) == "embeddings … being counted"


def test_a_statement_is_pasted_with_its_values() -> None:
    answer = MethodAnswer(Method.FTS, (), 1, 10, parameters=("l'été", None, ["file", 'a"b'], 3), opening="BEGIN;")
    assert pasted(answer, "SELECT $1;") == (
        "BEGIN;\nPREPARE devora_search AS\nSELECT $1;\n"
        """EXECUTE devora_search('l''été', NULL, '{"file","a\\"b"}', '3');\nDEALLOCATE devora_search;\nROLLBACK;"""
    )


def test_grades_go_into_a_file_that_is_a_suite(tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    mark(path, "la fuite", USER, "message/1", 2)
    mark(path, "la fuite", USER, "file/2", 0)
    mark(path, "autre", USER, "file/2", 1)
    mark(path, "la fuite", USER, "file/2", 1)
    suite = read_suite(path)
    assert grades_of(suite, "la fuite") == {("message", "1"): 2, ("file", "2"): 1}
    assert suite.user == USER
    assert [path.name] == [each.name for each in tmp_path.iterdir()]
    with pytest.raises(ConsoleError, match="judged as user"):
        mark(path, "x", "somebody-else", "file/2", 1)
    own = {
        "documents": [{"id": "a", "kind": "file", "title": "t"}],
        "queries": [{"id": "q", "text": "t", "judgments": {"a": 1}}],
    }
    (tmp_path / "own.json").write_text(json.dumps(own), "utf-8")
    with pytest.raises(ConsoleError, match="documents of its own"):
        mark(tmp_path / "own.json", "x", USER, "file/2", 1)
    with pytest.raises(ConsoleError, match="cannot be written"):
        mark(tmp_path / "absent" / "suite.json", "x", USER, "file/2", 1)
