"""The command ``capataz``: everything a person does with Capataz from a terminal. See ``capataz --help``."""

from __future__ import annotations

from .app import app, main

__all__ = ["app", "main"]
