"""The guard at the entrance: a view that declares no access is denied; who calls is known before it runs.

A view declares exactly one of `public`, `client_authenticated`, `bearer` or `cds_client`. Scopes and policy
are judged at the door (`gateway.disclose`), where a refusal is audited; here only the token is checked.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import flask
from flask import Flask, g, request

from gateway.auth.hook_tokens import HookCaller
from gateway.core.access import Principal
from gateway.core.errors import Forbidden, TooLarge, UnsupportedMedia
from gateway.core.log import REQUEST_ID
from gateway.web import headers

View = TypeVar("View", bound=Callable[..., Any])
Authenticate = Callable[[str | None], Principal]
#: Whether scripts of an origin may read what is for a client; for None: for any client.
MayRead = Callable[[str, str | None], bool]
#: By the Authorization header and the path that was called.
AuthenticateCds = Callable[[str | None, str], HookCaller]

MAX_BODY_BYTES = 1_000_000
_TOO_LARGE = f"A request body may hold {MAX_BODY_BYTES} bytes."

_log = logging.getLogger("gateway.web")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_ATTRIBUTE = "pdmp_access"
_CDS = "pdmp_cds_clients"


@dataclass(frozen=True, slots=True)
class Access:
    """What a view declares: who may call it.

    `anywhere` answers browsers of every origin (CORS `*`): public documents only. `registered` answers those
    of origins that clients registered. `resource_type` and `interaction` name the scope that the door will
    ask for.
    """

    kind: Literal["public", "client", "bearer", "cds"]
    anywhere: bool = False
    registered: bool = False
    resource_type: str = ""
    interaction: str = ""


def public(*, anywhere: bool = False, registered: bool = False) -> Callable[[View], View]:
    """Declare that anybody may call the view; scripts too, of every origin or of registered ones."""
    return _declare(Access("public", anywhere=anywhere, registered=registered))


def client_authenticated(view: View) -> View:
    """Declare that the view itself authenticates the OAuth client (RFC 6749 section 2.3)."""
    return _declare(Access("client", registered=True))(view)


def bearer(resource_type: str, interaction: str) -> Callable[[View], View]:
    """Declare that the view needs an access token; it finds the caller in `principal()`."""
    return _declare(Access("bearer", registered=True, resource_type=resource_type, interaction=interaction))


def cds_client(view: View) -> View:
    """Declare that the view needs the JWT of a registered CDS client; it finds it in `cds_caller()`."""
    return _declare(Access("cds"))(view)


def client_is(client_id: str) -> None:
    """Tell which client this request comes from, once a view that declares `client_authenticated` knows."""
    g.client_id = client_id


def authenticate_cds_clients(extensions: dict[str, Any], authenticate: AuthenticateCds) -> None:
    """Let `authenticate` tell the callers of views that declare `cds_client`. `extensions`: the app's."""
    extensions[_CDS] = authenticate


def cds_caller() -> HookCaller:
    """Return the CDS client behind this request; only inside a view that declares `cds_client`."""
    return cast("HookCaller", g.cds_caller)


def access_of(view: Callable[..., Any] | None) -> Access | None:
    """Return what `view` declares, or None."""
    return cast("Access | None", getattr(view, _ATTRIBUTE, None))


def principal() -> Principal:
    """Return the caller of this request; only inside a view that declares `bearer`."""
    return cast("Principal", g.principal)


def body() -> bytes:
    """Return the whole body of this request. Raises TooLarge.

    A body without a declared length is cut at the limit by the server below us, without a word: one byte
    more is let through, so that it shows.
    """
    data = request.get_data(cache=False)
    if len(data) > MAX_BODY_BYTES:
        raise TooLarge(_TOO_LARGE)
    return data


def install(app: Flask, authenticate: Authenticate, *, secure: bool, may_read: MayRead | None = None) -> None:
    """Set the guard before every view of `app`. `secure`: the base URL is https; `may_read`: see CORS."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    # Werkzeug would send `//` elsewhere by a redirect to whatever host the request named.
    app.url_map.merge_slashes = False
    views = app.view_functions
    fixed_headers = headers.fixed(secure=secure)

    @app.before_request
    def admit() -> flask.Response | None:
        g.started = time.perf_counter()
        sent = request.headers.get("X-Request-ID", "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(12)
        REQUEST_ID.set(g.request_id)
        endpoint = request.endpoint
        if endpoint is None:
            return None  # no such address or method: the error handlers answer
        access = access_of(views[endpoint])
        if access is None:
            raise Forbidden("No access is declared for this address.", detail=f"endpoint {endpoint}")
        if request.method == "OPTIONS":
            return None
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise TooLarge(_TOO_LARGE)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMedia("A request body must not be compressed.")
        if access.kind == "bearer":
            g.principal = authenticate(request.headers.get("Authorization"))
        elif access.kind == "cds":
            known: AuthenticateCds = app.extensions[_CDS]
            g.cds_caller = known(request.headers.get("Authorization"), request.path)
        return None

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        REQUEST_ID.set("")

    @app.after_request
    def dress(response: flask.Response) -> flask.Response:
        access = access_of(views.get(request.endpoint or ""))
        out = response.headers
        for name, value in fixed_headers:
            if name not in out:
                out[name] = value
        out["X-Request-ID"] = g.get("request_id", "")
        if access is not None and access.anywhere:
            headers.allow_anywhere(response, preflight=request.method == "OPTIONS")
        elif _for_registered(access):
            _allow_registered(response, may_read)
        _write_line(response.status_code)
        return response


def _for_registered(access: Access | None) -> bool:
    # An address below /fhir that is nothing answers with an OperationOutcome, which scripts may read too.
    return access.registered if access is not None else request.path.startswith("/fhir/")


def _allow_registered(response: flask.Response, may_read: MayRead | None) -> None:
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin is None or may_read is None:
        return
    preflight = request.method == "OPTIONS"
    # A preflight carries no credentials (Fetch, CORS protocol), and who failed to show who it is has no
    # client: any registered origin will do then.
    if may_read(origin, None if preflight else _client_id()):
        headers.allow_origin(response, origin, preflight=preflight)


def _client_id() -> str | None:
    caller = g.get("principal") or g.get("cds_caller")
    return cast("str | None", caller.client_id if caller else g.get("client_id"))


def _declare(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, access)
        return view

    return mark


def _write_line(status: int) -> None:
    if not _log.isEnabledFor(logging.INFO) or "started" not in g:
        return
    rule = request.url_rule
    # The rule, never the path or the query: they can name a patient.
    _log.info(
        "request",
        extra={
            "method": request.method,
            "route": rule.rule if rule else "",
            "status": status,
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
            "client": _client_id(),
        },
    )
