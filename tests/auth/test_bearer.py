"""An Authorization header becomes a caller, or 401."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth import tokens
from gateway.auth.bearer import authenticate
from gateway.auth.keys import SigningKeys
from gateway.auth.scopes import ScopeSet
from gateway.core.access import Principal
from gateway.core.clock import Clock
from gateway.core.errors import Unauthenticated
from gateway.store.database import Database
from gateway.store.vault import Vault
from tests.support.databases import TestDatabase

ISSUER = "https://pdmp.example.org"
AUDIENCE = "https://pdmp.example.org/fhir"


@dataclass(frozen=True, slots=True)
class ClockAt(Clock):
    moment: dt.datetime = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.moment


@dataclass
class Door:
    database: Database
    keys: SigningKeys

    def mint(self, now: dt.datetime | None = None, **claims: Any) -> str:
        token = tokens.for_backend_client(
            self.keys,
            issuer=ISSUER,
            audience=AUDIENCE,
            client_id="hospital",
            scopes=ScopeSet.parse("system/MedicationDispense.rs"),
            now=now or Clock().now(),
        ).text
        if not claims:
            return token
        typ = claims.pop("typ", "at+jwt")
        algorithm = claims.pop("algorithm", "ES256")
        changed = jwt.decode(token, options={"verify_signature": False}) | claims
        changed = {name: value for name, value in changed.items() if value is not None}
        return self.keys.sign(changed, algorithm=algorithm, typ=typ)

    def call(self, header: str | None, clock: Clock | None = None) -> Principal:
        return authenticate(
            header,
            database=self.database,
            keys=self.keys,
            clock=clock or Clock(),
            issuer=ISSUER,
            audience=AUDIENCE,
        )


@pytest.fixture(scope="module")
def door(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder: Path = tmp_path_factory.mktemp("vault")
    database = Database(module_database.url)
    yield Door(database, SigningKeys(database, Vault.open(folder)))
    database.close()


def test_a_valid_token_names_its_client_and_scopes(door: Door) -> None:
    token = door.mint()
    for scheme in ("Bearer", "bearer", "BEARER"):
        caller = door.call(f"{scheme} {token}")
        assert caller.client_id == "hospital"
        assert caller.scopes == {"system/MedicationDispense.rs"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert caller.token_id == claims["jti"]
    assert caller.expires_at == claims["exp"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic {token}",
        "{token}",
        "Bearer {token} ",
        "Bearer {token},Bearer {token}",
        "Bearer {token}, Basic eDp5",
        "Bearer\t{token}",
        "Bearer {token}\n",
        "Bearer {token}x{token}",
        "Bearer a.b.c",
        "Bearer .." + "x" * 9000,
        "Bearer " + "x" * 9000,
    ],
)
def test_anything_but_one_bearer_token_is_refused(door: Door, header: str | None) -> None:
    token = door.mint()
    with pytest.raises(Unauthenticated):
        door.call(header.replace("{token}", token) if header is not None else None)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example/fhir"},
        {"aud": ISSUER},
        {"aud": None},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"client_id": None},
        {"jti": None},
        {"scope": None},
        {"typ": "JWT"},
        {"typ": ""},
        {"algorithm": "RS256"},
        {"algorithm": "RS256", "typ": "JWT", "aud": "hospital"},
    ],
)
def test_a_token_for_something_else_is_refused(door: Door, claims: dict[str, Any]) -> None:
    assert door.call(f"Bearer {door.mint()}")
    with pytest.raises(Unauthenticated):
        door.call(f"Bearer {door.mint(**claims)}")


def test_a_token_signed_by_somebody_else_is_refused(door: Door) -> None:
    token = door.mint()
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    stranger = ec.generate_private_key(ec.SECP256R1())
    for kid in (header["kid"], "unknown", None):
        forged = jwt.encode(claims, stranger, algorithm="ES256", headers={"typ": "at+jwt", "kid": kid or ""})
        with pytest.raises(Unauthenticated):
            door.call(f"Bearer {forged}")
    unsigned = jwt.encode(claims, None, algorithm="none", headers={**header, "alg": "none"})
    with pytest.raises(Unauthenticated):
        door.call(f"Bearer {unsigned}")


def test_a_remembered_token_ends_when_it_expires(door: Door) -> None:
    start = ClockAt()
    header = f"Bearer {door.mint(now=start.now())}"

    def after(seconds: int) -> Clock:
        return ClockAt(moment=start.moment + dt.timedelta(seconds=seconds))

    assert door.call(header, start)
    assert door.call(header, after(299))
    for seconds in (300, 301, 100_000):
        with pytest.raises(Unauthenticated):
            door.call(header, after(seconds))


def test_the_memory_of_tokens_is_bounded(door: Door) -> None:
    from gateway.auth.memo import Memo

    memo: Memo[int, int] = Memo(3)
    for number in range(5):
        memo.put(number, number)
        memo.get(2)
    assert [memo.get(number) for number in range(5)] == [None, None, 2, 3, 4]
    memo.drop(4)
    assert memo.get(4) is None
