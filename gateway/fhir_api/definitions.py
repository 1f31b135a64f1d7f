"""GET of our own StructureDefinitions, CodeSystems and ConceptMaps: public vocabulary, no patients."""

from __future__ import annotations

from collections.abc import Callable

import flask
import orjson

from gateway.core.errors import NotFound
from gateway.fhir_api import reply
from gateway.web.guard import public


def view(resource_type: str) -> Callable[[str], flask.Response]:
    """Return the view that reads one definition of `resource_type`."""

    @public(anywhere=True)
    def read(resource_id: str) -> flask.Response:
        reply.check_acceptable()
        for definition in reply.services().mappings.definitions:
            if definition["resourceType"] == resource_type and definition.get("id") == resource_id:
                return reply.fhir(orjson.dumps(definition), {"Cache-Control": "public, max-age=300"})
        raise NotFound("No such resource.")

    return read
