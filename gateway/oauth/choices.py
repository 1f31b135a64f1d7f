"""What a user may choose of the scopes that an app asks for, in plain words, and what was chosen.

SMART 2.2 lets the user narrow a request: leave a scope out, grant types of a wildcard, or grant a part of
a type by search parameters. Each line of the consent page is one scope as it would be granted; below a broad
one stand finer ones, which count where the broad one is left out. What was offered is computed anew from the
stored request when the answer comes: a form can choose among it, and add nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.auth.scopes import TYPES, Scope, ScopeSet, supported
from gateway.oauth.errors import InvalidRequest
from gateway.oauth.pages import ScopeLine

_OF_WORD = {
    "openid": ("Know that it is you", "An identifier of your account here, and nothing more."),
    "fhirUser": ("Know who you are", "Your name and your professional identifiers."),
    "profile": ("Know who you are", "Your name and your professional identifiers."),
    "offline_access": (
        "Keep access when you are away",
        "The app can read for up to 180 days without asking you again, until you or it ends this.",
    ),
    "online_access": (
        "Keep access while you are signed in",
        "The app can read until you sign out here, without asking you again.",
    ),
}
#: Words that go with how the app was started: nothing to choose.
_WITHOUT_CHOICE = frozenset({"launch", "launch/patient"})
_OF_TYPE = {
    "*": ("All that is here about this patient", "Everything below, and the names that it refers to."),
    "MedicationDispense": (
        "Controlled substances that were dispensed",
        "Drug, quantity, days' supply, dates, pharmacy and prescriber of each fill.",
    ),
    "MedicationRequest": (
        "The prescriptions behind the fills",
        "What was prescribed, when, and by whom, as pharmacies reported it.",
    ),
    "Patient": ("Who the patient is", "Name, birth date, sex and address, as pharmacies reported them."),
    "Practitioner": ("Prescribers and yourself", "Names and professional identifiers."),
    "Organization": ("Pharmacies", "Names, addresses and identifiers."),
    "Encounter": ("The visit", "The visit for which your health record opened this app."),
}
#: Parts of a type that can be granted instead of all of it.
_PARTS = {
    "MedicationDispense": (
        ("status=completed", "Only what was handed out", "Fills that were reported as done."),
        ("type=FFC,FFP", "Only first fills", "Whole or in part; no refills."),
        ("type=RFC,RFP", "Only refills", "Whole or in part; no first fills."),
    )
}
_OF_GRANULAR = "Only the part that the app asked for:"


def lines(scopes: ScopeSet) -> list[ScopeLine]:
    """Return the lines of the consent page, in the app's order; the broad ones checked."""
    return [
        _line(scope, checked=True, finer=[_line(part) for part in finer(scope)])
        for scope in scopes
        if scope.text not in _WITHOUT_CHOICE
    ]


def chosen(scopes: ScopeSet, ticked: Collection[str]) -> ScopeSet:
    """Return what the user grants, in the app's order; empty when nothing was ticked.

    Raises InvalidRequest when something was ticked that was not offered.
    """
    left = set(ticked)
    texts: list[str] = []
    any_ticked = False
    for scope in scopes:
        if scope.text in _WITHOUT_CHOICE:
            texts.append(scope.text)
            continue
        parts = [part.text for part in finer(scope)]
        granted = [scope.text] if scope.text in ticked else [part for part in parts if part in ticked]
        any_ticked = any_ticked or bool(granted)
        texts += granted
        left -= {scope.text, *parts}
    if left:
        raise InvalidRequest("A scope was chosen that was not offered.")
    return ScopeSet.of(texts) if any_ticked else ScopeSet()


def finer(scope: Scope) -> Iterator[Scope]:
    """Yield the scopes that can be granted instead of `scope`, each a part of it."""
    if scope.granular or not scope.letters:
        return
    if scope.resource_type == "*":
        ending = scope.text.partition(".")[2]
        for name in sorted(TYPES):
            part = Scope.parse(f"{scope.context}/{name}.{ending}")
            if supported(part):
                yield part
        return
    for query, _, _ in _PARTS.get(scope.resource_type, ()):
        yield Scope.parse(f"{scope.context}/{scope.resource_type}.{scope.letters}?{query}")


def _line(scope: Scope, *, checked: bool = False, finer: Collection[ScopeLine] = ()) -> ScopeLine:
    title, explanation = _words(scope)
    return ScopeLine(
        value=scope.text, checked=checked, title=title, explanation=explanation, finer=list(finer)
    )


def _words(scope: Scope) -> tuple[str, str]:
    if not scope.letters:
        return _OF_WORD[scope.text]
    title, explanation = _OF_TYPE[scope.resource_type]
    if scope.granular:
        for query, part, meaning in _PARTS.get(scope.resource_type, ()):
            if query == scope.query:
                return part, meaning
        return title, f"{_OF_GRANULAR} {', '.join(f'{name} is {value}' for name, value in scope.conditions)}"
    return title, explanation
