"""Client metadata (RFC 7591 section 2, and our own members), checked member by member.

Members that are not known are ignored, as the RFC asks, and left out of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.auth import identifiers
from gateway.auth.jwks import check_key_set
from gateway.auth.scopes import OWN, ScopeSet
from gateway.core.access import Purpose
from gateway.core.errors import BadRequest
from gateway.core.settings import is_loopback

AUTH_METHODS = ("private_key_jwt", "client_secret_basic", "none")
SECRET_METHODS = ("client_secret_basic",)
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")

_OF_RESPONSES = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})
_MAX_ITEMS = 100
_MAX_CHARS = 2000
_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.ASCII)
# Names and IP addresses. What else a URL may hold as its host would speak in our pages' policies: `*` is
# every host there, and `;` begins another rule.
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:.]+", re.ASCII)
_CONTEXTS_OF_GRANT = {"client_credentials": ("system",), "authorization_code": ("patient", "user")}


def check(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known members, checked, with defaults in place. Raises BadRequest naming the member."""
    checked: dict[str, Any] = {}
    for name, value in metadata.items():
        rule = _RULES.get(name)
        if rule is None or value is None:
            continue
        try:
            checked[name] = rule(value)
        except BadRequest as error:
            raise BadRequest(f"{name}: {error.public}") from error
    # RFC 7591 section 2 says what a left-out member means; where that can't be meant, what can. The answer
    # tells which it was.
    by_keys = "jwks" in checked or "jwks_uri" in checked
    checked.setdefault("token_endpoint_auth_method", "private_key_jwt" if by_keys else "client_secret_basic")
    backend = by_keys and not checked.get("redirect_uris")
    checked.setdefault("grant_types", ["client_credentials" if backend else "authorization_code"])
    if "authorization_code" in checked["grant_types"]:
        checked.setdefault("response_types", ["code"])
    _check_together(checked)
    return checked


def _check_together(checked: dict[str, Any]) -> None:
    method, grants = checked["token_endpoint_auth_method"], checked["grant_types"]
    if "jwks" in checked and "jwks_uri" in checked:
        raise BadRequest("jwks and jwks_uri exclude each other.")
    if method == "private_key_jwt" and not ("jwks" in checked or "jwks_uri" in checked):
        raise BadRequest("private_key_jwt needs jwks or jwks_uri.")
    if "client_credentials" in grants and method != "private_key_jwt":
        # SMART 2.2, Backend Services.
        raise BadRequest("client_credentials needs token_endpoint_auth_method private_key_jwt.")
    if "authorization_code" in grants and not checked.get("redirect_uris"):
        raise BadRequest("authorization_code needs redirect_uris.")
    if "refresh_token" in grants and "authorization_code" not in grants:
        raise BadRequest("refresh_token goes with authorization_code only.")
    if ("code" in checked.get("response_types", [])) != ("authorization_code" in grants):
        raise BadRequest("response_types code and grant_types authorization_code go together.")
    permitted = {context for grant in grants for context in _CONTEXTS_OF_GRANT.get(grant, ())}
    for scope in ScopeSet.parse(checked.get("scope", "")):
        if scope.context and scope.context not in permitted:
            raise BadRequest(f"scope: {scope.context}/ scopes are of no use with these grant_types.")
        if scope.special and "authorization_code" not in grants:
            raise BadRequest(f"scope: {scope.text} is of no use without authorization_code.")
        if scope.text == "__introspect" and method != "none":
            continue  # a client asks in its own name, however it authenticates
        if scope.text in OWN and "client_credentials" not in grants:
            raise BadRequest(f"scope: {scope.text} is of no use without client_credentials.")
        if scope.text == "__launch" and not checked.get("trusted_ehr"):
            raise BadRequest("scope: __launch is for clients with trusted_ehr only.")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_CHARS or not value.isprintable():
        raise BadRequest("must be a printable text.")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadRequest("must be true or false.")
    return value


def _texts(value: object) -> list[str]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > _MAX_ITEMS:
        raise BadRequest(f"must be a list of at most {_MAX_ITEMS} texts.")
    return list(dict.fromkeys(_text(item) for item in items))


