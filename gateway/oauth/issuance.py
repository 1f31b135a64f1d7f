"""What a consent that stands buys: an access token, an id_token, a refresh token, and the launch context.

One place for the code and the refresh grant, so that both answers have the same members (SMART 2.2, "Obtain
access token", "Refresh access token").
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from psycopg import Connection

from gateway.auth import tokens as access_tokens
from gateway.auth.scopes import ScopeSet
from gateway.core.ids import opaque_token
from gateway.oauth import context, id_token
from gateway.oauth.server import AuthorizationServer
from gateway.store import consents
from gateway.store.consents import Consent
from gateway.store.database import Row

#: Scopes that bring a refresh token.
REFRESHING = frozenset({"offline_access", "online_access"})
#: Token requests by codes and refresh tokens, a client and minute: an app has many users.
A_MINUTE = 3000


def issue(
    server: AuthorizationServer,
    connection: Connection[Row],
    consent: Consent,
    scopes: ScopeSet,
    *,
    now: dt.datetime,
    nonce: str | None = None,
) -> dict[str, Any]:
    """Return the token response for `scopes`, all of them granted by `consent`, which the caller has locked.

    The tokens are recorded in the caller's transaction. Raises Unavailable.
    """
    token = access_tokens.for_user(
        server.services.keys,
        issuer=server.issuer,
        audience=server.fhir_base,
        client_id=consent.client_id,
        account_id=consent.account_id,
        consent_id=consent.consent_id,
        scopes=scopes,
        now=now,
        # Nothing of the family lives longer than the consent.
        seconds=max(1, int((consent.expires_at - now).total_seconds())),
    )
    consents.add_access_token(
        connection, token.record, account_id=consent.account_id, consent_id=consent.consent_id
    )
    response: dict[str, Any] = {
        "access_token": token.text,
        "token_type": "Bearer",
        "expires_in": token.expires_in,
        "scope": str(scopes),
        **context.token_members(
            server.issuer,
            person_id=consent.person_id,
            encounter_id=consent.encounter_id,
            context=consent.context,
        ),
    }
    about_user = id_token.make(
        server.services.keys,
        issuer=server.issuer,
        fhir_base=server.fhir_base,
        consent=consent,
        scopes=scopes.texts,
        nonce=nonce,
        access_token=token.text,
        now=now,
    )
    if about_user is not None:
        response["id_token"] = about_user
    if REFRESHING & set(consent.scope.split()):
        response["refresh_token"] = _refresh_token(connection, consent, now)
    return response


def _refresh_token(connection: Connection[Row], consent: Consent, now: dt.datetime) -> str:
    """Return a new refresh token: for all that was granted, however little was asked for this time.

    RFC 6749 section 6: the new one has the scope of the old.
    """
    text = opaque_token()
    consents.add_refresh_token(
        connection,
        consents.secret_hash(text),
        consent_id=consent.consent_id,
        scope=consent.scope,
        now=now,
        expires_at=consent.expires_at,
    )
    return text
