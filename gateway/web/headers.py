"""Response headers that guard whoever receives an answer.

`no-store` is the default because most answers hold patient data (RFC 9111 section 5.2.2.5); a public
document sets its own `Cache-Control`, a page its own `Content-Security-Policy`.
"""

from __future__ import annotations

import flask


def fixed(*, secure: bool) -> tuple[tuple[str, str], ...]:
    """Return the headers that every answer gets unless its view has set them. `secure`: served over https."""
    always = (
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
    return (*always, ("Strict-Transport-Security", "max-age=31536000")) if secure else always


def allow_origin(response: flask.Response, origin: str, *, preflight: bool) -> None:
    """Let scripts of one registered origin read the answer; never with credentials, which are cookies'."""
    out = response.headers
    out["Access-Control-Allow-Origin"] = origin
    out["Cross-Origin-Resource-Policy"] = "cross-origin"
    if preflight:
        out["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
        out["Access-Control-Allow-Headers"] = (
            "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, PDMP-Grant, "
            "Prefer, X-Request-ID"
        )
        out["Access-Control-Max-Age"] = "600"
    else:
        out["Access-Control-Expose-Headers"] = (
            "Content-Location, ETag, Location, PDMP-Grant, Retry-After, WWW-Authenticate"
        )


def allow_anywhere(response: flask.Response, *, preflight: bool) -> None:
    """Let scripts of every origin read a public document; never with credentials (Fetch, CORS protocol)."""
    out = response.headers
    out["Access-Control-Allow-Origin"] = "*"
    out["Cross-Origin-Resource-Policy"] = "cross-origin"
    if preflight:
        out["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        # Clients send their access token to discovery documents too.
        out["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, Prefer"
        out["Access-Control-Max-Age"] = "3600"
