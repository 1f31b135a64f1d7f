"""Searches inside the patient's context: GET Patient?_id=… and MedicationRequest?patient=… (FHIR R4, 3.1.1).

US Core asks for them of the types that are served here. Neither finds anybody: a Patient is searched by its
id alone, prescriptions by a patient who is in context already.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import flask
from flask import request

from gateway.core.disclosure import Entry
from gateway.core.errors import BadRequest, NotFound, UnknownParameter, UnsupportedMedia
from gateway.disclose import read as read_door
from gateway.disclose import search as door
from gateway.fhir import bundle, search_params
from gateway.fhir_api import reply
from gateway.web.guard import bearer, principal

Pairs = list[tuple[str, str]]

_SHOWN = frozenset({"_format", "_pretty"})
_INTENT, _STATUS = "order", "unknown"


def by_get(resource_type: str) -> Callable[[], flask.Response]:
    """Return the view of a search whose parameters are in the address."""

    @bearer(resource_type, "search")
    def view() -> flask.Response:
        return _ANSWERS[resource_type](list(request.args.items(multi=True)))

    return view


def by_post(resource_type: str) -> Callable[[], flask.Response]:
    """Return the view of a search whose parameters are in a form body, in the address, or in both."""

    @bearer(resource_type, "search")
    def view() -> flask.Response:
        if request.mimetype != "application/x-www-form-urlencoded" and request.get_data(cache=True):
            raise UnsupportedMedia("Search parameters are sent as application/x-www-form-urlencoded.")
        pairs = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return _ANSWERS[resource_type](pairs)

    return view


def _patients(pairs: Pairs) -> flask.Response:
    values = _values(pairs, "Patient", frozenset({"_id"}))
    if len(values.get("_id", ())) != 1:
        raise BadRequest("A search of Patient takes one _id, of the patient in context.")
    services = reply.services()
    found: tuple[Entry, ...] = ()
    try:
        found = (
            read_door.read(
                services.database,
                services.clock,
                services.vault,
                services.mappings,
                principal(),
                "Patient",
                values["_id"][0],
                searched=True,
                grant_header=request.headers.get(reply.GRANT_HEADER),
                request_id=reply.request_id(),
            ),
        )
    except NotFound:
        # A search that finds nothing is an empty answer, not an error (section 3.1.0.9).
        found = ()
    return _bundle("Patient", pairs, len(found), found)


def _requests(pairs: Pairs) -> flask.Response:
    values = _values(pairs, "MedicationRequest", frozenset({"patient", "subject", "intent", "status"}))
    services = reply.services()
    patients = {
        search_params.patient_id(value, services.settings.fhir_base)
        for name in ("patient", "subject")
        for value in values.get(name, ())
    }
    if len(patients) > 1:
        raise BadRequest("A search is about one patient: patient or subject names several.")
    page = door.search_requests(
        services.database,
        services.clock,
        services.mappings,
        principal(),
        next(iter(patients), None),
        any_of=_asks(values, "intent", _INTENT) and _asks(values, "status", _STATUS),
        grant_header=request.headers.get(reply.GRANT_HEADER),
        request_id=reply.request_id(),
    )
    return _bundle("MedicationRequest", pairs, page.total, page.matches)


def _values(pairs: Pairs, resource_type: str, known: frozenset[str]) -> dict[str, list[str]]:
    reply.check_acceptable(dict(pairs).get("_format"))
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in known:
            values.setdefault(name, []).append(value)
        elif name not in _SHOWN:
            raise UnknownParameter(
                f"{name} is not served for {resource_type}. See the CapabilityStatement."
                if name.isascii() and len(name) < 40
                else "A parameter is not served. See the CapabilityStatement."
            )
    return values


def _asks(values: dict[str, list[str]], name: str, code: str) -> bool:
    """Return whether every list of a token parameter holds `code`, with whatever system."""
    return all(
        any(one.rpartition("|")[2] == code for one in text.split(",")) for text in values.get(name, ())
    )


def _bundle(resource_type: str, pairs: Pairs, total: int, matches: tuple[Entry, ...]) -> flask.Response:
    base = reply.services().settings.fhir_base
    query = urlencode([(name, value) for name, value in pairs if name not in _SHOWN])
    link = f"{base}/{resource_type}?{query}" if query else f"{base}/{resource_type}"
    body = bundle.searchset(base, total=total, self_link=link, next_link=None, matches=matches)
    return reply.fhir(body)


_ANSWERS: dict[str, Callable[[Pairs], flask.Response]] = {
    "Patient": _patients,
    "MedicationRequest": _requests,
}
