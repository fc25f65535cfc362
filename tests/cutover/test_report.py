"""The report for the post-mortem: what it tells, and that nothing foreign becomes markup in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from devora_console.config.secret import Secret
from devora_console.core.console import Verdict
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.fold import fold
from devora_console.cutover.outputs import last_lines
from devora_console.cutover.report import markdown
from devora_console.cutover.sinks import Webhook
from devora_console.cutover.state import RunState
from tests.cutover.walking import Scene, book, opening, rest, step, until

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
HOSTILE = st.lists(
    st.sampled_from(
        [
            *"`*_|<>[]()!#~&$\\-+=:. x\n\r\t",
            "```",
            "~~~",
            "<script>",
            "<!-- ",
            "[a](http://evil.example)",
            "![x](y)",
            "https://evil.example",
            "www.evil.example",
            "&lt;b&gt;",
            "</td>",
            "\x1b[31m",
            "\u202e",
            "1. ",
            "    ",
            "---",
        ]
    ),
    max_size=12,
).map("".join)


def event(
    seq: int, kind: Kind, payload: Mapping[str, object], step: str | None = None, attempt: int | None = None
) -> Event:
    at = NOW + timedelta(seconds=seq)
    return Event(seq, "r", at, float(seq), "b", "ana", "host", kind, step, attempt, payload, "0" * 64, "a" * 64)


def events(text: str) -> list[Event]:
    """A run in which every foreign text is ``text``."""
    said: dict[str, object] = {
        "runbook": "big-bang", "title": text, "sha": "5" * 64, "text": "", "strategy": "big-bang",
        "environment": text, "mode": "real", "steps": ["one", "open"], "targets": {"mongo": text},
    }  # fmt: skip
    gate = {"gate": "team.informed", "class": "measured", "verdict": "fail", "value": text, "threshold": text}
    vote = {"scope": "run", "vote": "go", "reason": text, "source": text, "sha": ""}
    ended = {"rc": 1, "seconds": 2.0, "out_bytes": 3, "out_sha": "6" * 64}
    probe = {"probe": "post.1", "phase": "post", "verdict": "fail", "value": text, "needed": text}
    return [
        event(1, Kind.CREATED, said),
        event(2, Kind.GATE, gate),
        event(3, Kind.WAIVED, {"gate": "team.informed", "reason": text}),
        event(4, Kind.VOTE, vote),
        event(5, Kind.LEASE, {"state": "override", "reason": text}),
        event(6, Kind.GO, {"scope": "run"}),
        event(7, Kind.INTENT, {"argv": ["sh", text]}, "one", 1),
        event(8, Kind.EXITED, ended, "one", 1),
        event(9, Kind.PROBED, probe, "one", 1),
        event(10, Kind.STEP, {"state": "failed", "by": "person", "reason": text}, "one", 1),
        event(11, Kind.EVIDENCE, {"text": text}, "one", 1),
        event(12, Kind.NOTE, {"text": text}),
        event(13, Kind.NOTIFIED, {"event": 6, "sink": "webhook", "ok": False, "tries": 1, "reason": text}),
        event(14, Kind.RUN, {"state": "aborted", "reason": text}),
    ]


def tokens(text: str) -> list[Token]:
    """Of Markdown with tables, HTML and bare addresses as links, as a post-mortem's reader has it."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found = []
    for token in parser.parse(text):
        found += [token, *(token.children or [])]
    return found


def report(text: str) -> str:
    told = events(text)
    return markdown(fold(told), told, {"one": text, "open": "Open"}, lambda _: text)


SHAPE = [token.type for token in tokens(report("plain")) if token.type not in ("text", "text_special", "softbreak")]


@settings(max_examples=40, deadline=None)
@given(text=HOSTILE)
@example(text="https://evil.examplehttps://evil.example")
@example(text="WWW.evil.examplewww.evil.example")
def test_nothing_foreign_is_markup(text: str) -> None:
    found = tokens(report(f"plain {text} plain"))
    shape = [token.type for token in found if token.type not in ("text", "text_special", "softbreak")]
    assert shape == SHAPE
    before_output = report(f"plain {text} plain").partition("## Output of the steps")[0]
    assert not re.search(r"(?i)https?://|www\.", before_output)  # GitHub makes a link of a bare address


@settings(max_examples=50, deadline=None)
@given(text=HOSTILE)
def test_output_is_quoted_as_it_was(text: str) -> None:
    (fence,) = [token for token in tokens(report(f"a{text}\nz")) if token.type == "fence"]
    assert fence.content.startswith("a")
    assert fence.content.endswith("z\n")
    assert fence.content.count("`") == text.count("`")


def test_what_a_reader_asks_first() -> None:
    said = report("why")
    assert "- from 2026-11-28T02:00:01Z to 2026-11-28T02:00:14Z (13s)" in said
    assert "- the point of no return was not passed" in said
    assert "- 2026-11-28T02:00:06Z **ana** gave GO for the run" in said
    assert "- 2026-11-28T02:00:10Z **ana** decided that why is failed because: why" in said
    assert "goes on without the lease in PostgreSQL, because why" in said
    assert "could not tell webhook up to event 6, and tries again (why)" in said
    assert "Ended with exit code 1 after 2.0s. `out.raw`: 3 bytes" in said
    assert f"| {Verdict.FAIL.value} | why | why |" in said


async def test_of_a_real_run(scene: Scene, tmp_path: Path) -> None:
    walk = await scene.begun(book(step("one", "printf '```\\n# x\\n'"), opening()))
    await until(lambda: walk.run.step("open").state == "waiting")
    await walk.people.go("open")
    assert (await rest(walk)).state is RunState.DONE
    said = markdown(
        walk.run,
        scene.events(),
        {each.id: each.title for each in walk.runbook.steps},
        lambda of: "\n".join(last_lines(scene.attempt(of[0], of[1], undo=of[2]), 40)),
    )
    assert "- past the point of no return since " in said
    assert "````text\n```\n# x\n````" in said
    assert "gave GO for Step open" in said


def test_a_webhook_is_not_made_to_call_everybody() -> None:
    run = replace(fold(events("why")), title="<!channel> & co")
    body = Webhook(Secret("http://h")).message(run, [(events("x")[0], "<http://evil|x>\x1b[31m\n" + "y" * 5000)]).body
    lines = str(body["text"]).split("\n")
    assert lines[0] == "&lt;!channel&gt; &amp; co (why)"
    assert lines[1].startswith("02:00:01Z &lt;http://evil|x&gt;␛[31m yyy")
    assert len(lines[1]) < 700
