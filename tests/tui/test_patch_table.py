"""The table repaints what changed, and nothing when nothing did."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.app import App, ComposeResult
from textual.geometry import Region

from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look
from devora_console.tui.widgets.patch_table import PatchTable

COLUMNS = (Column("name", "name", 6, grows=True), Column("count", "count", 6, right=True, rank=1))


def rows(*counts: int) -> list[Row]:
    return [Row(f"r{i}", {"name": (f"row {i}", ""), "count": (str(n), "")}) for i, n in enumerate(counts)]


class Watched(PatchTable):
    """Keeps what it was asked to repaint."""

    repainted: list[tuple[Region, ...]]

    def refresh(self, *regions: Region, **how: Any) -> Watched:
        """Keep, then repaint."""
        self.__dict__.setdefault("repainted", []).append(regions)
        return super().refresh(*regions, **how)


class Holder(App[None]):
    """A table alone."""

    def compose(self) -> ComposeResult:
        """The table."""
        yield Watched(COLUMNS, Look(), id="t")


async def test_only_changed_cells_are_repainted() -> None:
    app = Holder()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(Watched)
        table.show(rows(1, 2, 3))
        await pilot.pause()
        table.repainted.clear()
        table.show(rows(1, 2, 3))
        assert table.repainted == []
        table.show(rows(1, 22, 3))
        (((region,)),) = table.repainted
        assert (region.height, region.width) == (1, 6)
        assert region.y == 2
        await pilot.pause()
        assert table.get_cell("r1", "count") == Text("    22", no_wrap=True, end="")


async def test_patching_an_equal_value_says_so() -> None:
    app = Holder()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(Watched)
        table.show(rows(1))
        await pilot.pause()
        value = table.get_cell("r0", "count")
        assert table.patch("r0", "count", value.copy()) is False
        assert table.patch("r0", "count", Text("     9")) is True


async def test_the_cursor_stays_with_its_key_when_rows_move() -> None:
    app = Holder()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(Watched)
        table.show(rows(1, 2, 3))
        table.move_cursor(row=2)
        await pilot.pause()
        assert table.current_key == "r2"
        table.show(list(reversed(rows(1, 2, 3))))
        await pilot.pause()
        assert table.current_key == "r2"
        table.show([])
        assert table.current_key is None


async def test_columns_follow_the_width() -> None:
    app = Holder()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(Watched)
        table.show(rows(1))
        await pilot.resize_terminal(12, 10)
        await pilot.pause()
        assert [key.value for key in table.columns] == ["name"]
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert [key.value for key in table.columns] == ["name", "count"]
