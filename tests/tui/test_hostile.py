"""Production text is hostile: markup, escape sequences, bidi controls, wide and combining characters, a megabyte."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import pytest

from devora_console.core.console import OverviewLine, OverviewSnapshot, Preview, Verdict
from devora_console.core.problems import Problem, refused
from devora_console.migration.progress import MigrationSnapshot, State, Wishes
from devora_console.tui.app import DevoraApp
from tests.tui.fake import WORKERS, FakeServices, copied, copying, finishing, header, items, lost
from tests.tui.test_screens import LARGE, SMALL, make, press

HOSTILE = {
    "markup": "[/] [red] [b]x[/b] [@click=app.quit]x[/] [link=x]",
    "open markup": "[red",
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "clipboard": "\x1b]52;c;aGVsbG8=\x07",
    "nul": "a\x00b\x01\x7f\x9b31m",
    "bidi": "abc\u202edef\u2066ghi\u200f",
    "wide": "漢字かな交じり文" * 30,
    "combining": "e" + "\u0301" * 300,
    "lines": "one\ntwo\r\nthree\u2028four\tfive",
    "surrogate": "\ud800x",
    "emoji": "👨\u200d👩\u200d👧 ⚠\ufe0f 🇫🇷",
    "empty": "",
    "megabyte": "x" * 1_000_000,
}


class Nasty(FakeServices):
    """Every word that comes from outside is ``text``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        problem = Problem("x", text, text)
        base = lost(header(text))
        server = replace(base.postgres, label=text, version=text, problem=problem)
        self.header_now = replace(base, profile=text, postgres=server, mongo=replace(server, engine="MongoDB"))
        line = OverviewLine("a", text, Verdict.FAIL, text, text, text, "migration")
        self.overview_now = OverviewSnapshot(text, (line, replace(line, id="b")), base.as_of)
        done = copied(verified=False)
        assert done.verification is not None
        collection = replace(done.collections[1], name=text, policy=text, rows={text: 3}, conversions={text: 9})
        tables = tuple(replace(t, name=text + t.name, reason=text) for t in done.verification.tables)
        differences = tuple(replace(d, table=tables[4].name, pk=text) for d in done.verification.differences)
        self.migration_now: MigrationSnapshot = replace(
            done,
            collections=(collection,),
            conversions={text: 5, text + "b": 4},
            quarantine_rules={text: 2},
            waiting_for=text,
            verification=replace(done.verification, level=text, tables=tables, differences=differences),
        )
        hostile = replace(items()[0], source_id=text, collection=text, rule=text, path=text, message=text)
        self.found = (hostile, *items())
        self.document = text

    def runs(self) -> Iterator[MigrationSnapshot]:
        """Hostile names of indexes, rules that hold back, workers."""
        workers = tuple(replace(each, name=self.text) for each in WORKERS)
        running = replace(copying(), workers=workers, throttled_by=self.text, waiting_for=self.text)
        yield replace(running, rates=running.rates[-2:])
        yield finishing(1, 12, f"index {self.text}")
        yield finishing(2, 3, self.text)
        yield replace(running, wishes=Wishes(True, float("inf"), 10**30, 10**30), state=State.PAUSED)

    def execute_preview(self) -> Preview:
        """Hostile too."""
        return Preview(self.text, self.text, self.text, self.text, self.text, self.text or "x")

    def as_command(self, action: str) -> str:
        """Hostile too."""
        return self.text


@pytest.fixture
def nasty(text: str) -> Iterator[Nasty]:
    found = Nasty(text)
    yield found
    found.loop.close()


def harmless(app: DevoraApp) -> bool:
    """Whether nothing on the screen could steer a terminal."""
    strips = app.screen._compositor.render_strips(app.size)
    words = "".join(segment.text for strip in strips for segment in strip if not segment.control)
    bad = {c for c in words if unicodedata.category(c) in ("Cc", "Cs", "Co", "Zl", "Zp") or c in "\u202e\u2066\u200f"}
    return not bad and all(strip.cell_length == app.size.width for strip in strips)


HOSTILE["all at once"] = "".join(HOSTILE.values())
_ALWAYS = ("all at once",)  # each alone is a further seed of the first
CASES = [
    pytest.param(
        text,
        size,
        id=f"{name}-{size[0]}x{size[1]}",
        marks=() if name in _ALWAYS and size == SMALL else pytest.mark.slow,
    )
    for name, text in HOSTILE.items()
    for size in (SMALL, LARGE)
]


@pytest.mark.parametrize(("text", "size"), CASES)
async def test_no_text_breaks_a_screen(nasty: Nasty, text: str, size: tuple[int, int]) -> None:
    app = make(nasty)
    async with app.run_test(size=size) as pilot:
        for keys in (
            (),
            ("?",),
            ("escape", "2"),
            ("?",),
            ("escape", "t"),
            ("t", "y"),
            ("q",),
            ("enter",),
            ("escape", "escape", "X"),
            ("escape", "colon"),
            ("escape",),
        ):
            await press(pilot, *keys)
            assert harmless(app), keys
        for snapshot in nasty.runs():
            nasty.migration_now = snapshot
            nasty.publish()
            for keys in ((), ("?",), ("escape", "T"), ("escape",)):
                await press(pilot, *keys)
                assert harmless(app), keys
        nasty.fails = refused("x", text, text)
        nasty.migration_now = replace(nasty.migration_now, state=State.FAILED, problem=Problem("x", text, text))
        await press(pilot, "d")
        await pilot.pause(0.1)
        assert harmless(app)
        assert app.return_code in (None, 0)
