"""Accounts of the program's users: practitioners, pharmacists, their delegates, and its stewards.

Passwords are kept as Argon2id hashes (RFC 9106), TOTP secrets (RFC 6238) encrypted by the vault. Who may
have an account is the program's decision (in Kentucky KRS 218A.202); here only its form is checked.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Collection
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import psycopg
from psycopg import Connection

from gateway.auth import identifiers, passwords
from gateway.core.access import Role
from gateway.core.errors import BadRequest, Conflict, NotFound
from gateway.core.ids import uuid7
from gateway.store import accounts, sessions
from gateway.store.accounts import Account, NewAccount
from gateway.store.database import Database, Row
from gateway.store.vault import Vault

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}", re.ASCII)
_TOTP_BYTES = 20
#: Those who are known outside by a number.
_PRESCRIBING = frozenset({Role.PRACTITIONER, Role.PHARMACIST})


def add_account(
    database: Database,
    vault: Vault,
    *,
    username: str,
    role: str,
    given_name: str,
    family_name: str,
    password: str,
    npi: str | None = None,
    dea: str | None = None,
    license: str | None = None,
    organizations: Collection[str] = (),
    supervisors: Collection[str] = (),
    totp: bool = False,
    upsert: bool = False,
) -> dict[str, Any]:
    """Return the account as it was added; with `totp` its secret too, this once.

    With `upsert` an existing account of that username is rewritten and active again, its id kept.
    Raises BadRequest for what is malformed, Conflict for a username or identifier that is taken.
    """
    if not _USERNAME.fullmatch(username):
        raise BadRequest("A username is 1 to 100 letters, digits and . _ @ + -")
    kind = _role(role)
    given, family = _name(given_name), _name(family_name)
    numbers = {
        "npi": identifiers.npi(npi) if npi else None,
        "dea": identifiers.dea(dea) if dea else None,
        "license": identifiers.license_number(license) if license else None,
    }
    if kind in _PRESCRIBING and not any(numbers.values()):
        raise BadRequest(f"A {kind.value} needs an NPI, a DEA number or a licence.")
    if kind is Role.DELEGATE and not supervisors:
        raise BadRequest("A delegate needs a supervisor.")
    if kind is not Role.DELEGATE and supervisors:
        raise BadRequest("Only a delegate has a supervisor.")
    own_organizations = tuple(dict.fromkeys(identifiers.organization(text) for text in organizations))
    password_hash = passwords.hashed(password)
    totp_secret = secrets.token_bytes(_TOTP_BYTES) if totp else None
    with database.transaction() as connection:
        known = accounts.find(connection, username)
        if known is not None and not upsert:
            raise Conflict(f"An account named {username} exists.")
        account_id = known.account_id if known else uuid7()
        account = NewAccount(
            account_id=account_id,
            username=username,
            role=kind.value,
            given_name=given,
            family_name=family,
            organizations=own_organizations,
            password_hash=password_hash,
            totp_encrypted=vault.encrypt(totp_secret, totp_context(account_id)) if totp_secret else None,
            **numbers,
        )
        _write(connection, account, known=known is not None)
        if known is not None:
            # Written anew: neither the old password's sessions nor the old supervisors go on.
            sessions.end_all(connection, account_id)
            sessions.end_delegations(connection, account_id)
        for one in supervisors:
            sessions.add_delegation(connection, account_id, _supervisor(connection, one))
        added = accounts.find(connection, username)
    if added is None:
        raise Conflict(f"An account named {username} exists.")
    answer = describe(added, supervisors=tuple(supervisors))
    if totp_secret is not None:
        answer |= _totp_answer(username, totp_secret)
    return answer


def list_accounts(database: Database) -> list[dict[str, Any]]:
    """Return every account, disabled ones too, by username; no secrets."""
    with database.connection() as connection:
        found = accounts.all_accounts(connection)
        names = sessions.supervisor_names(connection)
    return [describe(account, supervisors=names.get(account.account_id, ())) for account in found]


def disable_account(database: Database, username: str) -> None:
    """Refuse the account from now on. Raises NotFound."""
    with database.transaction() as connection:
        if not accounts.disable(connection, username):
            raise NotFound(f"There is no account named {username}.")


def set_password(database: Database, username: str, password: str) -> None:
    """Give the account another password and end its sessions. Raises BadRequest, NotFound."""
    password_hash = passwords.hashed(password)
    with database.transaction() as connection:
        account_id = _active(connection, username).account_id
        sessions.set_password(connection, account_id, password_hash)
        sessions.end_all(connection, account_id)


def set_totp(database: Database, vault: Vault, username: str, *, enrol: bool) -> dict[str, Any]:
    """Return the new secret of one-time passwords, this once; without `enrol` take the old one away.

    Sessions that stand on the old one end. Raises NotFound.
    """
    secret = secrets.token_bytes(_TOTP_BYTES) if enrol else None
    with database.transaction() as connection:
        account_id = _active(connection, username).account_id
        sealed = vault.encrypt(secret, totp_context(account_id)) if secret else None
        sessions.set_totp(connection, account_id, sealed)
        sessions.end_all(connection, account_id)
    return {"username": username, "totp": enrol} | (_totp_answer(username, secret) if secret else {})


def add_supervisor(database: Database, username: str, supervisor: str) -> None:
    """Let the delegate `username` act for one more supervisor. Raises BadRequest, NotFound."""
    with database.transaction() as connection:
        delegate = _active(connection, username)
        if delegate.role != Role.DELEGATE.value:
            raise BadRequest("Only a delegate has a supervisor.")
        sessions.add_delegation(connection, delegate.account_id, _supervisor(connection, supervisor))


def end_supervisor(database: Database, username: str, supervisor: str) -> None:
    """End that `username` acts for `supervisor`, from the next request on. Raises NotFound."""
    with database.transaction() as connection:
        delegate, other = accounts.find(connection, username), accounts.find(connection, supervisor)
        if (
            delegate is None
            or other is None
            or not sessions.end_delegation(connection, delegate.account_id, other.account_id)
        ):
            raise NotFound(f"{username} does not act for {supervisor}.")


def supervisors_of(database: Database, username: str) -> list[str]:
    """Return the usernames of those for whom the delegate acts. Raises NotFound."""
    with database.connection() as connection:
        return sessions.supervisor_names(connection).get(_active(connection, username).account_id, [])


def describe(account: Account, *, supervisors: Collection[str]) -> dict[str, Any]:
    """Return the account's members for people and machines."""
    return {
        "account_id": str(account.account_id),
        "username": account.username,
        "role": account.role,
        "name": f"{account.given_name} {account.family_name}",
        "npi": account.npi,
        "dea": account.dea,
        "license": account.license,
        "organizations": list(account.organizations),
        "supervisors": list(supervisors),
        "totp": account.has_totp,
        "active": account.disabled_at is None,
    }


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise BadRequest("A role is practitioner, pharmacist, delegate or steward.") from None


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadRequest("An account needs a given and a family name.")
    return name


