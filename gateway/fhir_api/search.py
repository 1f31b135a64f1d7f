"""GET MedicationDispense?… and POST MedicationDispense/_search (FHIR R4, section 3.1.1).

The answer is a searchset with an exact total, newest first. The next page is an opaque link.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import flask
from flask import request

from gateway.core.errors import BadRequest, UnsupportedMedia
from gateway.disclose import search as door
from gateway.fhir import bundle, prefer, search_params
from gateway.fhir.search_params import Search
from gateway.fhir_api import page_link, reply
from gateway.web.guard import bearer, principal

_PATH = "MedicationDispense"
_BESIDE_A_LINK = frozenset({page_link.PARAMETER, "_format", "_pretty"})


@bearer("MedicationDispense", "search")
def by_get() -> flask.Response:
    """Answer a search whose parameters are in the address."""
    return _answer(list(request.args.items(multi=True)))


@bearer("MedicationDispense", "search")
def by_post() -> flask.Response:
    """Answer a search whose parameters are in a form body, in the address, or in both (section 3.1.1.2)."""
    if request.mimetype != "application/x-www-form-urlencoded" and request.get_data(cache=True):
        raise UnsupportedMedia("Search parameters are sent as application/x-www-form-urlencoded.")
    return _answer([*request.args.items(multi=True), *request.form.items(multi=True)])


def _answer(pairs: list[tuple[str, str]]) -> flask.Response:
    reply.check_acceptable(dict(pairs).get("_format"))
    services, caller = reply.services(), principal()
    base = services.settings.fhir_base
    grant_header = request.headers.get(reply.GRANT_HEADER)
    if any(name == page_link.PARAMETER for name, _ in pairs):
        search, self_query, grant_header = _continued(pairs, grant_header)
    else:
        lenient = any(prefer.lenient(header) for header in request.headers.getlist("Prefer"))
        search = search_params.parse(
            pairs,
            fhir_base=base,
            zone=services.clock.zone,
            today=services.clock.today(),
            lenient=lenient,
        )
        self_query = search.text
    page = door.search(
        services.database,
        services.clock,
        services.mappings,
        caller,
        search.query,
        grant_header=grant_header,
        request_id=reply.request_id(),
    )
    next_link = None
    if page.next is not None and search.query.count:
        token = page_link.token(services, caller, search, after=page.next, grant_id=page.grant_id)
        next_link = f"{base}/{_PATH}?{page_link.PARAMETER}={token}"
    body = bundle.searchset(
        base,
        total=page.total,
        self_link=f"{base}/{_PATH}?{self_query}" if self_query else f"{base}/{_PATH}",
        next_link=next_link,
        matches=page.matches,
        included=page.included,
    )
    # With a user's token the consent is the grant: there is none to name.
    return reply.fhir(body, {reply.GRANT_HEADER: str(page.grant_id)} if page.grant_id else None)


def _continued(pairs: list[tuple[str, str]], grant_header: str | None) -> tuple[Search, str, str | None]:
    """Return the search that a page link goes on with, the link itself, and the grant it carries."""
    services = reply.services()
    texts = [value for name, value in pairs if name == page_link.PARAMETER]
    if len(texts) > 1 or not _BESIDE_A_LINK.issuperset(name for name, _ in pairs):
        raise BadRequest("A page link is followed as it was given, without other parameters.")
    link = page_link.read(services, principal(), texts[0])
    if grant_header and link.grant_id and _other(grant_header, link.grant_id):
        raise BadRequest("This page link belongs to another grant than the PDMP-Grant header names.")
    search = search_params.parse(
        link.pairs,
        fhir_base=services.settings.fhir_base,
        zone=services.clock.zone,
        today=services.clock.today(),
    )
    search = replace(search, query=replace(search.query, after=link.after))
    return search, f"{page_link.PARAMETER}={texts[0]}", str(link.grant_id) if link.grant_id else None


def _other(header: str, grant_id: UUID) -> bool:
    return header.strip().lower() != str(grant_id)
