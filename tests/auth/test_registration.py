"""RFC 7591 client metadata in, client information out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.auth import registration
from gateway.auth.registration import register_client
from gateway.core.errors import BadRequest, Conflict, NotFound
from gateway.store import clients
from gateway.store.database import Database
from tests.oauth.backend import Backend, ec_key, public_jwk, rsa_key
from tests.support.databases import TestDatabase

NPI = "1234567893"
DEA = "AB1234563"


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[Database]:
    database = Database(module_database.url)
    yield database
    database.close()


def metadata(**changes: Any) -> dict[str, Any]:
    return Backend("http://localhost:8000/auth/token").metadata(**changes)


def code_flow(**changes: Any) -> dict[str, Any]:
    made = {
        "client_name": "An app",
        "redirect_uris": ["https://app.example/callback"],
        "scope": "launch openid fhirUser user/MedicationDispense.rs",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def stored(store: Database, client_id: str) -> clients.Client:
    with store.connection() as connection:
        found = clients.find(connection, client_id)
    assert found is not None
    return found


def test_the_answer_holds_everything_that_was_registered_and_nothing_else(store: Database) -> None:
    sent = metadata(
        organizations=[NPI, DEA.lower(), NPI],
        purpose_of_use=["TREAT"],
        trusted_ehr=True,
        launch_uris=["https://app.example/launch"],
        allowed_origins=["https://app.example"],
        colour="blue",
    )
    answer = register_client(store, sent)
    assert answer["client_id"] == sent["client_id"]
    assert answer["client_id_issued_at"] > 1_700_000_000
    assert answer["organizations"] == [NPI, DEA]
    assert "colour" not in answer
    assert "client_secret" not in answer
    assert registration.ignored_members(sent, answer) == ["colour"]
    found = stored(store, sent["client_id"])
    assert found.organizations == (NPI, DEA)
    assert found.trusted_ehr
    assert found.active


def test_an_id_is_made_when_none_is_given(store: Database) -> None:
    ids = {register_client(store, metadata(client_id=None))["client_id"] for _ in range(2)}
    assert len(ids) == 2


def test_what_is_left_out_is_filled_in_and_told(store: Database) -> None:
    backend = register_client(
        store, metadata(client_id=None, grant_types=None, token_endpoint_auth_method=None)
    )
    assert backend["grant_types"] == ["client_credentials"]
    assert backend["token_endpoint_auth_method"] == "private_key_jwt"
    app = register_client(store, code_flow())
    assert app["grant_types"] == ["authorization_code"]
    assert app["response_types"] == ["code"]
    assert app["token_endpoint_auth_method"] == "client_secret_basic"


def test_a_secret_is_told_once_and_kept_as_a_hash(store: Database) -> None:
    answer = register_client(store, code_flow(client_id="keeps-a-secret"))
    secret = answer["client_secret"]
    assert answer["client_secret_expires_at"] == 0
    assert len(secret) >= 43
    before = stored(store, "keeps-a-secret")
    assert before.secret_hash is not None
    assert secret not in before.secret_hash
    again = register_client(store, code_flow(client_id="keeps-a-secret", client_name="New"), upsert=True)
    assert "client_secret" not in again
    after = stored(store, "keeps-a-secret")
    assert after.secret_hash == before.secret_hash
    assert after.metadata["client_name"] == "New"


def test_an_id_that_is_taken_is_a_conflict_unless_replacing(store: Database) -> None:
    sent = metadata()
    register_client(store, sent)
    with pytest.raises(Conflict):
        register_client(store, sent)
    registration.disable_client(store, sent["client_id"])
    assert not stored(store, sent["client_id"]).active
    register_client(store, sent, upsert=True)
    assert stored(store, sent["client_id"]).active


def test_disabling_and_removing_name_what_is_not_there(store: Database) -> None:
    for verb in (registration.disable_client, registration.remove_client):
        with pytest.raises(NotFound):
            verb(store, "nobody")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"jwks": None}, "needs jwks"),
        ({"jwks_uri": "https://a.example/jwks"}, "exclude"),
        ({"jwks": None, "jwks_uri": "http://a.example/jwks"}, "https"),
        ({"jwks": None, "jwks_uri": "https://u:p@a.example/jwks"}, "credentials"),
        ({"jwks": None, "jwks_uri": "jwks"}, "absolute URL"),
        ({"jwks": {}}, "list"),
        ({"jwks": {"keys": []}}, "from 1 to"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "k"}]}}, "private or secret"),
        ({"jwks": {"keys": [{**public_jwk(ec_key(), "k"), "d": "AAAA"}]}}, "private or secret"),
        ({"jwks": {"keys": [public_jwk(rsa_key(1024), "k")]}}, "no key for"),
        ({"jwks": {"keys": [public_jwk(ec_key(), "")]}}, "no key for"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "private_key_jwt"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "one of"),
        ({"grant_types": ["password"]}, "one of"),
        ({"grant_types": ["authorization_code"]}, "redirect_uris"),
        ({"grant_types": ["client_credentials", "refresh_token"]}, "refresh_token"),
        ({"response_types": ["token"]}, "one of"),
        ({"response_types": ["code"]}, "go together"),
        ({"scope": "system/MedicationDispense.dus"}, "cruds"),
        ({"scope": "system/MedicationDispense.rs?subject=x"}, "search parameters"),
        ({"scope": "system/MedicationDispense.rs?status"}, "parameter=value"),
        ({"scope": "__launch"}, "trusted_ehr"),
        ({"scope": "__else"}, "not a scope"),
        ({"scope": "everything"}, "not a scope"),
        ({"scope": "user/MedicationDispense.rs"}, "of no use"),
        ({"scope": "openid"}, "of no use"),
        ({"scope": ["system/MedicationDispense.rs"]}, "text"),
        ({"organizations": ["1234567890"]}, "NPI or DEA"),
        ({"organizations": ["AB1234567"]}, "NPI or DEA"),
        ({"organizations": [1234567893]}, "text"),
        ({"purpose_of_use": ["HMARKT"]}, "TREAT"),
        ({"trusted_ehr": "yes"}, "true or false"),
        ({"allowed_origins": ["https://app.example/"]}, "origin"),
        ({"allowed_origins": ["https://App.example"]}, "origin"),
        ({"allowed_origins": ["*"]}, "URL"),
        ({"allowed_origins": ["null"]}, "URL"),
        ({"allowed_origins": ["https://app.example:443"]}, "own port"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "one of"),
        ({"launch_uris": ["https://app.example/launch#x"]}, "fragment"),
        ({"client_name": "a\nb"}, "printable"),
        ({"client_name": "a\0b"}, "printable"),
        ({"client_id": "with space"}, "client_id"),
        ({"client_id": 7}, "client_id"),
    ],
)
def test_wrong_metadata_is_refused_with_words(store: Database, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest) as caught:
        register_client(store, metadata(**changes))
    assert says in caught.value.public


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/callback",
        "https://app.example/callback#",
        "app:/callback",
        "https://app.example/callback?next=1&state=2",
        "javascript:alert(1)",
        "https://app.example\\@evil.example/",
        "//app.example/callback",
        "https://*.example/callback",
        "https://app.example;script-src/callback",
        "https://app.example,*/callback",
        "https://app.example'/callback",
        "https://app..example/callback",
    ],
)
def test_a_redirect_uri_is_an_absolute_https_url(store: Database, uri: str) -> None:
    with pytest.raises(BadRequest):
        register_client(store, code_flow(redirect_uris=[uri]))
    assert register_client(store, code_flow(redirect_uris=["http://127.0.0.1:8001/callback"]))


def test_our_own_scopes_are_for_backends_and_granular_ones_for_all(store: Database) -> None:
    own = "__introspect __launch system/MedicationDispense.rs?status=completed"
    assert register_client(store, metadata(scope=own, trusted_ehr=True))["scope"] == own
    granular = "launch user/MedicationDispense.rs?code=http://hl7.org/fhir/sid/ndc|00406051201"
    assert register_client(store, code_flow(scope=granular))["scope"] == granular
    with pytest.raises(BadRequest, match="client_credentials"):
        register_client(store, code_flow(scope="__launch", trusted_ehr=True))
    # Whoever can prove who it is may be let ask about every token; a public client can't.
    asking = {"scope": "launch __introspect"}
    with pytest.raises(BadRequest, match="client_credentials"):
        register_client(store, code_flow(**asking, token_endpoint_auth_method="none"))
    by_secret = code_flow(**asking, token_endpoint_auth_method="client_secret_basic")
    assert register_client(store, by_secret)["scope"] == asking["scope"]


@pytest.mark.parametrize("secret", ["short", "s" * 201, "percent%20percent%20", "with space with space"])
def test_a_secret_is_long_and_plain(store: Database, secret: str) -> None:
    with pytest.raises(BadRequest, match="client_secret"):
        register_client(store, code_flow(), client_secret=secret)