def _each(rule: Callable[[str], str]) -> Callable[[object], list[str]]:
    return lambda value: list(dict.fromkeys(rule(item) for item in _texts(value)))


def _one_of(*allowed: str) -> Callable[[object], str]:
    def rule(value: object) -> str:
        if value not in allowed:
            raise BadRequest(f"must be one of {', '.join(allowed)}.")
        return str(value)

    return rule


def _url(value: object) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _HOST.fullmatch(host) or not text.isascii() or " " in text or "\\" in text:
        raise BadRequest("must be an absolute URL.")
    if parts.username is not None or parts.fragment or text.endswith("#"):
        raise BadRequest("must hold neither credentials nor a fragment.")
    # A loopback address is a developer's or a demonstration's.
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(text)):
        raise BadRequest("must be https, except on loopback.")
    return text


def _redirect_uri(value: object) -> str:
    text = _url(value)
    named = {name for name, _ in parse_qsl(urlsplit(text).query, keep_blank_values=True)}
    if named & _OF_RESPONSES:
        # The client could not tell which of the two is ours.
        raise BadRequest("must not hold a parameter of authorization responses, like code or state.")
    return text


def _origin(value: object) -> str:
    text = _url(value)
    if not _ORIGIN.fullmatch(text) or text != text.lower():
        raise BadRequest("must be an origin: scheme, host in small letters and port, nothing more.")
    if text.endswith(":443" if text.startswith("https") else ":80"):
        raise BadRequest("must be written as browsers send it: without the scheme's own port.")
    return text


def _scope(value: object) -> str:
    scopes = ScopeSet.parse(_text(value))
    for scope in scopes:
        if not scope.letters and not scope.special and scope.text not in OWN:
            raise BadRequest(f"{scope.text} is not a scope of this server.")
    return str(scopes)


def _cds(value: object) -> dict[str, Any]:
    """Return what a CDS client (an EHR that calls our hooks) registers: who signs, and its FHIR server."""
    if not isinstance(value, dict):
        raise BadRequest("must be an object with iss, jwks or jwks_uri, fhir_server and perhaps tenant.")
    if unknown := value.keys() - _CDS_RULES.keys():
        # A misspelt `tenant` would let every tenant in.
        raise BadRequest(
            f"{len(unknown)} of its members are not known: iss, jwks, jwks_uri, fhir_server, tenant."
        )
    made = {}
    for name, rule in _CDS_RULES.items():
        if value.get(name) is not None:
            try:
                made[name] = rule(value[name])
            except BadRequest as error:
                raise BadRequest(f"{name} {error.public}") from error
    if "iss" not in made or "fhir_server" not in made:
        raise BadRequest("iss and fhir_server are required.")
    if ("jwks" in made) == ("jwks_uri" in made):
        raise BadRequest("exactly one of jwks and jwks_uri is required.")
    return made


def _fhir_server(value: object) -> str:
    text = _url(value)
    if "?" in text:
        raise BadRequest("must be a FHIR base URL, without a query.")
    return text


_CDS_RULES: dict[str, Callable[[Any], Any]] = {
    "iss": _text,
    "jwks": check_key_set,
    "jwks_uri": _url,
    "fhir_server": _fhir_server,
    "tenant": _text,
}
_RULES: dict[str, Callable[[Any], Any]] = {
    "client_name": _text,
    "client_uri": _url,
    "logo_uri": _url,
    "tos_uri": _url,
    "policy_uri": _url,
    "contacts": _texts,
    "software_id": _text,
    "software_version": _text,
    "redirect_uris": _each(_redirect_uri),
    "token_endpoint_auth_method": _one_of(*AUTH_METHODS),
    "grant_types": _each(_one_of(*GRANT_TYPES)),
    "response_types": _each(_one_of("code")),
    "scope": _scope,
    "jwks": check_key_set,
    "jwks_uri": _url,
    # Ours.
    "launch_uris": _each(_url),
    "allowed_origins": _each(_origin),
    "trusted_ehr": _boolean,
    "purpose_of_use": _each(_one_of(*(purpose.value for purpose in Purpose))),
    "organizations": _each(identifiers.organization),
    "cds": _cds,
}
#: Every member that is known. gateway/auth/README.md says what each means.
MEMBERS = frozenset(_RULES)
