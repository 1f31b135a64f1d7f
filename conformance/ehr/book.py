"""What the double knows about its hospital: clients, practitioners, patients; from one JSON file.

    {"app_launch_url": "http://pdmp.localhost:8001/launch",
     "clients": [{"client_id", "redirect_uris": [...], "scope",
                  "token_endpoint_auth_method": "private_key_jwt"|"client_secret_basic"|"client_secret_post",
                  "jwks": {"keys": [...]} | "client_secret"}],
     "practitioners": [FHIR Practitioner], "organization": FHIR Organization, "patients": [FHIR Patient],
     "cds": {"services_url": "http://localhost:8000/cds-services"},
     "faults": [names from conformance.ehr.faults]}

`cds` and `faults` may be left out. `cds` is the CDS service that the order screen asks: its discovery
address, on loopback. `"client_id"` there is the `subject` of the tokens handed to it (`cds-service`), and
`"jku": true` puts the double's JWKS address into the header of its hook tokens.

The file is read again when it changes on disk. A change that can't be read is logged and the last good
content kept, since writers need not be atomic.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.ehr.faults import Fault, HookFault
from conformance.ehr.settings import loopback

log = logging.getLogger(__name__)

Resource = dict[str, Any]

AUTH_METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post")


class BadBook(Exception):
    """The file is missing or does not say what it must. The message never quotes patient data."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client: confidential always, with one way to authenticate."""

    client_id: str
    redirect_uris: tuple[str, ...]
    scope: str
    auth_method: str
    keys: tuple[Mapping[str, Any], ...] = ()
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Cds:
    """The CDS service that the order screen asks."""

    services_url: str
    client_id: str
    jku: bool


@dataclass(frozen=True, slots=True)
class Content:
    """One reading of the file."""

    app_launch_url: str
    clients: Mapping[str, Client]
    practitioners: Mapping[str, Resource]
    organization: Resource
    patients: Mapping[str, Resource]
    faults: frozenset[Fault]
    hook_faults: frozenset[HookFault]
    cds: Cds | None

    @property
    def app_origin(self) -> str:
        """Return the origin that the chart page may frame."""
        return origin(self.app_launch_url)

    @property
    def app_client(self) -> Client | None:
        """Return the client that the launch URL belongs to: one whose redirect lies on its origin."""
        fitting = (
            client
            for client in self.clients.values()
            if any(origin(uri) == self.app_origin for uri in client.redirect_uris)
        )
        return next(fitting, None)


class Book:
    """The file, read when it changes. Threads share one instance."""

    def __init__(self, path: Path) -> None:
        """Read `path`. Raises BadBook."""
        self._path = path
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._content = _read(path)

    def content(self) -> Content:
        """Return the current content; the last good one while the file can't be read."""
        with self._lock:
            try:
                stamp = self._stamp()
                if stamp != self._seen:
                    self._content = _read(self._path)
                    self._seen = stamp
            except BadBook as error:
                log.warning("ehr_file_unreadable", extra={"reason": str(error)})
            return self._content

    def _stamp(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise BadBook(f"the file {self._path} can't be read: {error.strerror}.") from None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def origin(url: str) -> str:
    """Return scheme and authority of `url`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def display_name(resource: Resource) -> str:
    """Return the official (else first) human name of a Patient or Practitioner: prefix, given, family."""
    names = resource.get("name") or []
    name = next((n for n in names if n.get("use") == "official"), names[0] if names else {})
    if text := name.get("text"):
        return str(text)
    parts = [*name.get("prefix", []), *name.get("given", []), name.get("family", "")]
    return " ".join(part for part in parts if part) or "(no name)"


def listed_name(resource: Resource) -> str:
    """Return `Family, Given`, as lists of people are sorted."""
    names = resource.get("name") or []
    name = next((n for n in names if n.get("use") == "official"), names[0] if names else {})
    if not name.get("family"):
        return display_name(resource)
    given = " ".join(name.get("given", []))
    return f"{name['family']}, {given}" if given else str(name["family"])


def identifier(resource: Resource, *, system: str | None = None, code: str | None = None) -> str | None:
    """Return the value of the first identifier with that system or that type code, or None."""
    for entry in resource.get("identifier") or []:
        codes = {coding.get("code") for coding in (entry.get("type") or {}).get("coding") or []}
        if (system and entry.get("system") == system) or (code and code in codes):
            return str(entry.get("value") or "") or None
    return None


def _read(path: Path) -> Content:
    try:
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise BadBook(f"the file {path} can't be read: {error.strerror}.") from None
    except ValueError:
        raise BadBook(f"the file {path} is not JSON.") from None
    try:
        clients = [_client(entry) for entry in raw["clients"]]
        faults = set(raw.get("faults", ()))
        hook_faults = frozenset(HookFault(name) for name in faults & set(HookFault))
        return Content(
            app_launch_url=_url(raw["app_launch_url"]),
            clients={client.client_id: client for client in clients},
            practitioners=_by_id(raw["practitioners"], "Practitioner"),
            organization=_resource(raw["organization"], "Organization"),
            patients=_by_id(raw["patients"], "Patient"),
            faults=frozenset(Fault(name) for name in faults - hook_faults),
            hook_faults=hook_faults,
            cds=_cds(raw["cds"]) if raw.get("cds") else None,
        )
    except KeyError as error:
        raise BadBook(f"the file {path} has no {error}.") from None
    except (TypeError, AttributeError):
        raise BadBook(f"the file {path} has another shape than this double reads.") from None
    except ValueError as error:
        raise BadBook(f"the file {path} can't be used: {error}") from None


def _client(raw: Mapping[str, Any]) -> Client:
    method = str(raw["token_endpoint_auth_method"])
    if method not in AUTH_METHODS:
        raise ValueError(f"the client's token_endpoint_auth_method is none of {', '.join(AUTH_METHODS)}.")
    keys = tuple((raw.get("jwks") or {}).get("keys", ())) if method == "private_key_jwt" else ()
    secret = None if method == "private_key_jwt" else raw.get("client_secret")
    if not keys and not secret:
        raise ValueError("a client has neither jwks nor client_secret for its method.")
    redirect_uris = tuple(_url(uri) for uri in raw["redirect_uris"])
    return Client(str(raw["client_id"]), redirect_uris, str(raw["scope"]), method, keys, secret)


def _cds(raw: Mapping[str, Any]) -> Cds:
    url = _url(raw["services_url"])
    parts = urlsplit(url)
    if parts.scheme != "http" or not loopback(parts.hostname or "") or parts.query:
        # Names and birth dates go there, made up or not.
        raise ValueError("cds.services_url must be http on loopback, without query.")
    return Cds(url.rstrip("/"), str(raw.get("client_id") or "cds-service"), bool(raw.get("jku")))


def _by_id(raw: list[Resource], kind: str) -> dict[str, Resource]:
    return {str(entry["id"]): _resource(entry, kind) for entry in raw}


def _resource(raw: Resource, kind: str) -> Resource:
    if raw.get("resourceType") != kind or not raw.get("id"):
        raise ValueError(f"an entry is not a {kind} with an id.")
    return raw


def _url(text: object) -> str:
    if not isinstance(text, str) or not urlsplit(text).netloc or urlsplit(text).fragment:
        raise ValueError("a launch URL or redirect URI is not an absolute URL without fragment.")
    return text
