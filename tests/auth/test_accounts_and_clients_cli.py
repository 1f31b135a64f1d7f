"""`pdmp clients` and `pdmp accounts` as an operator runs them."""

from __future__ import annotations

import base64
import json
from typing import Any

import argon2
import psycopg
import pytest

from gateway.auth import accounts
from gateway.core.errors import BadRequest, Conflict
from gateway.core.settings import Settings
from gateway.store.database import Database
from gateway.store.vault import Vault
from tests.oauth.backend import Backend
from tests.support.databases import TestDatabase
from tests.support.processes import Cli

NPI, OTHER_NPI = "1234567893", "1999000015"
DEA = "AB1234563"
PASSWORD = "correct horse battery staple"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_client_lives_from_add_to_remove(cli: Cli) -> None:
    sent = Backend("http://localhost:8000/auth/token").metadata(organizations=[NPI], colour="blue")
    added = cli("clients", "add", "--json", "-", stdin=json.dumps(sent))
    assert added.returncode == 0, added.stderr
    (answer,) = lines(added.stdout)
    assert answer["client_id"] == sent["client_id"]
    assert "colour" in added.stderr
    again = cli("clients", "add", "--json", "-", stdin=json.dumps(sent))
    assert again.returncode == 1
    assert "exists" in again.stderr
    assert lines(again.stdout)[0]["error"] == "invalid_client_metadata"
    assert cli("clients", "add", "--replace", "-", stdin=json.dumps(sent)).returncode == 0
    disabled = cli("clients", "disable", "--json", sent["client_id"])
    assert lines(disabled.stdout) == [{"client_id": sent["client_id"], "active": False}]
    (listed,) = lines(cli("clients", "list", "--json").stdout)
    assert (listed["client_id"], listed["active"]) == (sent["client_id"], False)
    assert sent["client_id"] in cli("clients", "list").stdout
    removed = cli("clients", "remove", "--json", sent["client_id"])
    assert lines(removed.stdout) == [{"client_id": sent["client_id"], "removed": True}]
    assert cli("clients", "list").stdout == ""
    missing = cli("clients", "disable", sent["client_id"])
    assert (missing.returncode, "no client" in missing.stderr) == (1, True)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":1,"a":2}', '{"organizations":["1234567890"]}'])
def test_a_file_that_does_not_describe_a_client_is_an_error_in_words(cli: Cli, text: str) -> None:
    answer = cli("clients", "add", "-", stdin=text)
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: ")
    assert "Traceback" not in answer.stderr


def test_accounts_are_added_listed_and_disabled(cli: Cli) -> None:
    first = cli(
        *("accounts", "add", "--json", "--username", "ada", "--role", "practitioner"),
        *("--name", "Ada Maria Lovelace", "--npi", NPI, "--dea", f"{DEA.lower()}-res7"),
        *("--license", "ky:12345", "--organization", OTHER_NPI, "--password-stdin"),
        stdin=f"{PASSWORD}\n",
    )
    assert first.returncode == 0, first.stderr
    (added,) = lines(first.stdout)
    assert added["name"] == "Ada Maria Lovelace"
    assert (added["npi"], added["dea"], added["license"]) == (NPI, f"{DEA}-RES7", "KY:12345")
    assert added["organizations"] == [OTHER_NPI]
    assert added["active"]
    delegate = ("accounts", "add", "--json", "--role", "delegate", "--name", "De Legate", "--password-stdin")
    unknown = cli(*delegate, "--username", "del", "--supervisor", "nobody", stdin=PASSWORD)
    assert (unknown.returncode, "supervisor" in unknown.stderr) == (1, True)
    (second,) = lines(cli(*delegate, "--username", "del", "--supervisor", "ada", stdin=PASSWORD).stdout)
    assert second["supervisors"] == ["ada"]
    assert cli("accounts", "disable", "ada").returncode == 0
    listed = {one["username"]: one for one in lines(cli("accounts", "list", "--json").stdout)}
    assert [listed["ada"]["active"], listed["del"]["active"]] == [False, True]
    assert not any("hash" in name or "secret" in name for name in listed["ada"])
    assert "disabled" in cli("accounts", "list").stdout
    assert cli("accounts", "disable", "nobody").returncode == 1


def test_a_totp_secret_is_printed_once_and_stored_sealed(
    cli: Cli, database: TestDatabase, settings: Settings
) -> None:
    answer = cli(
        *("accounts", "add", "--username", "ada", "--role", "pharmacist", "--name", "Ada Lovelace"),
        *("--dea", DEA, "--totp", "--password-stdin"),
        stdin=PASSWORD,
    )
    secret = next(line for line in answer.stdout.splitlines() if line.startswith("TOTP")).split()[-1]
    assert len(base64.b32decode(secret)) == 20
    assert f"secret={secret}" in answer.stdout
    assert secret not in cli("accounts", "list", "--json").stdout
    with psycopg.connect(database.admin_url) as admin:
        row = admin.execute("SELECT account_id, totp_encrypted, password_hash FROM pdmp.account").fetchone()
    assert row is not None
    opened = Vault.open(settings.keys_dir).decrypt(bytes(row[1]), b"totp:" + row[0].bytes)
    assert base64.b32encode(opened).decode() == secret
    assert row[2].startswith("$argon2id$")
    assert argon2.PasswordHasher().verify(row[2], PASSWORD)


