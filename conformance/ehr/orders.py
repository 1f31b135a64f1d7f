"""The order screen: pick a drug, see what decision support says, sign; and the cards of a chart's opening.

Hooks are fired by the server: order-select when a drug is picked, order-sign when signing, patient-view by
a request of its own after the chart is drawn, so that a slow service never keeps a chart shut. Cards advise
and never forbid: what was shown with its cards is signed by the next press. Nothing is sent to a pharmacy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from conformance.ehr import hooks
from conformance.ehr.cards import Advice, Card
from conformance.ehr.context import Ehr, current
from conformance.ehr.launching import open_app, place
from conformance.ehr.medication import FORMULARY, FREE_TEXT, Order, typed
from conformance.ehr.screen import TABS, charted, draw, patient_facts, same_origin
from conformance.ehr.sessions import signed_in
from conformance.ehr.state import SESSION_LIFE, Greeting, Pad, Session

blueprint = Blueprint("orders", __name__)

_MOST_DRAFTS = 10
_WARNINGS = {"empty": "Type the name of the drug first.", "full": "Sign or remove some orders first."}


@blueprint.get("/chart/<patient_id>/orders")
def screen(patient_id: str) -> Response | str:
    """Draw the orders of a chart: the picker, drafts with what was said about them, what was signed."""
    ehr = current()
    patient = charted(ehr, patient_id)
    if patient is None:
        return redirect(url_for("pages.home"), 303)
    pad = _pad(ehr, patient_id)
    return draw(
        "orders.html",
        patient=patient_facts(ehr, patient),
        tabs=TABS,
        tab="orders",
        formulary=FORMULARY.values(),
        free_text=FREE_TEXT,
        pad=pad,
        advice=pad.advice,
        app_url=ehr.book.content().app_launch_url,
        warned=pad.warned is not None and pad.warned == pad.drafts,
        problem=_WARNINGS.get(request.args.get("problem", "")),
    )


@blueprint.post("/chart/<patient_id>/orders/add")
def add(patient_id: str) -> Response:
    """Draft an order for the drug picked and fire order-select."""

    return _add(patient_id, request.form.get("drug", ""))


@blueprint.post("/chart/<patient_id>/orders/keep")
def keep(patient_id: str) -> Response:
    """Keep what was typed, as the Enter key wants it; a drug typed is added."""
    if request.form.get("text", "").strip():
        return _add(patient_id, FREE_TEXT)
    return _change(patient_id, lambda _ehr, _session, pad: replace(pad, drafts=_edited(pad.drafts)))


def _add(patient_id: str, key: str) -> Response:
    def change(ehr: Ehr, session: Session, pad: Pad) -> Pad | str:
        drug = typed(request.form.get("text", "")) if key == FREE_TEXT else FORMULARY.get(key)
        if drug is None:
            return "empty"
        drafts = (*_edited(pad.drafts), Order.of(drug))
        if len(drafts) > _MOST_DRAFTS:
            return "full"
        picked = drafts[-1].id
        advice = hooks.fire(
            ehr,
            "order-select",
            pad.hook_instance,
            practitioner=session.practitioner,
            patient=patient_id,
            drafts=drafts,
            selections=[picked],
        )
        return replace(pad, drafts=drafts, advice=pad.advice.and_then(advice, picked), warned=None)

    return _change(patient_id, change)


@blueprint.post("/chart/<patient_id>/orders/remove/<order_id>")
def remove(patient_id: str, order_id: str) -> Response:
    """Drop a draft and the advice that came for it; with the last one all advice."""

    def change(_ehr: Ehr, _session: Session, pad: Pad) -> Pad:
        drafts = tuple(order for order in _edited(pad.drafts) if order.id != order_id)
        advice = pad.advice.without_order(order_id) if drafts else Advice()
        return replace(pad, drafts=drafts, advice=advice, warned=None)

    return _change(patient_id, change)


@blueprint.post("/chart/<patient_id>/orders/sign")
def sign(patient_id: str) -> Response:
    """Fire order-sign and sign the drafts; where cards come, only the next press signs."""

    def change(ehr: Ehr, session: Session, pad: Pad) -> Pad:
        drafts = _edited(pad.drafts)
        if not drafts:
            return pad
        advice = pad.advice
        if pad.warned != drafts:
            advice = hooks.fire(
                ehr,
                "order-sign",
                pad.hook_instance,
                practitioner=session.practitioner,
                patient=patient_id,
                drafts=drafts,
            )
            if advice.cards:
                return replace(pad, drafts=drafts, advice=advice, warned=drafts)
        # Signed over what was shown and not followed: that is an answer to the card as well.
        for card in advice.cards:
            if not card.taken:
                hooks.feedback(ehr, card, dismissed=True)
        return replace(
            pad,
            hook_instance=hooks.new_instance(),
            drafts=(),
            signed=(*pad.signed, *drafts),
            advice=Advice(troubles=advice.troubles),
            warned=None,
        )

    return _change(patient_id, change)


@blueprint.get("/chart/<patient_id>/advice")
def greet(patient_id: str) -> Response | str:
    """Answer the cards of the chart's opening as a piece of its page; fire patient-view the first time."""
    ehr = current()
    session = signed_in(ehr)
    if session is None or charted(ehr, patient_id) is None:
        abort(403, "Nobody is signed in.")
    greeting = ehr.state.greetings.get(place(patient_id))
    if greeting is None:
        advice = hooks.fire(
            ehr,
            "patient-view",
            hooks.new_instance(),
            practitioner=session.practitioner,
            patient=patient_id,
        )
        greeting = Greeting(advice, ehr.state.now() + SESSION_LIFE)
        ehr.state.greetings.put_as(place(patient_id), greeting)
    app_url = ehr.book.content().app_launch_url
    return draw("advice.html", advice=greeting.advice, patient={"id": patient_id}, app_url=app_url)


