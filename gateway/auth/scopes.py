"""SMART scopes as one set type, for the v1 (`system/Patient.read`) and v2 (`system/Patient.rs`) spellings.

Rules: SMART App Launch 2.2, "Scopes and Launch Context". A v1 `.read` is `rs`, `.write` is `cud`, `.*` is
`cruds`; v2 letters stand in the order `cruds`. A set keeps the spelling that was asked for, because clients
compare scopes as text. A granular scope (`?status=completed`) permits its interactions on what satisfies its
conditions; the door turns them into predicates (`gateway.disclose.authority`). On a type of ours it may hold
the parameters of `gateway.fhir.conditions` and no others. Words that are no resource scope permit nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from gateway.core.errors import BadRequest, GatewayError
from gateway.fhir import conditions

CONTEXTS = ("patient", "user", "system")
SPECIAL = frozenset(
    {
        "launch",
        "launch/patient",
        "launch/encounter",
        "openid",
        "fhirUser",
        "profile",
        "offline_access",
        "online_access",
    }
)
#: Words of our own: open a launch, introspect every client's tokens, ask who is who (Patient/$match).
OWN = frozenset({"__launch", "__introspect", "__match"})
#: Types with patient data or that it refers to: what `*` means. The table of interactions lists the same.
TYPES = frozenset(
    {"Encounter", "MedicationDispense", "MedicationRequest", "Organization", "Patient", "Practitioner"}
)
#: Types that can be searched.
SEARCHED = frozenset({"MedicationDispense", "MedicationRequest", "Patient"})

Condition = tuple[str, str]
"""A search parameter and its value, percent-decoded."""

_LETTERS = "cruds"
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V1_BY_LETTERS = {letters: word for word, letters in _V1.items()}
_LETTER_OF = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search": "s",
    "history-type": "s",
}
# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_RESOURCE_SCOPE = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>[A-Z][A-Za-z]*|\*)"
    r"\.(?:(?P<v1>read|write|\*)|(?P<v2>(?=[cruds])c?r?u?d?s?)(?:\?(?P<query>.+))?)"
)
# Dates in a scope are checked against any day: only whether they are dates is asked.
_ANY_ZONE, _ANY_DAY = ZoneInfo("UTC"), dt.date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope. `text` is its spelling; `letters` is empty for a word that is no resource scope.

    `query` is what follows its `?`, as spelt, and `conditions` are its parameters: all of them must hold.
    """

    text: str
    context: str = ""
    resource_type: str = ""
    letters: str = ""
    query: str = ""
    v1: bool = False
    conditions: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Return the scope spelt `text`. Raises BadRequest when it can't be one, or is a garbled one.

        Garbled is a granular scope on a type of ours, too, that asks by anything but the parameters served.
        """
        if not _TOKEN.fullmatch(text):
            raise BadRequest("A scope holds a character that is not allowed.")
        match = _RESOURCE_SCOPE.fullmatch(text)
        if match:
            return cls(
                text=text,
                context=match["context"],
                resource_type=match["type"],
                letters=_V1[match["v1"]] if match["v1"] else match["v2"],
                query=match["query"] or "",
                v1=bool(match["v1"]),
                conditions=_conditions(match["type"], match["query"]) if match["query"] else (),
            )
        if text.partition("/")[0] in CONTEXTS:
            # SMART 2.2: `.dus` or an unknown suffix may be rejected; it must never be read as letters.
            raise BadRequest(
                "A resource scope must read like system/MedicationDispense.rs, letters in the order cruds."
            )
        return cls(text=text)

    @property
    def granular(self) -> bool:
        """Return whether it is limited by search parameters."""
        return bool(self.query)

    @property
    def special(self) -> bool:
        """Return whether it is one of SMART's and OpenID's words."""
        return self.text in SPECIAL


@dataclass(frozen=True, slots=True)
class ScopeSet:
    """Scopes in the order given, each spelling once. `<=` and `&` compare what they permit, not text."""

    scopes: tuple[Scope, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ScopeSet:
        """Return the set of a space-separated list. Raises BadRequest on a garbled scope."""
        # Only the space separates: a query may hold `|`, `/` and `:`.
        return cls.of(token for token in text.split(" ") if token)

    @classmethod
    def of(cls, texts: Iterable[str]) -> ScopeSet:
        """Return the set of these spellings. Raises BadRequest on a garbled one."""
        return cls(tuple(Scope.parse(text) for text in dict.fromkeys(texts)))

    def __str__(self) -> str:
        return " ".join(scope.text for scope in self.scopes)

    def __iter__(self) -> Iterator[Scope]:
        return iter(self.scopes)

    def __bool__(self) -> bool:
        return bool(self.scopes)

    @property
    def texts(self) -> frozenset[str]:
        """Return the spellings."""
        return frozenset(scope.text for scope in self.scopes)

    def permits(self, resource_type: str, interaction: str, contexts: Collection[str] = ("system",)) -> bool:
        """Return whether a scope of one of `contexts` allows `interaction` (a FHIR code, or `search`) at all.

        A granular scope allows it on what satisfies its conditions: ask `conditions` for those.
        An unknown interaction is not permitted.
        """
        return self.conditions(resource_type, interaction, contexts) != ()

    def conditions(
        self, resource_type: str, interaction: str, contexts: Collection[str] = ("system",)
    ) -> tuple[tuple[Condition, ...], ...] | None:
        """Return on what `interaction` is allowed: None on everything, else a choice of conditions.

        An empty choice is nothing at all.
        """
        letter = _LETTER_OF.get(interaction)
        if letter is None:
            return ()
        found = [
            scope.conditions
            for scope in self.scopes
            if letter in scope.letters
            and scope.context in contexts
            and scope.resource_type in (resource_type, "*")
        ]
        return None if () in found else tuple(dict.fromkeys(found))

    def in_context(self, context: str) -> ScopeSet:
        """Return the resource scopes of one context, granular ones left out."""
        return ScopeSet(tuple(s for s in self.scopes if s.context == context and not s.granular))

    def __le__(self, other: ScopeSet) -> bool:
        """Return whether everything in this set is in `other`; words by their text."""
        return all(_within(scope, other) for scope in self.scopes)

    def __and__(self, other: ScopeSet) -> ScopeSet:
        """Return what both permit, in this set's order and spelling where that tells the truth.

        A wildcard narrows to the types of `other`, letters to those of both, and conditions add up; a v1
        scope stays one if it can. Granular scopes that ask different values of one parameter meet in nothing.
        """
        kept: dict[str, Scope] = {}
        for scope in self.scopes:
            for narrowed in _narrowed(scope, other):
                kept.setdefault(narrowed.text, narrowed)
        return ScopeSet(tuple(kept.values()))


def supported(scope: Scope) -> bool:
    """Return whether this server can honour the scope: grants leave out what it cannot.

    A word that is known; a resource scope that lets something be read or searched that is here.
    """
    if not scope.letters:
        # No encounter is picked here: one comes with an EHR's launch or not at all.
        return scope.text in OWN or (scope.special and scope.text != "launch/encounter")
    if scope.resource_type == "*":
        return bool({"r", "s"} & set(scope.letters))
    if scope.resource_type not in TYPES:
        return False
    return "r" in scope.letters or ("s" in scope.letters and scope.resource_type in SEARCHED)


def _conditions(resource_type: str, query: str) -> tuple[Condition, ...]:
    pairs = []
    for part in query.split("&"):
        name, mark, value = part.partition("=")
        if not name or not mark or not value:
            raise BadRequest("The part of a scope after ? must read like parameter=value&parameter=value.")
        pairs.append((unquote(name), unquote(value)))
    if resource_type in TYPES or resource_type == "*":
        try:
            conditions.read(resource_type, pairs, zone=_ANY_ZONE, today=_ANY_DAY)
        except GatewayError as error:
            raise BadRequest(f"A scope's search parameters are not served: {error.public}") from None
    return tuple(dict.fromkeys(pairs))


def _within(scope: Scope, other: ScopeSet) -> bool:
    if not scope.letters:
        return scope.text in other.texts
    given: set[str] = set()
    for theirs in other.scopes:
        if (
            theirs.context == scope.context
            and theirs.resource_type in (scope.resource_type, "*")
            and set(theirs.conditions) <= set(scope.conditions)
        ):
            given |= set(theirs.letters)
    return set(scope.letters) <= given


def _narrowed(scope: Scope, other: ScopeSet) -> Iterator[Scope]:
    if not scope.letters:
        if scope.text in other.texts:
            yield scope
        return
    # What both give, by type and conditions; the wildcard and the unconditional first.
    found: dict[tuple[str, frozenset[Condition]], tuple[str, set[str]]] = {}
    for theirs in sorted(other.scopes, key=lambda one: (one.resource_type != "*", bool(one.conditions))):
        if theirs.context != scope.context or not _meet(scope.resource_type, theirs.resource_type):
            continue
        both = _both(scope, theirs)
        if both is None:
            continue
        query, asked = both
        resource_type = theirs.resource_type if scope.resource_type == "*" else scope.resource_type
        _, letters = found.setdefault((resource_type, asked), (query, set()))
        letters |= set(scope.letters) & set(theirs.letters)
    for (resource_type, asked), (query, letters) in found.items():
        # One that gives no more than a wider one before it needs no scope of its own.
        wider: set[str] = set()
        for (another, conditions_), (_, given) in found.items():
            if (
                (another, conditions_) != (resource_type, asked)
                and another in (resource_type, "*")
                and conditions_ <= asked
            ):
                wider |= given
        if letters - wider:
            yield _spelt(scope, resource_type, letters, query)


def _meet(left: str, right: str) -> bool:
    return left == right or "*" in (left, right)


def _both(left: Scope, right: Scope) -> tuple[str, frozenset[Condition]] | None:
    """Return the query and the conditions under which both hold, or None when there is no such query."""
    mine, theirs = frozenset(left.conditions), frozenset(right.conditions)
    if theirs <= mine:
        return left.query, mine
    if mine <= theirs:
        return right.query, theirs
    if {name for name, _ in mine} & {name for name, _ in theirs}:
        return None
    return f"{left.query}&{right.query}", mine | theirs


def _spelt(like: Scope, resource_type: str, letters: set[str], query: str) -> Scope:
    ordered = "".join(letter for letter in _LETTERS if letter in letters)
    if (resource_type, ordered, query) == (like.resource_type, like.letters, like.query):
        return like
    word = _V1_BY_LETTERS.get(ordered) if like.v1 and not query else None
    end = f"?{query}" if query else ""
    return Scope.parse(f"{like.context}/{resource_type}.{word or ordered}{end}")
