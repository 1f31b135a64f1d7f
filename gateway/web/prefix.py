"""The path of PDMP_BASE_URL, where it has one: what comes below it is served as if it were not there.

So both kinds of proxy fit: the one that passes the path on, and the one that takes it away. The path is
ours by setting; a header that names one is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def of(base_url: str) -> str:
    """Return the path of `base_url` without slash at its end: empty, or beginning with a slash."""
    return urlsplit(base_url).path


def install(app: Flask, base_url: str) -> None:
    """Serve `app` below the path of `base_url` too."""
    prefix = unquote(of(base_url)).encode().decode("latin-1")  # as WSGI writes paths (PEP 3333)
    if prefix:
        app.wsgi_app = _below(prefix, app.wsgi_app)  # type: ignore[assignment, method-assign]


def _below(prefix: str, inner: _Wsgi) -> _Wsgi:
    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
        return inner(environ, start_response)

    return serve
