"""GET Type/id and Type/id/_history/vid (FHIR R4, sections 3.1.0.3 and 3.1.0.4).

The ETag is the resource's version, weak: the same version may be written anew after a change of mapping.
"""

from __future__ import annotations

from collections.abc import Callable

import flask
from flask import request

from gateway.core.errors import NotFound, UnknownParameter
from gateway.disclose import read as door
from gateway.fhir_api import reply
from gateway.web.guard import bearer, principal

_PARAMETERS = frozenset({"_format", "_pretty"})
_LONGEST_VERSION = 9


def view(resource_type: str) -> Callable[[str], flask.Response]:
    """Return the view that reads one resource of `resource_type`."""

    @bearer(resource_type, "read")
    def read(resource_id: str) -> flask.Response:
        return _answer(resource_type, resource_id, None)

    return read


def version_view(resource_type: str) -> Callable[[str, str], flask.Response]:
    """Return the view that reads one version of a resource of `resource_type`."""

    @bearer(resource_type, "vread")
    def vread(resource_id: str, version_id: str) -> flask.Response:
        if not version_id.isdigit() or len(version_id) > _LONGEST_VERSION:
            # Versions are numbers here: no other one was ever given out.
            raise NotFound("No such version.")
        return _answer(resource_type, resource_id, int(version_id))

    return vread


def _answer(resource_type: str, resource_id: str, version: int | None) -> flask.Response:
    reply.check_acceptable()
    if not _PARAMETERS.issuperset(request.args):
        raise UnknownParameter("A read takes no parameters but _format and _pretty.")
    services = reply.services()
    entry = door.read(
        services.database,
        services.clock,
        services.vault,
        services.mappings,
        principal(),
        resource_type,
        resource_id,
        version=version,
        grant_header=request.headers.get(reply.GRANT_HEADER),
        request_id=reply.request_id(),
    )
    found = door.version_of(entry.body)
    return reply.fhir(entry.body, None if found is None else {"ETag": f'W/"{found}"'})
