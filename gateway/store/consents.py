"""The code flow's state: requests that wait for their user, consents, codes, refresh tokens.

Handles, codes and refresh tokens are kept as their SHA-256 only. Each is used by one UPDATE that asks whether
it is unused, so that of any number of parallel attempts one wins; a second use ends the whole consent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from gateway.store.database import Row
from gateway.store.sql import queries
from gateway.store.tokens import IssuedToken

_FILE = "oauth.sql"


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization request that was found good and waits for its user.

    `parameters`: redirect_uri, scope (as it may be granted), state, code_challenge, and nonce, prompt,
    max_age, login_hint where the client sent them. `session_hash`: whose it is, once signed in;
    `person_id`: the patient, once chosen.
    """

    pending_hash: bytes = field(repr=False)
    client_id: str
    parameters: dict[str, Any] = field(repr=False)
    launch_hash: bytes | None = field(repr=False)
    session_hash: bytes | None = field(repr=False)
    jurisdiction: str | None
    person_id: UUID | None
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class NewConsent:
    """What is written for a consent."""

    consent_id: UUID
    client_id: str
    account_id: UUID
    supervisor_id: UUID | None
    jurisdiction: str
    person_id: UUID | None
    encounter_id: UUID | None
    launch_id: UUID | None
    scope: str
    context: dict[str, Any] = field(repr=False)
    session_hash: bytes = field(repr=False)
    session_bound: bool
    auth_time: dt.datetime
    created_at: dt.datetime
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class NewCode:
    """What is written for an authorization code."""

    code_hash: bytes = field(repr=False)
    redirect_uri: str
    code_challenge: str
    nonce: str | None
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that stands, locked by the transaction that read it. `methods`: how its user signed in."""

    consent_id: UUID
    client_id: str
    account_id: UUID
    jurisdiction: str
    person_id: UUID | None
    encounter_id: UUID | None
    scope: str
    context: dict[str, Any] = field(repr=False)
    auth_time: dt.datetime
    expires_at: dt.datetime
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token on record. `scope`: what the user granted, whatever was asked for since."""

    consent_id: UUID
    scope: str
    used: bool
    client_id: str


def secret_hash(text: str) -> bytes:
    """Return what a handle, a code or a refresh token is kept by."""
    return hashlib.sha256(text.encode()).digest()


def add_pending(
    connection: Connection[Row],
    *,
    pending_hash: bytes,
    client_id: str,
    parameters: dict[str, Any],
    launch_hash: bytes | None,
    created_at: dt.datetime,
    expires_at: dt.datetime,
) -> None:
    """Record a request."""
    connection.execute(
        queries(_FILE)["add_pending"],
        {
            "pending_hash": pending_hash,
            "client_id": client_id,
            "parameters": Jsonb(parameters),
            "launch_hash": launch_hash,
            "created_at": created_at,
            "expires_at": expires_at,
        },
    )


def find_pending(connection: Connection[Row], pending_hash: bytes, now: dt.datetime) -> Pending | None:
    """Return the request if it still waits and its client is active, or None."""
    values = {"pending_hash": pending_hash, "now": now}
    row = connection.execute(queries(_FILE)["pending"], values).fetchone()
    return Pending(*row) if row else None


def bind_pending(
    connection: Connection[Row],
    pending_hash: bytes,
    *,
    session_hash: bytes,
    account_id: UUID,
    now: dt.datetime,
) -> bool:
    """Return whether the request is this session's now: it was nobody's, its own, or the same account's."""
    values = {
        "pending_hash": pending_hash,
        "session_hash": session_hash,
        "account_id": account_id,
        "now": now,
    }
    return connection.execute(queries(_FILE)["bind_pending"], values).fetchone() is not None


def choose_person(
    connection: Connection[Row],
    pending_hash: bytes,
    *,
    session_hash: bytes,
    jurisdiction: str,
    person_id: UUID,
    now: dt.datetime,
) -> bool:
    """Return whether the request, which must be this session's, has its patient now."""
    values = {
        "pending_hash": pending_hash,
        "session_hash": session_hash,
        "jurisdiction": jurisdiction,
        "person_id": person_id,
        "now": now,
    }
    return connection.execute(queries(_FILE)["choose_person"], values).fetchone() is not None


def answer_pending(
    connection: Connection[Row], pending_hash: bytes, *, session_hash: bytes | None, now: dt.datetime
) -> bool:
    """Return whether this is the one answer to the request. `session_hash` None: answered without a user."""
    values = {"pending_hash": pending_hash, "session_hash": session_hash, "now": now}
    return connection.execute(queries(_FILE)["answer_pending"], values).fetchone() is not None


