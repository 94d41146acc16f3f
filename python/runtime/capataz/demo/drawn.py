"""What the screens of the demos share: a picture that is drawn anew, and lines for where there is no terminal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

__all__ = ["Drawn", "Told"]


class Drawn(ABC):
    """Draws what :meth:`render` gives, a few times a second, while it is entered."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @abstractmethod
    def render(self) -> RenderableType:
        """What is to be seen now."""


class Told:
    """Prints lines; there is nothing to begin or to end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def line(self, at: float, text: str) -> None:
        """One line, ``at`` seconds after the beginning."""
        self._console.print(f"{at:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)
