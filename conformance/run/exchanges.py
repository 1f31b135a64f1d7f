"""HTTP as the kit speaks it: every exchange is kept as evidence, with what is secret masked.

https only unless `--allow-http`, and then to loopback alone. `localhost` and `*.localhost` are called at
127.0.0.1 with the Host header kept, because not every resolver knows them. No redirect is followed. An
address may be absolute, because a server's endpoints need not lie below its base; the same rules hold for it.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from conformance.run.outcomes import Fail

_SECONDS = 20.0
_MAX_BYTES = 1_000_000
_SHOWN = 4000
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie"})
_SECRETS = "access_token|refresh_token|id_token|client_secret|client_assertion|launch"
_SECRET_MEMBERS = re.compile(rf'("(?:{_SECRETS}|d)"\s*:\s*)"[^"]*"')
_SECRET_PAIRS = re.compile(
    rf"((?:^|[?&])(?:{_SECRETS}|code|code_verifier|token|password|totp|csrf|request)=)[^&\s\"'<>]*"
)
_HIDDEN_INPUTS = re.compile(r"<input[^>]*\bhidden\b[^>]*>")


class BadAddress(Exception):
    """The base URL may not be called as it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)
    """Every Set-Cookie as it came."""

    def json(self) -> Any:
        """Return the body as JSON. Raises Fail."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Fail("the body is not JSON") from None


@dataclass(slots=True)
class Exchanges:
    """Calls one server, and remembers what was said since `take` was last called."""

    base: str
    allow_http: bool = False
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.base.endswith("/"):
            raise BadAddress("the base URL must be absolute, without a slash at its end")
        self._check(self.base)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET of base + path."""
        return self.request("GET", path, headers)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a POST of JSON to base + path."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.request("POST", path, sent, json.dumps(body).encode())

    def form(
        self,
        path: str,
        fields: Mapping[str, str] | list[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to a POST of form fields."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.request("POST", path, sent, urlencode(fields).encode())

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Return the answer. Raises Fail when nothing comes back, or the address may not be called."""
        url = path if "://" in path.partition("?")[0] else self.base + path
        try:
            self._check(url)
        except BadAddress as error:
            raise Fail(f"an address that may not be called: {error}") from None
        parts = urlsplit(url)
        sent = {"Accept": "application/json", **(headers or {}), "Host": parts.netloc}
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            content = response.read(_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            where = url.partition("?")[0]
            raise Fail(f"{method} {where}: no answer ({type(error).__name__})") from None
        finally:
            connection.close()
        heads = response.getheaders()
        cookies = tuple(value for name, value in heads if name.lower() == "set-cookie")
        answer = Answer(response.status, {k.lower(): v for k, v in heads}, content, cookies)
        self._kept.append(
            {
                "request": {
                    "method": method,
                    "url": _SECRET_PAIRS.sub(r"\1***", url),
                    "headers": _masked(sent),
                    "body": _shown(body),
                },
                "response": {
                    "status": answer.status,
                    "headers": _masked(answer.headers),
                    "body": _shown(content),
                },
            }
        )
        return answer

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadAddress("the base URL must be absolute, without a slash at its end")
        if parts.scheme == "http" and not (self.allow_http and _is_loopback(parts.hostname)):
            raise BadAddress("http is for loopback with --allow-http only")

    def take(self) -> tuple[dict[str, Any], ...]:
        """Return the exchanges since the last call, and forget them."""
        kept, self._kept = tuple(self._kept), []
        return kept


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    here = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host
    if scheme == "https":
        return http.client.HTTPSConnection(
            here, port or 443, timeout=_SECONDS, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(here, port or 80, timeout=_SECONDS)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _masked(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: "***" if name.lower() in _SECRET_HEADERS else _SECRET_PAIRS.sub(r"\1***", value)
        for name, value in headers.items()
    }


def _shown(body: bytes | None) -> str:
    text = (body or b"")[:_SHOWN].decode("utf-8", "replace")
    text = _SECRET_MEMBERS.sub(r'\1"***"', text)
    return _SECRET_PAIRS.sub(r"\1***", _HIDDEN_INPUTS.sub("<input hidden ***>", text))