def test_a_password_without_a_terminal_comes_by_standard_input(cli: Cli) -> None:
    words = (
        "accounts",
        "add",
        "--username",
        "ada",
        "--role",
        "practitioner",
        "--name",
        "Ada L",
        "--npi",
        NPI,
    )
    assert cli(*words, stdin=PASSWORD).returncode == 2
    short = cli(*words, "--password-stdin", stdin="short\n")
    assert (short.returncode, "at least 8" in short.stderr) == (1, True)


def test_without_a_database_the_exit_status_is_three(cli: Cli) -> None:
    nowhere = {"PDMP_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    for words in (("clients", "list"), ("accounts", "list")):
        answer = cli(*words, env=nowhere)
        assert answer.returncode == 3
        assert "Traceback" not in answer.stderr


def add(
    database: TestDatabase, settings: Settings, *, upsert: bool = False, **changes: Any
) -> dict[str, Any]:
    made = {
        "username": "ada",
        "role": "practitioner",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "password": PASSWORD,
        "npi": NPI,
        **changes,
    }
    store = Database(database.url)
    try:
        return accounts.add_account(store, Vault.open(settings.keys_dir), upsert=upsert, **made)
    finally:
        store.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"npi": None}, "needs an NPI"),
        ({"npi": "1234567890"}, "NPI"),
        ({"npi": "123456789"}, "NPI"),
        ({"dea": "AB1234567"}, "DEA"),
        ({"dea": f"{DEA}-"}, "suffix"),
        ({"dea": f"{DEA}-TOOLONG8"}, "suffix"),
        ({"license": "12345"}, "ST:NUMBER"),
        ({"license": "XX:12345"}, "ST:NUMBER"),
        ({"license": "KY:"}, "ST:NUMBER"),
        ({"organizations": ["Hospital"]}, "NPI or DEA"),
        ({"role": "patient"}, "role"),
        ({"role": "delegate"}, "supervisor"),
        ({"supervisors": ("ada",)}, "delegate"),
        ({"username": "a b"}, "username"),
        ({"given_name": " "}, "name"),
        ({"password": "1234567"}, "at least 8"),
    ],
)
def test_a_wrong_account_is_refused_with_words(
    module_database: TestDatabase, module_settings: Settings, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        add(module_database, module_settings, **changes)
    assert says in caught.value.public


def test_one_identifier_is_one_active_account(database: TestDatabase, settings: Settings) -> None:
    first = add(database, settings)
    with pytest.raises(Conflict, match="exists"):
        add(database, settings)
    with pytest.raises(Conflict, match="NPI"):
        add(database, settings, username="eve")
    again = add(database, settings, upsert=True, family_name="King")
    assert again["account_id"] == first["account_id"]
    assert again["name"] == "Ada King"
    store = Database(database.url)
    accounts.disable_account(store, "ada")
    store.close()
    assert add(database, settings, username="eve")["active"]


def test_a_supervisor_is_an_active_practitioner_or_pharmacist(
    database: TestDatabase, settings: Settings
) -> None:
    delegate = {"role": "delegate", "npi": None}
    add(database, settings)
    assert add(database, settings, username="one", supervisors=("ada",), **delegate)["supervisors"] == ["ada"]
    with pytest.raises(BadRequest):
        add(database, settings, username="two", supervisors=("one",), **delegate)
    store = Database(database.url)
    accounts.disable_account(store, "ada")
    store.close()
    with pytest.raises(BadRequest):
        add(database, settings, username="two", supervisors=("ada",), **delegate)


def test_a_refused_registration_is_json_too(cli: Cli) -> None:
    app = {"redirect_uris": ["https://app.example/callback"], "scope": "openid"}
    for sent, error, says in (
        (json.dumps({**app, "scope": "everything"}), "invalid_client_metadata", "scope: everything"),
        (json.dumps({**app, "redirect_uris": ["http://app.example/"]}), "invalid_redirect_uri", "https"),
        (json.dumps({"redirect_uris": []}), "invalid_client_metadata", "redirect_uris"),
        ("[]", "invalid_client_metadata", "JSON object"),
    ):
        refused = cli("clients", "add", "--json", "-", stdin=sent)
        assert refused.returncode == 1
        (answer,) = lines(refused.stdout)
        assert answer["error"] == error
        assert says in answer["error_description"]
        assert answer["error_description"] in refused.stderr
    gone = cli("clients", "disable", "--json", "nobody")
    assert (gone.returncode, lines(gone.stdout)[0]["error"]) == (1, "invalid_client_id")


def test_an_apps_registration_is_answered_whole_and_its_secret_once(cli: Cli) -> None:
    sent = {
        "client_name": "An app",
        "redirect_uris": ["http://127.0.0.1/callback", "https://app.example/callback"],
        "launch_uris": ["https://app.example/launch"],
        "allowed_origins": ["https://app.example"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "launch openid fhirUser patient/*.rs user/MedicationDispense.rs?status=completed",
    }
    (answer,) = lines(
        cli("clients", "add", "--json", "--client-id", "app", "-", stdin=json.dumps(sent)).stdout
    )
    assert sent.items() <= answer.items()
    assert (answer["client_id"], answer["token_endpoint_auth_method"]) == ("app", "client_secret_basic")
    assert (len(answer["client_secret"]), answer["client_secret_expires_at"]) == (43, 0)
    (listed,) = lines(cli("clients", "list", "--json").stdout)
    assert "client_secret" not in listed
