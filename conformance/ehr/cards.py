"""What a CDS service answers, read with suspicion: cards whose text and links are safe to draw.

CDS Hooks 2.0 §cds-service-response. A card that lacks what it must have is left out, the rest of the answer
stays; text is cut, never interpreted (the double draws no Markdown); a link that is neither http(s) nor
SMART is left out. Suggestions and system actions are not offered here: their number is told.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

_MOST = 20
_INDICATORS = ("info", "warning", "critical")
#: A card's own limits: the summary's by the specification, the others' ours.
_SUMMARY, _DETAIL, _LABEL, _CONTEXT = 140, 4000, 200, 64 * 1024


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a card; `app_context` travels with a launch by a `smart` one."""

    label: str
    url: str
    kind: Literal["absolute", "smart"]
    app_context: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for dismissing that the card offers."""

    code: str
    system: str | None
    display: str


@dataclass(frozen=True, slots=True)
class Card:
    """A card under a name of our own, since `uuid` may be absent; `taken` once its link was followed.

    `order` is the draft that was picked when it came.
    """

    name: str
    service: str
    uuid: str | None
    summary: str
    detail: str
    indicator: str
    source: str
    source_url: str | None
    links: tuple[Link, ...]
    reasons: tuple[Reason, ...]
    suggestions: int
    taken: bool = False
    order: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What one firing of a hook brought: cards, and in words what went wrong."""

    hook: str = ""
    cards: tuple[Card, ...] = ()
    troubles: tuple[str, ...] = ()

    def find(self, name: str) -> Card | None:
        """Return the card of that name."""
        return next((card for card in self.cards if card.name == name), None)

    def without(self, name: str) -> Advice:
        """Return the advice without that card."""
        return replace(self, cards=tuple(card for card in self.cards if card.name != name))

    def and_then(self, later: Advice, order: str) -> Advice:
        """Return what is on the screen after `later` came for that order: a card that says the same once."""
        cards = tuple(replace(card, order=order) for card in later.cards)
        said = {(card.source, card.summary) for card in cards}
        kept = tuple(card for card in self.cards if (card.source, card.summary) not in said)
        return replace(later, cards=(*cards, *kept))

    def without_order(self, order: str) -> Advice:
        """Return the advice without what came for that order."""
        return replace(self, cards=tuple(card for card in self.cards if card.order != order))

    def taken(self, name: str) -> Advice:
        """Return the advice with that card marked as followed."""
        cards = tuple(replace(card, taken=True) if card.name == name else card for card in self.cards)
        return replace(self, cards=cards)


def read(answer: object, service: str) -> tuple[list[Card], int]:
    """Return the usable cards of a service's answer, and how many were not. Raises ValueError."""
    found = answer.get("cards") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise ValueError("the answer has no list of cards")
    cards = [card for entry in found[:_MOST] if (card := _card(entry, service))]
    return cards, len(found) - len(cards)


def _card(raw: object, service: str) -> Card | None:
    if not isinstance(raw, dict):
        return None
    source = raw.get("source")
    source = source if isinstance(source, dict) else {}
    summary, label = _text(raw, "summary", _SUMMARY), _text(source, "label", _LABEL)
    if not summary or not label or raw.get("indicator") not in _INDICATORS:
        return None
    suggestions = raw.get("suggestions")
    return Card(
        name=secrets.token_urlsafe(12),
        service=service,
        uuid=_text(raw, "uuid", _LABEL) or None,
        summary=summary,
        detail=_text(raw, "detail", _DETAIL),
        indicator=raw["indicator"],
        source=label,
        source_url=_web(source.get("url")),
        links=tuple(link for entry in _list(raw, "links") if (link := _link(entry))),
        reasons=tuple(reason for entry in _list(raw, "overrideReasons") if (reason := _reason(entry))),
        suggestions=len(suggestions) if isinstance(suggestions, list) else 0,
    )


def _link(raw: Mapping[str, Any]) -> Link | None:
    label, url, kind = _text(raw, "label", _LABEL), _web(raw.get("url")), raw.get("type")
    if not label or not url:
        return None
    if kind == "absolute":
        return Link(label, url, "absolute")
    if kind == "smart":
        context = raw.get("appContext")
        whole = isinstance(context, str) and 0 < len(context) <= _CONTEXT
        return Link(label, url, "smart", context if whole else None)
    return None


def _reason(raw: Mapping[str, Any]) -> Reason | None:
    code, display = _text(raw, "code", _LABEL), _text(raw, "display", _LABEL)
    return Reason(code, _text(raw, "system", _LABEL) or None, display) if code and display else None


def _list(raw: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = raw.get(name)
    return [entry for entry in value[:_MOST] if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(raw: Mapping[str, Any], name: str, most: int) -> str:
    value = raw.get(name)
    return value[:most] if isinstance(value, str) else ""


def _web(url: object) -> str | None:
    if not isinstance(url, str) or len(url) > 2000:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None