def _active(connection: Connection[Row], username: str) -> Account:
    found = accounts.find(connection, username)
    if found is None or found.disabled_at is not None:
        raise NotFound(f"There is no active account named {username}.")
    return found


def _supervisor(connection: Connection[Row], username: str) -> UUID:
    found = accounts.find(connection, username)
    if found is None or found.disabled_at is not None or Role(found.role) not in _PRESCRIBING:
        raise BadRequest("The supervisor must be the active account of a practitioner or pharmacist.")
    return found.account_id


def _write(connection: Connection[Row], account: NewAccount, *, known: bool) -> None:
    write = accounts.replace if known else accounts.add
    try:
        written = write(connection, account)
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(f"Another active account has this {_which(error)}.") from None
    if not written:
        raise Conflict(f"An account named {account.username} exists.")


def _which(error: psycopg.errors.UniqueViolation) -> str:
    constraint = error.diag.constraint_name or ""
    words = {"account_npi_idx": "NPI", "account_dea_idx": "DEA number", "account_license_idx": "licence"}
    return words.get(constraint, "identifier")


def totp_context(account_id: UUID) -> bytes:
    """Return what binds an account's TOTP secret to it: it opens nowhere else."""
    return b"totp:" + account_id.bytes


def _totp_answer(username: str, secret: bytes) -> dict[str, Any]:
    text = base64.b32encode(secret).decode()
    query = urlencode({"secret": text, "issuer": "PDMP Gateway"}, quote_via=quote)
    return {"totp_secret": text, "totp_uri": f"otpauth://totp/PDMP%20Gateway:{quote(username)}?{query}"}
