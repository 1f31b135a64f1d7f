"""Client assertions (`private_key_jwt`): which registered client signed this, and when it ends.

Rules: SMART 2.2 "Client Authentication: Asymmetric", RFC 7523 section 3, RFC 8725; what they share with
other signed JWTs is in `compact`. Not here: that a `jti` counts once; whoever uses the assertion spends it
in the database, in the transaction of what it buys.

`aud` is the token endpoint's URL (SMART), or the issuer (RFC 7523bis), as one value: an assertion meant for
several servers could be carried from one to the other. `iat` and `nbf` need not be there (Inferno sends
none). `typ` may be missing, but not another. `jku` must be the registered one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from gateway.auth import compact
from gateway.auth.compact import LEEWAY_SECONDS, Invalid
from gateway.auth.jwks import RemoteKeySets
from gateway.core.errors import Unauthenticated
from gateway.store.clients import Client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_TYPES = frozenset({"JWT", "CLIENT-AUTHENTICATION+JWT"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified assertion. `expires_at` is when its `jti` may be forgotten."""

    client: Client
    jti_hash: bytes
    expires_at: dt.datetime


def verify(
    assertion: str,
    *,
    find_client: Callable[[str], Client | None],
    remote: RemoteKeySets,
    audiences: Collection[str],
    now: dt.datetime,
) -> Assertion:
    """Return whose assertion it is. Raises Unauthenticated; `detail` tells the log why, nobody else."""
    try:
        return _verified(assertion, find_client, remote, audiences, now)
    except Invalid as error:
        # One text for every cause: which client ids exist is nobody's business.
        raise Unauthenticated("The client assertion is not valid.", detail=str(error)) from error


def _verified(
    assertion: str,
    find_client: Callable[[str], Client | None],
    remote: RemoteKeySets,
    audiences: Collection[str],
    now: dt.datetime,
) -> Assertion:
    header, claims = compact.parts(assertion)
    algorithm, kid = compact.check_header(header, _TYPES)
    client = find_client(_client_id(claims))
    if client is None or not client.active or client.auth_method != "private_key_jwt":
        raise Invalid("no active client that signs assertions")
    compact.check_signature(
        assertion,
        header,
        algorithm=algorithm,
        kid=kid,
        jwks=client.jwks,
        jwks_uri=client.jwks_uri,
        remote=remote,
    )
    _check_audience(claims.get("aud"), audiences)
    expires = compact.check_times(claims, now.timestamp())
    return Assertion(
        client=client,
        jti_hash=compact.jti_hash(claims),
        expires_at=dt.datetime.fromtimestamp(expires + LEEWAY_SECONDS, dt.UTC),
    )


def _client_id(claims: dict[str, Any]) -> str:
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or issuer != subject or not _CLIENT_ID.fullmatch(issuer):
        raise Invalid("iss and sub are not one client id")
    return issuer


def _check_audience(audience: object, audiences: Collection[str]) -> None:
    only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if not isinstance(only, str) or only not in audiences:
        raise Invalid("aud is not the token endpoint")
