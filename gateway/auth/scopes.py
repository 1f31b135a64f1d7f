"""SMART scopes as one set type, for the v1 (`system/Patient.read`) and v2 (`system/Patient.rs`) spellings.

Rules: SMART App Launch 2.2, "Scopes and Launch Context". A v1 `.read` is `rs`, `.write` is `cud`, `.*` is
`cruds`; v2 letters stand in the order `cruds`. A set keeps the spelling that was asked for, because clients
compare scopes as text. Granular scopes (`?category=…`) are kept apart and permit nothing: nothing here
enforces them yet, so they are never granted. Words that are no resource scope permit nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from gateway.core.errors import BadRequest

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
    r"\.(?:(?P<v1>read|write|\*)|(?P<v2>(?=[cruds])c?r?u?d?s?))(?:\?(?P<query>.+))?"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope. `text` is its spelling; `letters` is empty for a word that is no resource scope."""

    text: str
    context: str = ""
    resource_type: str = ""
    letters: str = ""
    query: str = ""
    v1: bool = False

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Return the scope spelt `text`. Raises BadRequest when it can't be one, or is a garbled one."""
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
        """Return whether a scope of one of `contexts` allows `interaction` (a FHIR code, or `search`).

        An unknown interaction is not permitted.
        """
        letter = _LETTER_OF.get(interaction)
        return letter is not None and any(
            letter in self._letters(context, resource_type) for context in contexts
        )

    def in_context(self, context: str) -> ScopeSet:
        """Return the resource scopes of one context, granular ones left out."""
        return ScopeSet(tuple(s for s in self.scopes if s.context == context and not s.granular))

    def __le__(self, other: ScopeSet) -> bool:
        """Return whether everything in this set is in `other`; words and granular scopes by their text."""
        return all(
            scope.text in other.texts
            if scope.granular or not scope.letters
            else set(scope.letters) <= set(other._letters(scope.context, scope.resource_type))
            for scope in self.scopes
        )

    def __and__(self, other: ScopeSet) -> ScopeSet:
        """Return what both permit, in this set's order and spelling where that tells the truth.

        A wildcard narrows to the types of `other`, letters to those of both; a v1 scope stays one if it can.
        """
        kept: dict[str, Scope] = {}
        for scope in self.scopes:
            for narrowed in self._narrowed(scope, other):
                kept.setdefault(narrowed.text, narrowed)
        return ScopeSet(tuple(kept.values()))

    def _letters(self, context: str, resource_type: str) -> str:
        """Return the letters that the set gives for a type, in order; `*` asks for all types."""
        found = {
            letter
            for scope in self.scopes
            if scope.context == context and not scope.granular and scope.resource_type in (resource_type, "*")
            for letter in scope.letters
        }
        return "".join(letter for letter in _LETTERS if letter in found)

    @staticmethod
    def _narrowed(scope: Scope, other: ScopeSet) -> Iterator[Scope]:
        if scope.granular or not scope.letters:
            if scope.text in other.texts:
                yield scope
            return
        types = [scope.resource_type]
        if scope.resource_type == "*":
            types += dict.fromkeys(
                s.resource_type for s in other.in_context(scope.context) if s.resource_type != "*"
            )
        given = ""
        for resource_type in types:
            theirs = other._letters(scope.context, resource_type)
            letters = "".join(letter for letter in scope.letters if letter in theirs)
            # A type that gives no more than the wildcard before it needs no scope of its own.
            if letters and letters != given:
                yield _spelt(scope, resource_type, letters)
            if resource_type == "*":
                given = letters


def _spelt(like: Scope, resource_type: str, letters: str) -> Scope:
    word = _V1_BY_LETTERS.get(letters) if like.v1 else None
    return Scope(
        text=f"{like.context}/{resource_type}.{word or letters}",
        context=like.context,
        resource_type=resource_type,
        letters=letters,
        v1=word is not None,
    )
