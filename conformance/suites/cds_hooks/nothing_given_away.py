"""A PDMP's hooks: a link and no history, the same whoever the patient is."""

from __future__ import annotations

import json
from typing import Any

from conformance.run.outcomes import Omit, Test, expect
from conformance.suites.cds_hooks.cards import HOOKS, all_cards
from conformance.suites.cds_hooks.session import HookSession

_HISTORY = (
    '"MedicationDispense"',
    '"MedicationAdministration"',
    '"MedicationStatement"',
    "pdmp-history-data",
    "daysSupply",
    "whenHandedOver",
)
_STRANGER = {
    "resourceType": "Patient",
    "id": "suite-stranger",
    "name": [{"family": "Nobody", "given": ["Known"]}],
    "birthDate": "1931-01-01",
}


def no_history(session: HookSession) -> None:
    """No card holds discrete history."""
    for card in all_cards(session):
        text = json.dumps(card) + "".join(str(link.get("appContext", "")) for link in card.get("links", []))
        for word in _HISTORY:
            expect(word not in text.replace('\\"', '"'), f"a card holds {word}")


def links_to_app(session: HookSession) -> None:
    """Cards lead to the history by a link."""
    for card in all_cards(session):
        kinds = {link.get("type") for link in card.get("links", [])}
        expect(kinds & {"smart", "absolute"}, "a card has no link")


def request_parameters(session: HookSession) -> None:
    """What is passed to the app is the request of $pdmp-history for this patient and practitioner."""
    contexts = [
        link["appContext"]
        for card in all_cards(session)
        for link in card.get("links", [])
        if "appContext" in link
    ]
    if not contexts:
        raise Omit("no appContext is passed")
    for text in contexts:
        try:
            value = json.loads(text)
        except ValueError:
            raise Omit("appContext is not JSON: another way of passing the request") from None
        parts = {part.get("name"): part.get("resource", {}) for part in value.get("parameter", [])}
        expect(value.get("resourceType") == "Parameters", "appContext is no Parameters resource")
        for name in ("patient", "authorized-practitioner", "authorized-practitioner-role"):
            expect(name in parts, f"appContext lacks {name}")
        expect(parts["patient"].get("id") == session.patient["id"], "appContext is about another patient")


def same_for_everybody(session: HookSession) -> None:
    """A patient whom nobody knows gets the same cards as the one of the config."""
    served = {service.get("hook") for service in session.services()}
    stranger = session.config.get("other_patient", _STRANGER)
    config = {**session.config, "patient": stranger}
    other = HookSession(session.http, config, session.key)
    for hook in (hook for hook in HOOKS if hook in served):
        ours, theirs = ([_bare(card) for card in one.cards(hook)] for one in (session, other))
        expect(ours == theirs, f"{hook}: two patients get different cards")


def _bare(card: dict[str, Any]) -> dict[str, Any]:
    """Return the card without what is new in each call."""
    links = [{k: v for k, v in link.items() if k != "appContext"} for link in card.get("links", [])]
    return {**{k: v for k, v in card.items() if k not in ("uuid", "links")}, "links": links}


TESTS = (
    Test("pdmp-no-history", "A hook returns no history", ("pdmp-1",), no_history),
    Test("pdmp-links", "A card is a link", ("pdmp-2",), links_to_app),
    Test("pdmp-app-context", "The app gets the request's Parameters", ("pdmp-4",), request_parameters),
    Test("pdmp-same-cards", "Cards do not tell patients apart", ("pdmp-1",), same_for_everybody),
)
