"""Tables that fit: columns know what may be shortened, wrapped or left out when the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: its heading.
        right: whether it is aligned to the right, as numbers are.
        least: it may be cut down to so many characters; None: never cut.
        cut: where: at the end, at the start (series: their end is the present), in the middle (ids: their end tells
            them apart), or not but wrapped.
        drop: on a narrow terminal columns are left out in this order, 1 first; None: never.
        width: of cells that are no text, such as progress bars.
    """

    name: str
    right: bool = False
    least: int | None = None
    cut: Literal["end", "start", "middle", "wrap"] = "end"
    drop: int | None = None
    width: int = 0


class Grid:
    """A table without lines that never is wider than the terminal, and cuts only what may be cut."""

    def __init__(self, *columns: Column | str, title: str | None = None) -> None:
        self.columns = [column if isinstance(column, Column) else Column(column) for column in columns]
        self.title = title
        self.rows: list[tuple[RenderableType, ...]] = []

    def add(self, *cells: RenderableType) -> None:
        """Add a row, a cell for each column."""
        assert len(cells) == len(self.columns)
        self.rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title is not None:
            yield Text(self.title, style="bold")
        shown = list(range(len(self.columns)))
        while True:
            widths = {index: self._natural(index) for index in shown}
            excess = sum(widths.values()) + GAP * (len(shown) - 1) - options.max_width
            if excess > 0:
                excess = self._shrink(widths, excess)
            droppable = [index for index in shown if self.columns[index].drop is not None]
            if excess <= 0 or not droppable:
                break
            shown.remove(min(droppable, key=lambda index: self.columns[index].drop or 0))
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", show_edge=False)
        for index in shown:
            column = self.columns[index]
            table.add_column(
                column.name,
                justify="right" if column.right else "left",
                width=widths[index],
                no_wrap=column.cut != "wrap",
                overflow="fold" if column.cut == "wrap" else "ellipsis",
            )
        for row in self.rows:
            table.add_row(*(self._fit(row[index], self.columns[index], widths[index]) for index in shown))
        yield table

    def _natural(self, index: int) -> int:
        column = self.columns[index]
        cells: Iterable[RenderableType] = (row[index] for row in self.rows)
        lengths = [cell.cell_len if isinstance(cell, Text) else cell_len(str(cell)) for cell in cells if _is_text(cell)]
        return max([cell_len(column.name), column.width, *lengths])

    def _shrink(self, widths: dict[int, int], excess: int) -> int:
        """Take from the widest of the columns that may be cut, one character at a time; return what is left over."""
        while excess > 0:
            elastic = [
                (width, index)
                for index, width in widths.items()
                if (least := self.columns[index].least) is not None and width > least
            ]
            if not elastic:
                return excess
            widths[max(elastic)[1]] -= 1
            excess -= 1
        return 0

    def _fit(self, cell: RenderableType, column: Column, width: int) -> RenderableType:
        if column.cut == "start" and isinstance(cell, Text) and cell.cell_len > width:
            return cell[len(cell) - width :]
        if column.cut != "middle" or not isinstance(cell, str) or cell_len(cell) <= width:
            return cell
        tail = min(len(cell), max(4, width // 3))
        return set_cell_size(cell, max(1, width - tail - 1)) + "…" + cell[-tail:]


def _is_text(cell: RenderableType) -> bool:
    return isinstance(cell, str | Text)
