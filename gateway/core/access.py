"""The values of access: who is calling, why, and what policy said.

`gateway.policy` alone makes a `Grant`; `gateway.store` demands one before it reads a patient's rows.
An architecture test holds both sides.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from uuid import UUID


class Purpose(Enum):
    """Purpose of use, codes of http://terminology.hl7.org/CodeSystem/v3-ActReason."""

    TREATMENT = "TREAT"


class Role(Enum):
    """What an account is in the program (KRS 218A.202: who may receive data, and why)."""

    PRACTITIONER = "practitioner"
    PHARMACIST = "pharmacist"
    DELEGATE = "delegate"
    #: Sees to the identities that are kept; receives no history.
    STEWARD = "steward"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller by a valid access token: a backend client, or a user who lets a client act.

    `scopes` holds v1 and v2 scopes alike as text; `gateway.auth.scopes` reads them.
    `token_id` is the token's `jti`, for revocation. `account_id` (who signed in) and `consent_id` (what the
    user granted) are of a user's token; both are None for a backend client.
    """

    client_id: str
    scopes: frozenset[str]
    token_id: str
    expires_at: int
    account_id: UUID | None = None
    consent_id: UUID | None = None

    @property
    def contexts(self) -> tuple[str, ...]:
        """Return whose scopes count: those of another context permit nothing (SMART 2.2, scopes)."""
        return ("system",) if self.consent_id is None else ("patient", "user")


@dataclass(frozen=True, slots=True)
class Practitioner:
    """An authorised practitioner as a request names one: at least one identifier is not None.

    `dea` may end in `-SUFFIX` (PRE03); `license` is `ST:NUMBER`.
    """

    npi: str | None = None
    dea: str | None = None
    license: str | None = None

    def label(self) -> str:
        """Return the strongest identifier with its kind, for audit rows: `npi:1999100856`."""
        for kind in ("npi", "dea", "license"):
            value = getattr(self, kind)
            if value:
                return f"{kind}:{value}"
        return "unknown"


@dataclass(frozen=True, slots=True)
class Window:
    """Both ends included; None is open."""

    start: dt.date | None
    end: dt.date | None


#: A window without bounds.
OPEN = Window(None, None)


@dataclass(frozen=True, slots=True)
class Slice:
    """Dispensations that one granular scope admits: every part must hold. None, or an open window, is any.

    `kinds` are fills as `mappings/conceptmaps/supply-type.json` names them; `codes` are (system or None,
    code); `not_prepared` are days left out, both ends included.
    """

    statuses: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    codes: tuple[tuple[str | None, str], ...] | None = None
    prepared: Window = OPEN
    not_prepared: tuple[tuple[dt.date, dt.date], ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a person's dispensations and prescriptions the token's scopes open.

    None is everything, an empty tuple nothing, else the union of the slices. Of prescriptions a scope opens
    all or none: no stored prescription has a category, the one thing that a granular scope can ask of it.
    """

    dispenses: tuple[Slice, ...] | None = None
    requests: bool = True


#: No limit by scopes.
WHOLE = Reach()


@dataclass(frozen=True, slots=True)
class Grant:
    """Policy's yes: this client, for this practitioner, may read this person's rows, for this purpose.

    `window` bounds `whenPrepared` (None ends are open); `restricted` admits rows under 42 CFR Part 2; `reach`
    is what the scopes open. `account_id` is whose rights are used; `delegate_id` who acted for that account;
    `consent_id` the user's consent, None for a backend client. Made by `gateway.policy.decide` only.
    """

    jurisdiction: str
    person_id: UUID
    client_id: str
    account_id: UUID
    practitioner: Practitioner
    purpose: Purpose
    window: Window
    restricted: bool
    reach: Reach = WHOLE
    delegate_id: UUID | None = None
    consent_id: UUID | None = None


class DenialReason(Enum):
    """Why policy said no. The value is what audit and `outcome.diagnostics` say: no patient data."""

    NO_SCOPE = "scope does not permit this interaction"
    CLIENT_INACTIVE = "client is not active"
    NO_PRACTITIONER = "authorized practitioner has no identifier"
    UNKNOWN_PRACTITIONER = "authorized practitioner has no account"
    AMBIGUOUS_PRACTITIONER = "identifiers of the authorized practitioner name different accounts"
    ACCOUNT_INACTIVE = "account of the authorized practitioner is not active"
    ROLE_NOT_PERMITTED = "role of the account is not permitted to receive a history"
    PURPOSE_NOT_PERMITTED = "purpose of use is not permitted"
    ORGANIZATION_NOT_CLIENTS = "organization is not one that the client may act for"
    ORGANIZATION_NOT_ACCOUNTS = "organization is not one of the account's"
    NO_SHARED_ORGANIZATION = "client and account share no organization"
    NO_GRANT = "no live disclosure grant for this patient"
    SEVERAL_GRANTS = "several live disclosure grants for this patient; name one by PDMP-Grant"
    NOT_IN_CONTEXT = "patient is not the one the grant was made for"
    NO_PATIENT = "no patient was chosen for this token"
    NOT_THE_USER = "authorized practitioner is not the one that the token's user is or acts for"
    NO_SUPERVISOR = "a delegate acts for a supervisor only"
    DELEGATION_ENDED = "the delegate does not act for this supervisor any more"


@dataclass(frozen=True, slots=True)
class Denied:
    """Policy's no, with the reason that audit keeps."""

    reason: DenialReason


Verdict = Grant | Denied
