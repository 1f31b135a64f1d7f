"""The EHRs that may launch this app: what a registration must hold, and where it is kept.

A launch is served only for an `iss` that is registered character by character; everything that the
launch then uses (client, scope, frame, client at the gateway) comes from that one registration.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from smart_app.errors import OutboundRefused, Unavailable, UnknownIssuer
from smart_app.keys import Keyring
from smart_app.outbound import Outbound
from smart_app.settings import is_loopback
from smart_app.store.database import Database, Row

_METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post")
_MEMBERS = {
    "iss",
    "client_id",
    "client_secret",
    "token_endpoint_auth_method",
    "scope",
    "frame_ancestors",
    "gateway_client_id",
}
_ORIGIN = re.compile(
    r"^(https?)://((?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\])(:\d{1,5})?$"
)
_SCOPE = re.compile(r"^[\x21\x23-\x5B\x5D-\x7E]+$")  # RFC 6749 section 3.3
_PRINTABLE = re.compile(r"^[\x21-\x7E]+$")
_ANCESTORS_SECONDS = 60.0


class InvalidRegistration(ValueError):
    """A registration that can't be kept; the text says which member and why."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One EHR, as registered. The secret is never in `repr`."""

    iss: str
    client_id: str
    client_secret: str | None = field(repr=False)
    token_endpoint_auth_method: str
    scope: str
    frame_ancestors: tuple[str, ...]
    gateway_client_id: str

    def public(self) -> dict[str, Any]:
        """Return the registration without its secret, as the CLI prints it."""
        return {
            "iss": self.iss,
            "client_id": self.client_id,
            "token_endpoint_auth_method": self.token_endpoint_auth_method,
            "scope": self.scope,
            "frame_ancestors": list(self.frame_ancestors),
            "gateway_client_id": self.gateway_client_id,
        }


def parse(data: object, outbound: Outbound) -> Registration:
    """Return the registration in `data`, a JSON object. Raises InvalidRegistration."""
    if not isinstance(data, Mapping):
        raise InvalidRegistration("A registration is one JSON object.")
    if unknown := sorted(set(map(str, data)) - _MEMBERS):
        raise InvalidRegistration(f"Unknown member: {', '.join(unknown)}.")
    iss = _text(data, "iss")
    parts = urlsplit(iss)
    if parts.query or parts.fragment:
        raise InvalidRegistration("iss must be the EHR's FHIR base, without query or fragment.")
    try:
        outbound.check(iss)
    except OutboundRefused as error:
        raise InvalidRegistration(f"iss: {error.public}") from None
    method = _text(data, "token_endpoint_auth_method")
    if method not in _METHODS:
        raise InvalidRegistration(f"token_endpoint_auth_method must be one of {', '.join(_METHODS)}.")
    secret = data.get("client_secret")
    if method == "private_key_jwt":
        if secret is not None:
            raise InvalidRegistration("client_secret has no place with private_key_jwt.")
    elif not isinstance(secret, str) or not _PRINTABLE.match(secret):
        raise InvalidRegistration(f"client_secret is needed with {method}.")
    return Registration(
        iss=iss,
        client_id=_text(data, "client_id"),
        client_secret=secret if isinstance(secret, str) else None,
        token_endpoint_auth_method=method,
        scope=_scope(data.get("scope")),
        frame_ancestors=_origins(data.get("frame_ancestors")),
        gateway_client_id=_text(data, "gateway_client_id"),
    )


def _text(data: Mapping[Any, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not _PRINTABLE.match(value) or len(value) > 2000:
        raise InvalidRegistration(f"{name} must be a text without spaces.")
    return value


def _scope(value: object) -> str:
    words = value.split(" ") if isinstance(value, str) else []
    if not words or not all(_SCOPE.match(word) for word in words):
        raise InvalidRegistration("scope must be scopes parted by single spaces.")
    if any(word.split("?")[0] == "launch/patient" for word in words):
        raise InvalidRegistration("scope must not hold launch/patient: the EHR's launch says who it is.")
    if missing := [word for word in ("launch", "openid", "fhirUser") if word not in words]:
        raise InvalidRegistration(f"scope must hold {' and '.join(missing)}.")
    return " ".join(dict.fromkeys(words))


def _origins(value: object) -> tuple[str, ...]:
    origins = value.split() if isinstance(value, str) else value
    if not isinstance(origins, list):
        raise InvalidRegistration("frame_ancestors must be a list of origins (empty: no frame).")
    for origin in origins:
        match = _ORIGIN.match(origin) if isinstance(origin, str) else None
        if match is None:
            raise InvalidRegistration("frame_ancestors must hold origins such as https://ehr.example.org.")
        if match[1] == "http" and not is_loopback(origin):
            raise InvalidRegistration("frame_ancestors must be https, except on loopback.")
        if match[2].startswith("*.") and match[2].count(".") < 2:
            raise InvalidRegistration("frame_ancestors: a * may stand below a domain only.")
    return tuple(dict.fromkeys(origins))


class Registrations:
    """The registrations in the database. Secrets are encrypted for their issuer's row."""

    def __init__(self, database: Database, keys: Keyring) -> None:
        self._database = database
        self._keys = keys
        self._lock = threading.Lock()
        self._ancestors: tuple[str, ...] = ()
        self._ancestors_until = 0.0

    def put(self, registration: Registration) -> bool:
        """Keep `registration`; return whether its issuer is new. Raises Unavailable."""
        secret = registration.client_secret
        row = self._database.one(
            "put_ehr",
            {
                **registration.public(),
                "client_secret": self._keys.seal(secret.encode(), f"ehr:{registration.iss}")
                if secret
                else None,
            },
        )
        return bool(row and row["added"])

    def list(self) -> list[Registration]:
        """Return every registration, by issuer. Raises Unavailable."""
        return [self._read(row) for row in self._database.all("list_ehrs")]

    def of(self, iss: str) -> Registration:
        """Return the registration of exactly `iss`. Raises UnknownIssuer or Unavailable."""
        # A text that PostgreSQL can't hold is nobody's issuer.
        row = self._database.one("get_ehr", {"iss": iss}) if "\0" not in iss and len(iss) <= 2000 else None
        if row is None:
            raise UnknownIssuer(
                "The EHR that opened this page is not registered with this app. "
                "Its administrator can have it registered."
            )
        return self._read(row)

    def all_frame_ancestors(self) -> tuple[str, ...]:
        """Return the origins of every registered EHR, at most a minute old; the last known when down.

        Pages that show nothing of anybody (errors before the EHR is known) may appear in these frames.
        """
        with self._lock:
            if time.monotonic() >= self._ancestors_until:
                self._ancestors_until = time.monotonic() + _ANCESTORS_SECONDS
                try:
                    rows = self._database.all("all_frame_ancestors")
                    self._ancestors = tuple(row["origin"] for row in rows)
                except Unavailable:
                    self._ancestors_until = time.monotonic() + 5.0
            return self._ancestors

    def _read(self, row: Row) -> Registration:
        secret = None
        if row["client_secret"] is not None:
            plain = self._keys.unseal(bytes(row["client_secret"]), f"ehr:{row['iss']}")
            if plain is None:
                raise Unavailable(
                    "This EHR has to be registered again: the app's key has changed.",
                    detail="client_secret does not open with the present key",
                )
            secret = plain.decode()
        return Registration(
            iss=row["iss"],
            client_id=row["client_id"],
            client_secret=secret,
            token_endpoint_auth_method=row["token_endpoint_auth_method"],
            scope=row["scope"],
            frame_ancestors=tuple(row["frame_ancestors"]),
            gateway_client_id=row["gateway_client_id"],
        )