@blueprint.post("/chart/<patient_id>/card/<name>/open/<int:number>")
def follow(patient_id: str, name: str, number: int) -> Response:
    """Launch the app by a card's SMART link, with the card's context."""
    ehr, session = _user(patient_id)
    if session is None:
        return redirect(url_for("pages.home"), 303)
    card, put_back = _shown(ehr, patient_id, name)
    link = card.links[number] if card and number < len(card.links) else None
    if card is None or link is None or link.kind != "smart":
        abort(404, "This card is no longer there. Go back to the chart.")
    if link.url != ehr.book.content().app_launch_url:
        abort(403, "The card names an app that is not registered here.")
    if not card.taken:
        hooks.feedback(ehr, card, dismissed=False)
    put_back(lambda advice: advice.taken(name))
    return open_app(ehr, session, patient_id, link.app_context)


@blueprint.post("/chart/<patient_id>/card/<name>/dismiss")
def dismiss(patient_id: str, name: str) -> Response:
    """Take a card away, and tell its service why when a reason was picked."""
    ehr, session = _user(patient_id)
    if session is None:
        return redirect(url_for("pages.home"), 303)
    card, put_back = _shown(ehr, patient_id, name)
    if card is not None:
        picked = request.form.get("reason", "")
        reason = next((reason for reason in card.reasons if reason.code == picked), None)
        if not card.taken:
            hooks.feedback(ehr, card, dismissed=True, reason=reason)
        put_back(lambda advice: advice.without(name))
    if request.form.get("back") == "summary":
        return redirect(url_for("pages.chart_tab", patient_id=patient_id, tab="summary"), 303)
    return redirect(url_for("orders.screen", patient_id=patient_id), 303)


def _user(patient_id: str) -> tuple[Ehr, Session | None]:
    same_origin()
    ehr = current()
    session = signed_in(ehr)
    return ehr, session if charted(ehr, patient_id) is not None else None


def _change(patient_id: str, change: Callable[[Ehr, Session, Pad], Pad | str]) -> Response:
    ehr, session = _user(patient_id)
    if session is None:
        return redirect(url_for("pages.home"), 303)
    after = change(ehr, session, _pad(ehr, patient_id))
    if isinstance(after, str):
        return redirect(url_for("orders.screen", patient_id=patient_id, problem=after), 303)
    ehr.state.pads.put_as(place(patient_id), replace(after, expires=ehr.state.now() + SESSION_LIFE))
    return redirect(url_for("orders.screen", patient_id=patient_id), 303)


def _pad(ehr: Ehr, patient_id: str) -> Pad:
    pad = ehr.state.pads.get(place(patient_id))
    return pad or Pad(hooks.new_instance(), ehr.state.now() + SESSION_LIFE)


def _shown(
    ehr: Ehr, patient_id: str, name: str
) -> tuple[Card | None, Callable[[Callable[[Advice], Advice]], None]]:
    """Return the card of that name on this session's screens of the chart, and how to change its advice."""
    where = place(patient_id)
    pad, greeting = ehr.state.pads.get(where), ehr.state.greetings.get(where)
    if pad and (card := pad.advice.find(name)):
        return card, lambda f: ehr.state.pads.put_as(where, replace(pad, advice=f(pad.advice)))
    if greeting and (card := greeting.advice.find(name)):
        return card, lambda f: ehr.state.greetings.put_as(where, replace(greeting, advice=f(greeting.advice)))
    return None, lambda _f: None


def _edited(drafts: tuple[Order, ...]) -> tuple[Order, ...]:
    """Return the drafts with what the form says now; what it says wrong or not at all stays as it was."""
    return tuple(
        replace(
            order,
            directions=" ".join(request.form.get(f"directions-{order.id}", order.directions).split())[:200],
            quantity=_number(f"quantity-{order.id}", order.quantity, 1, 9999),
            days=_number(f"days-{order.id}", order.days, 1, 365),
            refills=_number(f"refills-{order.id}", order.refills, 0, 11),
        )
        for order in drafts
    )


def _number(field: str, before: int, least: int, most: int) -> int:
    text = request.form.get(field, "")
    return int(text) if text.isdecimal() and len(text) < 5 and least <= int(text) <= most else before
