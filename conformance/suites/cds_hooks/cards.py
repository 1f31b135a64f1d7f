"""What a service answers: cards, well formed, or an empty list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.cds_hooks.session import HookSession

HOOKS = ("patient-view", "order-select", "order-sign")


def answers(hook: str) -> Callable[[HookSession], None]:
    """Return the test that `hook` is answered 200 with an array of cards."""

    def test(session: HookSession) -> None:
        answer = session.call(hook)
        expect(answer.status == 200, f"status {answer.status}")
        expect(
            answer.headers.get("content-type", "").startswith("application/json"),
            "the content type is not JSON",
        )
        found = answer.json()
        expect(isinstance(found, dict) and isinstance(found.get("cards"), list), "no array `cards`")

    return test


def controlled_order(session: HookSession) -> None:
    """A controlled draft order gets a card."""
    for hook in _order_hooks(session):
        expect(session.cards(hook), f"{hook}: no card for a controlled drug")


def plain_order(session: HookSession) -> None:
    """An order that is not controlled gets an empty list."""
    for hook in _order_hooks(session):
        drug = session.concept(controlled=False)
        expect(session.cards(hook, drug=drug) == [], f"{hook}: a card for a drug that is not controlled")


def required_members(session: HookSession) -> None:
    """Cards have summary, indicator and source."""
    for card in all_cards(session):
        summary = card.get("summary")
        expect(isinstance(summary, str) and 0 < len(summary) < 140, "a summary is missing, empty or too long")
        expect(card.get("indicator") in ("info", "warning", "critical"), "an indicator is none of the three")
        source = card.get("source")
        expect(
            isinstance(source, dict) and isinstance(source.get("label"), str) and source["label"],
            "no source.label",
        )


def suggestions(session: HookSession) -> None:
    """Cards with suggestions say how many may be taken."""
    found = [card for card in all_cards(session) if "suggestions" in card]
    if not found:
        raise Omit("no card has suggestions")
    for card in found:
        expect(
            card.get("selectionBehavior") in ("at-most-one", "any"), "suggestions without selectionBehavior"
        )


def override_reasons(session: HookSession) -> None:
    """Override reasons have a display."""
    found = [card for card in all_cards(session) if "overrideReasons" in card]
    if not found:
        raise Omit("no card has override reasons")
    for card in found:
        for reason in card["overrideReasons"]:
            expect(isinstance(reason, dict) and reason.get("display"), "an override reason has no display")


def links(session: HookSession) -> None:
    """Links have label, url and type; appContext goes with smart only, as a text."""
    for link in _links(session):
        for name in ("label", "url", "type"):
            expect(isinstance(link.get(name), str) and link[name], f"a link has no {name}")
        expect(link["type"] in ("absolute", "smart"), "a link is neither absolute nor smart")
        expect(urlsplit(link["url"]).scheme in ("https", "http"), "a link's url is not absolute")
        if "appContext" in link:
            expect(link["type"] == "smart", "appContext on a link that is not smart")
            expect(isinstance(link["appContext"], str), "appContext is no text")


def launch_urls(session: HookSession) -> None:
    """A SMART link is the bare launch URL: iss and launch are the client's to add."""
    smart = [link for link in _links(session) if link.get("type") == "smart"]
    if not smart:
        raise Omit("no smart link")
    for link in smart:
        expect(
            not {"iss", "launch"} & parse_qs(urlsplit(link["url"]).query).keys(), "iss or launch in the url"
        )


def nothing_empty(session: HookSession) -> None:
    """No member of a card is null or empty."""
    for card in all_cards(session):
        _check_filled(card)


def all_cards(session: HookSession) -> list[dict[str, Any]]:
    """Return the cards of every hook that is served. Raises Skip when there are none."""
    served = {service.get("hook") for service in session.services()}
    found = [card for hook in HOOKS if hook in served for card in session.cards(hook)]
    if not found:
        raise Skip("no service answered with a card")
    return found


def _links(session: HookSession) -> list[dict[str, Any]]:
    found = [link for card in all_cards(session) for link in card.get("links", [])]
    if not found:
        raise Omit("no card has links")
    return found


def _order_hooks(session: HookSession) -> list[str]:
    served = {service.get("hook") for service in session.services()}
    found = [hook for hook in HOOKS[1:] if hook in served]
    if not found:
        raise Omit("no service for orders")
    return found


def _check_filled(value: Any) -> None:
    expect(value not in (None, "", [], {}), "a member is null or empty")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_filled(item)


TESTS = (
    *(
        Test(f"call-{hook}", f"{hook} is answered with cards", ("call-1", "call-2"), answers(hook))
        for hook in HOOKS
    ),
    Test("call-controlled-order", "A controlled order gets a card", ("pdmp-3",), controlled_order),
    Test("call-plain-order", "Nothing to say is an empty list", ("call-3",), plain_order),
    Test(
        "card-members", "Cards have their required members", ("card-1", "card-2", "card-3"), required_members
    ),
    Test("card-suggestions", "Suggestions say how many may be taken", ("card-4",), suggestions),
    Test("card-override-reasons", "Override reasons can be shown", ("card-5",), override_reasons),
    Test("card-links", "Links are well formed", ("link-1", "link-2"), links),
    Test("card-launch-urls", "SMART links leave launch parameters to the client", ("link-3",), launch_urls),
    Test("card-nothing-empty", "Nothing in a card is null or empty", ("json-2",), nothing_empty),
)
