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
    """The caller by a valid access token: a backend client, and its scopes.

    `scopes` holds v1 and v2 scopes alike as text; `gateway.auth.scopes` reads them.
    `token_id` is the token's `jti`, for revocation.
    """

    client_id: str
    scopes: frozenset[str]
    token_id: str
    expires_at: int
    account_id: UUID | None = None


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
class Grant:
    """Policy's yes: this client, for this practitioner, may read this person's rows, for this purpose.

    `window` bounds `whenPrepared` (None ends are open); `restricted` admits rows under 42 CFR Part 2.
    Made by `gateway.policy.decide` only.
    """

    jurisdiction: str
    person_id: UUID
    client_id: str
    account_id: UUID
    practitioner: Practitioner
    purpose: Purpose
    window: Window
    restricted: bool


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


@dataclass(frozen=True, slots=True)
class Denied:
    """Policy's no, with the reason that audit keeps."""

    reason: DenialReason


Verdict = Grant | Denied
