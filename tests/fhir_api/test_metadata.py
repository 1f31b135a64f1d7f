"""The CapabilityStatement: valid, true to what is served, and readable by real clients."""

from __future__ import annotations

import re

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.structuredefinition import StructureDefinition

from gateway.auth.scopes import SEARCHED, TYPES, ScopeSet
from gateway.fhir_api import interactions
from gateway.web.guard import access_of
from tests.fhir_api.conftest import Gateway


def statement(gateway: Gateway, **headers: str) -> CapabilityStatement:
    answer = gateway.http.get("/fhir/metadata", headers=headers)
    assert answer.status_code == 200
    return CapabilityStatement.model_validate_json(answer.data)


def test_it_is_public_and_valid(gateway: Gateway) -> None:
    document = statement(gateway)
    assert document.kind == "instance"
    assert document.fhirVersion == "4.0.1"
    assert document.implementation.url == gateway.services.settings.fhir_base
    assert document.instantiates == ["http://hl7.org/fhir/us/pdmp/CapabilityStatement/pdmp-server"]


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json, */*; q=0.1", "*/*"])
def test_every_client_gets_it_as_json(gateway: Gateway, accept: str) -> None:
    assert statement(gateway, Accept=accept)


def test_clients_that_read_only_this_find_the_token_endpoint(gateway: Gateway) -> None:
    security = statement(gateway).rest[0].security
    assert security.service[0].coding[0].code == "SMART-on-FHIR"
    extension = security.extension[0]
    assert extension.url == "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    found = {inner.url: inner.valueUri for inner in extension.extension}
    assert found["token"] == f"{gateway.services.settings.base_url}/auth/token"
    assert gateway.http.post("/auth/token").status_code != 404


def test_it_says_exactly_what_the_routes_serve(gateway: Gateway) -> None:
    document = statement(gateway)
    rules = {
        (method, rule.rule) for rule in gateway.app.url_map.iter_rules() for method in rule.methods or ()
    }
    said = set()
    for resource in document.rest[0].resource:
        for interaction in resource.interaction:
            if interaction.code == "read":
                said.add(("GET", f"/fhir/{resource.type}/<fhir_id:resource_id>"))
            elif interaction.code == "vread":
                said.add(
                    ("GET", f"/fhir/{resource.type}/<fhir_id:resource_id>/_history/<fhir_id:version_id>")
                )
            else:
                assert interaction.code == "search-type"
                said |= {("GET", f"/fhir/{resource.type}"), ("POST", f"/fhir/{resource.type}/_search")}
        for operation in resource.operation or ():
            said.add(("POST", f"/fhir/{resource.type}/${operation.name}"))
    for operation in document.rest[0].operation:
        said.add(("POST", f"/fhir/${operation.name}"))
    served = {
        (method, rule)
        for method, rule in rules
        if re.match(r"/fhir/[A-Z$]", rule) and method not in ("HEAD", "OPTIONS")
    }
    assert said == served


def test_each_interaction_declares_the_scope_that_the_door_asks_for(gateway: Gateway) -> None:
    views, rules = gateway.app.view_functions, list(gateway.app.url_map.iter_rules())
    asked: set[tuple[str, str]] = set()
    for rule in rules:
        if not re.match(r"/fhir/[A-Z$]", rule.rule):
            continue
        access = access_of(views[rule.endpoint])
        assert access is not None, rule.rule
        if access.kind == "public":
            continue
        assert access.kind == "bearer", rule.rule
        # A scope can be written for it, and only one of its own type gives it.
        assert access.resource_type in TYPES, rule.rule
        wide = ScopeSet.parse(f"system/{access.resource_type}.cruds")
        assert wide.permits(access.resource_type, access.interaction), rule.rule
        assert not ScopeSet.parse("system/Device.cruds").permits(access.resource_type, access.interaction)
        asked.add((access.resource_type, access.interaction))
    listed = {
        (served.type, interaction.removesuffix("-type"))
        for served in interactions.TABLE
        if not served.definitional
        for interaction in served.interactions
    }
    assert listed <= asked
    assert {resource_type for resource_type, _ in listed} == TYPES
    assert {resource_type for resource_type, one in listed if one == "search"} == SEARCHED


def test_superseded_versions_are_promised_where_they_are_kept(gateway: Gateway) -> None:
    kept = {resource.type for resource in statement(gateway).rest[0].resource if resource.readHistory}
    assert kept == {"MedicationDispense", "MedicationRequest"}


def test_the_operation_is_the_guides(gateway: Gateway) -> None:
    rest = statement(gateway).rest[0]
    patient = next(resource for resource in rest.resource if resource.type == "Patient")
    for operation in (rest.operation[0], patient.operation[0]):
        assert operation.name == "pdmp-history"
        assert operation.definition == "http://hl7.org/fhir/us/pdmp/OperationDefinition/pdmp-history"


@pytest.mark.parametrize(
    ("kind", "param"), [(served.type, p.name) for served in interactions.TABLE for p in served.params]
)
def test_every_search_parameter_that_is_said_is_served(gateway: Gateway, kind: str, param: str) -> None:
    value = {"patient": "x", "subject": "x", "_id": "x", "status": "completed", "code": "1"}.get(
        param, "2026"
    )
    whose = "" if kind == "Patient" else "patient=x&"
    answer = gateway.caller().get(f"/fhir/{kind}?{whose}{param}={value}")
    # Nobody is in context: refused for that, not for the parameter.
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("name", ["mme-per-day", "drug-class"])
def test_our_own_extensions_can_be_looked_up(gateway: Gateway, name: str) -> None:
    answer = gateway.http.get(f"/fhir/StructureDefinition/{name}")
    assert answer.status_code == 200
    document = StructureDefinition.model_validate_json(answer.data)
    assert document.url == f"{gateway.services.identifier_base}/fhir/StructureDefinition/{name}"
    assert gateway.http.get("/fhir/StructureDefinition/nope").status_code == 404