def add_consent(connection: Connection[Row], consent: NewConsent, code: NewCode) -> None:
    """Record a consent and the code that its client exchanges for tokens."""
    values = {name: getattr(consent, name) for name in NewConsent.__slots__}
    connection.execute(queries(_FILE)["add_consent"], values | {"context": Jsonb(consent.context)})
    of_code = {name: getattr(code, name) for name in NewCode.__slots__}
    connection.execute(queries(_FILE)["add_code"], of_code | {"consent_id": consent.consent_id})


def covered(
    connection: Connection[Row],
    *,
    client_id: str,
    account_id: UUID,
    person_id: UUID | None,
    scopes: Collection[str],
    now: dt.datetime,
) -> tuple[UUID | None] | None:
    """Return the supervisor (or None) of a consent that covers all of this, in a tuple; None without one."""
    values = {
        "client_id": client_id,
        "account_id": account_id,
        "person_id": person_id,
        "scopes": list(scopes),
        "now": now,
    }
    row = connection.execute(queries(_FILE)["covering_consent"], values).fetchone()
    return (row[0],) if row else None


def session_end(connection: Connection[Row], session_hash: bytes) -> dt.datetime | None:
    """Return when a session that goes on will end whatever its user does, or None."""
    row = connection.execute(queries(_FILE)["session_end"], {"session_hash": session_hash}).fetchone()
    return row[0] if row else None


def npi_of_account(connection: Connection[Row], account_id: UUID) -> str | None:
    """Return the NPI of an account, or None."""
    row = connection.execute(queries(_FILE)["npi_of_account"], {"account_id": account_id}).fetchone()
    return row[0] if row else None


def redeem_code(
    connection: Connection[Row],
    code_hash: bytes,
    *,
    client_id: str,
    redirect_uri: str,
    code_challenge: str,
    now: dt.datetime,
) -> tuple[UUID, str | None] | None:
    """Use the code and return its consent's id and its nonce; None when anything is not as it was bound."""
    values = {
        "code_hash": code_hash,
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": code_challenge,
        "now": now,
    }
    row = connection.execute(queries(_FILE)["redeem_code"], values).fetchone()
    return (row[0], row[1]) if row else None


def used_code(connection: Connection[Row], code_hash: bytes) -> UUID | None:
    """Return the consent of a code that has been used, or None."""
    row = connection.execute(queries(_FILE)["code_used"], {"code_hash": code_hash}).fetchone()
    return row[0] if row else None


def standing(
    connection: Connection[Row], consent_id: UUID, client_id: str, now: dt.datetime
) -> Consent | None:
    """Return the consent and lock it, or None when it, or what it stands on, has ended."""
    values = {"consent_id": consent_id, "client_id": client_id, "now": now}
    row = connection.execute(queries(_FILE)["standing_consent"], values).fetchone()
    return Consent(*(*row[:-1], tuple(row[-1]))) if row else None


def add_access_token(
    connection: Connection[Row], token: IssuedToken, *, account_id: UUID, consent_id: UUID
) -> None:
    """Record a user's access token."""
    values = {name: getattr(token, name) for name in IssuedToken.__slots__}
    connection.execute(
        queries(_FILE)["add_user_token"], values | {"account_id": account_id, "consent_id": consent_id}
    )


def add_refresh_token(
    connection: Connection[Row],
    token_hash: bytes,
    *,
    consent_id: UUID,
    scope: str,
    now: dt.datetime,
    expires_at: dt.datetime,
) -> None:
    """Record a refresh token."""
    connection.execute(
        queries(_FILE)["add_refresh_token"],
        {
            "token_hash": token_hash,
            "consent_id": consent_id,
            "scope": scope,
            "issued_at": now,
            "expires_at": expires_at,
        },
    )


def find_refresh_token(connection: Connection[Row], token_hash: bytes) -> RefreshToken | None:
    """Return the refresh token, whatever has become of it, or None when there never was one."""
    row = connection.execute(queries(_FILE)["refresh_token"], {"token_hash": token_hash}).fetchone()
    return RefreshToken(*row) if row else None


def use_refresh_token(connection: Connection[Row], token_hash: bytes, now: dt.datetime) -> bool:
    """Return whether the refresh token was unused and in its time; it is used now."""
    values = {"token_hash": token_hash, "now": now}
    return connection.execute(queries(_FILE)["use_refresh_token"], values).fetchone() is not None


def revoke(connection: Connection[Row], consent_id: UUID, *, because: str) -> bool:
    """End a consent with everything issued under it; return whether it had not ended before."""
    values = {"consent_id": consent_id, "because": because}
    ended = connection.execute(queries(_FILE)["revoke_consent"], values).fetchone() is not None
    connection.execute(queries(_FILE)["revoke_tokens_of_family"], {"consent_id": consent_id})
    return ended


def purge(connection: Connection[Row]) -> None:
    """Delete requests that were not answered in time, and consents that have long ended."""
    connection.execute(queries(_FILE)["purge_pending"])
    connection.execute(queries(_FILE)["purge_consents"])
