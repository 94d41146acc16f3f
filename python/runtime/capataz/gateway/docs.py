"""The page /docs: Swagger UI from an installed package, so that it works without anything from elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".png": "image/png", ".html": "text/html"}
_FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_OWN: Final = ("capataz.css", "capataz.js")

# scripts and styles from here alone; the page shows one document and calls one origin
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@functools.cache
def _read(name: str) -> bytes:
    if name in _FILES:
        from swagger_ui_bundle import swagger_ui_path

        return (Path(str(swagger_ui_path)) / name).read_bytes()
    return (Path(__file__).parent / "static" / name).read_bytes()


def _file(name: str, *, path: str | None = None) -> Route:
    async def answer(request: Request) -> Response:
        del request
        return Response(
            _read(name),
            media_type=_TYPES[Path(name).suffix],
            headers={"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=3600"},
        )

    return Route(path or f"/docs/{name}", answer, methods=["GET"])


def routes() -> Sequence[BaseRoute]:
    """The page and its files, by name: nothing else can be read."""
    return [_file("index.html", path="/docs"), *(_file(name) for name in (*_FILES, *_OWN))]
