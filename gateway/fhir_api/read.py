"""GET Type/id (FHIR R4, section 3.1.0.3), inside a grant that an earlier history left."""

from __future__ import annotations

from collections.abc import Callable

import flask
from flask import request

from gateway.core.errors import UnknownParameter
from gateway.disclose import read as door
from gateway.fhir_api import reply
from gateway.web.guard import bearer, principal

_PARAMETERS = frozenset({"_format", "_pretty"})


def view(resource_type: str) -> Callable[[str], flask.Response]:
    """Return the view that reads one resource of `resource_type`."""

    @bearer(resource_type, "read")
    def read(resource_id: str) -> flask.Response:
        reply.check_acceptable()
        if not _PARAMETERS.issuperset(request.args):
            raise UnknownParameter("A read takes no parameters but _format and _pretty.")
        services = reply.services()
        entry = door.read(
            services.database,
            services.clock,
            services.mappings,
            principal(),
            resource_type,
            resource_id,
            grant_header=request.headers.get(reply.GRANT_HEADER),
            request_id=reply.request_id(),
        )
        return reply.fhir(entry.body)

    return read
