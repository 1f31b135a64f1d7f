"""The routes of the FHIR interface, computed from the table of interactions."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import flask
from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from gateway.fhir_api import (
    capability,
    context_search,
    definitions,
    interactions,
    patient_match,
    pdmp_history,
    read,
    reply,
    search,
)
from gateway.services import Services
from gateway.web.guard import public

View = Callable[..., flask.Response]


class LogicalId(BaseConverter):
    """A resource's id (FHIR R4, section 2.24.0.1): `$…` and `_…` are operations and searches, never ids."""

    regex = r"[A-Za-z0-9.\-]{1,64}"


#: What carries out each operation of the table.
_OPERATIONS: dict[str, View] = {
    interactions.HISTORY.name: pdmp_history.view,
    interactions.MATCH.name: patient_match.view,
}


def blueprint(services: Services) -> Blueprint:
    """Return everything below `{base}/fhir` that is FHIR's own; discovery of SMART is the oauth blueprint's.

    Only `services.settings` is read here: the rest may not be open yet.
    """
    made = Blueprint("fhir_api", __name__, url_prefix="/fhir")
    made.record(_know_ids)
    made.add_url_rule("/metadata", "metadata", _metadata(services))
    for served in interactions.TABLE:
        if "read" in served.interactions:
            view = definitions.view(served.type) if served.definitional else read.view(served.type)
            made.add_url_rule(f"/{served.type}/<fhir_id:resource_id>", f"read {served.type}", view)
        if "vread" in served.interactions:
            made.add_url_rule(
                f"/{served.type}/<fhir_id:resource_id>/_history/<fhir_id:version_id>",
                f"vread {served.type}",
                read.version_view(served.type),
            )
        if "search-type" in served.interactions:
            of_rows = served.type == "MedicationDispense"
            get = search.by_get if of_rows else context_search.by_get(served.type)
            post = search.by_post if of_rows else context_search.by_post(served.type)
            made.add_url_rule(f"/{served.type}", f"search {served.type}", get)
            made.add_url_rule(
                f"/{served.type}/_search", f"search {served.type} by POST", post, methods=["POST"]
            )
        for operation in served.operations:
            _operate(made, f"/{served.type}/${operation.name}", operation.name)
    for operation in interactions.SYSTEM_OPERATIONS:
        _operate(made, f"/${operation.name}", operation.name)
    return made


def _know_ids(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["fhir_id"] = LogicalId


def _operate(made: Blueprint, rule: str, name: str) -> None:
    made.add_url_rule(rule, f"operation {rule}".replace(".", ""), _OPERATIONS[name], methods=["POST"])


def _metadata(services: Services) -> View:
    known: list[bytes] = []

    @public(anywhere=True)
    def metadata() -> flask.Response:
        reply.check_acceptable()
        if not known:
            current = reply.services()
            known.append(
                capability.statement(
                    services.settings,
                    software_version=version("pdmp-gateway"),
                    jurisdiction_name=current.mappings.jurisdiction.name,
                )
            )
        return reply.fhir(known[0], {"Cache-Control": "public, max-age=300"})

    return metadata
