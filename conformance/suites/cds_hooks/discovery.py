"""Discovery: what it tells, at its fixed address."""

from __future__ import annotations

import re

from conformance.run.outcomes import Test, expect
from conformance.suites.cds_hooks.session import ROOT, HookSession

_TOKENS = re.compile(
    r"context\.[A-Za-z]+|userPractitionerId|userPractitionerRoleId|userPatientId|userRelatedPersonId"
)


def document(session: HookSession) -> None:
    """GET /cds-services answers 200 with an object that has an array `services`."""
    answer = session.http.get(ROOT, session.bearer(ROOT))
    expect(answer.status == 200, f"status {answer.status}")
    expect(
        answer.headers.get("content-type", "").startswith("application/json"), "the content type is not JSON"
    )
    found = answer.json()
    expect(isinstance(found, dict) and isinstance(found.get("services"), list), "no array `services`")
    expect(found["services"], "no service is offered, so there is nothing to test")


def members(session: HookSession) -> None:
    """Each service has hook, description and id; no two share id and hook."""
    seen = set()
    for service in session.services():
        for name in ("hook", "description", "id"):
            expect(isinstance(service.get(name), str) and service[name], f"a service has no {name}")
        expect(re.fullmatch(r"[^/?#\s]+", service["id"]), "an id does not fit into an address")
        seen.add((service["id"], service["hook"]))
    expect(len(seen) == len(session.services()), "a service is there twice")


def titles(session: HookSession) -> None:
    """Each service has a title."""
    expect(all(service.get("title") for service in session.services()), "a service has no title")


def templates(session: HookSession) -> None:
    """Prefetch templates are texts with first-level context or user tokens."""
    for service in session.services():
        prefetch = service.get("prefetch", {"x": "Patient/{{context.patientId}}"})
        expect(isinstance(prefetch, dict) and prefetch, "prefetch is empty or no object")
        for template in prefetch.values():
            expect(isinstance(template, str) and template, "a template is no text")
            for token in re.findall(r"\{\{(.*?)\}\}", template):
                expect(_TOKENS.fullmatch(token), "a token is neither a context field nor a user's id")


def plain_queries(session: HookSession) -> None:
    """Prefetch templates keep to read and plain search."""
    for service in session.services():
        for template in service.get("prefetch", {}).values():
            for parameter in template.partition("?")[2].split("&") if "?" in template else ():
                name = parameter.partition("=")[0]
                plain = re.fullmatch(r"_count|_sort|_id|[a-z-]+(?::in)?", name)
                expect(plain, "a template uses a modifier or result parameter beyond the recommended ones")


TESTS = (
    Test("discovery-document", "Discovery is there", ("disc-1", "disc-2", "json-1"), document),
    Test("discovery-members", "Services have their required members", ("disc-3",), members),
    Test("discovery-titles", "Services have titles", ("disc-4",), titles),
    Test("discovery-templates", "Prefetch templates are well formed", ("pre-1",), templates),
    Test("discovery-plain-queries", "Prefetch templates are plain", ("pre-2",), plain_queries),
)
