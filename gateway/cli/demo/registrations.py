"""Who may ask at the demonstration: accounts and clients at the gateway, and the EHR at the app.

All of them are rewritten at each start, so that they fit the addresses of this start. Their names begin
with `demo`, and `pdmp serve` disables whatever does. Secrets of earlier starts come from `demo.json`.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.auth.accounts import add_account, list_accounts
from gateway.auth.registration import register_client
from gateway.cli.demo.addresses import Addresses
from gateway.cli.demo.people import Prescriber
from gateway.cli.serve import DEMO_ACCOUNT, DEMO_CLIENT
from gateway.core.errors import BadRequest, Conflict, Unavailable
from gateway.store.database import Database
from gateway.store.vault import Vault

#: Invented, with right check digits (45 CFR 162.406), as the next ones are.
ORGANIZATION_NPI = "1999900016"
ORGANIZATION_NAME = "Bluegrass Demonstration Clinic"
APP_AT_EHR = "pdmp-app"
APP_AT_GATEWAY = f"{DEMO_CLIENT}ehr-app"
BACKEND = f"{DEMO_CLIENT}backend"
BACKEND_SCOPE = "system/MedicationDispense.rs"
EHR_SCOPE = (
    "launch openid fhirUser patient/Patient.rs "
    "user/Practitioner.rs user/PractitionerRole.rs user/Organization.rs"
)

_PRACTITIONERS = 3
_STAND_INS = (
    Prescriber("1999900024", "Imani", "Okafor", None),
    Prescriber("1999900032", "Tomas", "Lindqvist", None),
    Prescriber("1999900040", "Mei", "Sandoval", None),
)
Account = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wish:
    role: str
    given: str
    family: str
    npi: str | None = None
    dea: str | None = None
    license: str | None = None
    supervisor: str | None = None

    @property
    def username(self) -> str:
        return f"{DEMO_ACCOUNT}{_plain(self.given)}.{_plain(self.family)}"

    def shown(self, password: str) -> Account:
        account: Account = {
            "username": self.username,
            "password": password,
            "role": self.role,
            "name": f"{self.given} {self.family}",
            "npi": self.npi,
            "dea": self.dea,
            "organizations": [ORGANIZATION_NPI],
        }
        return {**account, "supervisor": self.supervisor} if self.supervisor else account


def demo_accounts(
    database: Database, vault: Vault, found: Sequence[Prescriber], before: Mapping[str, Any]
) -> list[Account]:
    """Return the accounts of `demo.json`: three prescribers of the store, a pharmacist, a delegate.

    Accounts of earlier starts stay, with their passwords; stand-ins fill up where the store has too few.
    """
    kept = {account["username"]: account for account in before.get("accounts", ())}
    active = {account["username"] for account in list_accounts(database) if account["active"]}
    accounts: dict[str, Account] = {}

    def add(wish: _Wish) -> None:
        if wish.username in accounts:
            return
        account = wish.shown(kept.get(wish.username, {}).get("password") or secrets.token_urlsafe(12))
        there = wish.username in active and kept.get(wish.username) == account
        if there or _added(database, vault, wish, account["password"]):
            accounts[wish.username] = account

    npis = {one.npi for one in found}
    earlier = [one for one in _practitioners(kept) if one.npi in npis]
    for one in (*earlier, *found, *_STAND_INS):
        if len(accounts) < _PRACTITIONERS and all(one.npi != account["npi"] for account in accounts.values()):
            add(_Wish("practitioner", _title(one.given), _title(one.family), one.npi, one.dea))
    supervisor = next(iter(accounts), None)
    add(_Wish("pharmacist", "Priya", "Raman", npi="1999900057", license="KY:PH900057"))
    add(_Wish("delegate", "Jordan", "Whitlock", supervisor=supervisor))
    return list(accounts.values())


def demo_clients(
    database: Database, at: Addresses, app_keys: Mapping[str, Any], before: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the clients as `demo.json` tells them: a Backend Services client to play with, and the app."""
    known = {client["client_id"]: client for client in before.get("clients", ())}
    private = known.get(BACKEND, {}).get("private_jwk") or _new_key()
    public = {name: value for name, value in private.items() if name != "d"}
    common = {
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "scope": BACKEND_SCOPE,
        "organizations": [ORGANIZATION_NPI],
    }
    own = {**common, "client_name": "Demonstration client", "jwks": {"keys": [public]}}
    app = {
        **common,
        "client_name": f"PDMP app, launched from {at.ehr}",
        "jwks": dict(app_keys),
        # The same EHR calls our hooks, signed with its own keys.
        "cds": {
            "iss": at.ehr,
            "jwks_uri": f"{at.ehr}/.well-known/jwks.json",
            "fhir_server": f"{at.ehr}/fhir",
        },
    }
    register_client(database, own, client_id=BACKEND, upsert=True)
    register_client(database, app, client_id=APP_AT_GATEWAY, upsert=True)
    return [
        {"client_id": BACKEND, "private_jwk": private, "redirect_uris": [], "scope": BACKEND_SCOPE},
        {"client_id": APP_AT_GATEWAY, "redirect_uris": [], "scope": BACKEND_SCOPE},
    ]


def register_ehr(at: Addresses, env: Mapping[str, str]) -> None:
    """Tell the app of the EHR that may launch it, by the app's own verb. Raises Unavailable."""
    registration = {
        "iss": f"{at.ehr}/fhir",
        "client_id": APP_AT_EHR,
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": EHR_SCOPE,
        "frame_ancestors": [at.ehr],
        "gateway_client_id": APP_AT_GATEWAY,
    }
    _run(["-m", "gateway.cli", "ehrs", "add", "--json", "-"], env, json.dumps(registration))


def app_keys(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the app's public keys, as the app prints them. Raises Unavailable."""
    keys: dict[str, Any] = json.loads(_run(["-m", "smart_app", "jwks"], env, ""))
    return keys


def read_before(path: Path) -> dict[str, Any]:
    """Return `demo.json` of an earlier start, or nothing."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _practitioners(kept: Mapping[str, Account]) -> list[Prescriber]:
    found = []
    for account in kept.values():
        if account["role"] == "practitioner":
            given, _, family = account["name"].rpartition(" ")
            found.append(Prescriber(account["npi"], given, family, account["dea"]))
    return found


def _added(database: Database, vault: Vault, wish: _Wish, password: str) -> bool:
    """Return whether the gateway took the account; it doesn't where an identifier is odd or taken."""
    try:
        add_account(
            database,
            vault,
            username=wish.username,
            role=wish.role,
            given_name=wish.given,
            family_name=wish.family,
            password=password,
            npi=wish.npi,
            dea=wish.dea,
            license=wish.license,
            organizations=[ORGANIZATION_NPI],
            supervisors=(wish.supervisor,) if wish.supervisor else (),
            upsert=True,
        )
    except (BadRequest, Conflict):
        return False
    return True


def _title(name: str) -> str:
    return name.title() if name.isupper() else name


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalnum()) or "x"


def _new_key() -> dict[str, Any]:
    key: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1())))
    return {**key, "kid": secrets.token_hex(8), "alg": "ES384", "use": "sig"}


def _run(words: list[str], env: Mapping[str, str], stdin: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], env=env, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(words[1:3])} failed: {done.stderr.strip()}")
    return done.stdout
