"""POST /auth/token: Backend Services clients get their tokens, and nobody else does."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.auth.registration import disable_client, remove_client
from gateway.core.errors import Unauthenticated
from gateway.services import Services
from tests.oauth.backend import SCOPE, Backend, rsa_key
from tests.oauth.conftest import Register, mount

FORM = "application/x-www-form-urlencoded"
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def ask(http: FlaskClient, form: dict[str, str], **more: Any) -> TestResponse:
    return http.post("/auth/token", data=form, **more)


def refused(answer: TestResponse, code: str, *statuses: int) -> None:
    assert answer.status_code in (statuses or (400,)), answer.text
    assert answer.content_type == "application/json"
    assert answer.json is not None
    assert answer.json["error"] == code
    assert "access_token" not in answer.json
    assert_never_stored(answer)


def assert_never_stored(answer: TestResponse) -> None:
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_registered_client_gets_a_token_of_five_minutes(
    http: FlaskClient, register: Register, services: Services, algorithm: str
) -> None:
    backend = Backend("http://localhost:8000/auth/token")
    if algorithm == "RS384":
        backend.keys = {"k1": rsa_key()}
    answer = ask(http, register(backend).form())
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert_never_stored(answer)
    body = answer.json
    assert body is not None
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, SCOPE)


def test_the_token_is_an_at_jwt_that_our_published_keys_verify(http: FlaskClient, register: Register) -> None:
    backend = register()
    answer = ask(http, backend.form())
    assert answer.json is not None
    token = answer.json["access_token"]
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    published = http.get("/.well-known/jwks.json").json
    key = jwt.PyJWKSet.from_dict(published)[header["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        issuer="http://localhost:8000",
        audience="http://localhost:8000/fhir",
        options={"require": ["iss", "aud", "sub", "client_id", "scope", "jti", "iat", "exp"]},
    )
    assert claims["sub"] == claims["client_id"] == backend.client_id
    assert claims["scope"] == SCOPE
    assert claims["exp"] - claims["iat"] == 300


def test_the_issuer_as_audience_is_taken_too(http: FlaskClient, register: Register) -> None:
    backend = register()
    assert (
        ask(http, backend.form(assertion=backend.assertion(aud="http://localhost:8000"))).status_code == 200
    )
    one = backend.assertion(aud=[backend.token_url])
    assert ask(http, backend.form(assertion=one)).status_code == 200


def test_one_assertion_buys_one_token_however_often_it_is_sent(http: FlaskClient, register: Register) -> None:
    form = register().form()
    assert ask(http, form).status_code == 200
    refused(ask(http, form), "invalid_client")


def test_of_parallel_requests_with_one_assertion_exactly_one_gets_a_token(
    services: Services, register: Register
) -> None:
    backend = register()
    form = backend.form()
    http = mount(services)
    start, statuses = threading.Barrier(8), []

    def run() -> None:
        client = http.application.test_client()
        start.wait()
        statuses.append(client.post("/auth/token", data=form).status_code)
        services.database.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[400] * 7]
    with services.database.connection() as connection:
        counted = connection.execute(
            "SELECT count(*) FROM access_token WHERE client_id = %s", [backend.client_id]
        ).fetchone()
    assert counted == (1,)


def test_a_jti_counts_for_its_own_client_only(http: FlaskClient, register: Register) -> None:
    first, second = register(), register()
    for backend in (first, second):
        form = backend.form(assertion=backend.assertion(jti="the same"))
        assert ask(http, form).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 513},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e300},
        {"aud": None},
        {"aud": "http://localhost:8000/fhir"},
        {"aud": "http://localhost:8000/auth/token/"},
        {"aud": "https://evil.example/auth/token"},
        {"aud": []},
        {"aud": ["http://localhost:8000/auth/token", "https://evil.example/token"]},
        {"iss": "another"},
        {"sub": "another"},
        {"iss": None},
        {"sub": None},
        {"iss": "unknown", "sub": "unknown"},
        {"iss": ["unknown"], "sub": ["unknown"]},
        {"iss": "\0", "sub": "\0"},
        {"iss": "\ud800", "sub": "\ud800"},
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    http: FlaskClient, register: Register, changes: dict[str, Any]
) -> None:
    backend = register()
    assert ask(http, backend.form()).status_code == 200
    refused(ask(http, backend.form(assertion=backend.assertion(**changes))), "invalid_client")


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({"exp": 300}, True),
        ({"exp": 340}, True),
        ({"exp": 420}, False),
        ({"exp": 86400}, False),
        ({"exp": -30}, True),
        ({"exp": -90}, False),
        ({"nbf": 30}, True),
        ({"nbf": 120}, False),
        ({"iat": -10}, True),
        ({"iat": 120}, False),
    ],
)
def test_the_times_of_an_assertion_are_held_within_a_minute_of_our_clock(
    http: FlaskClient, register: Register, changes: dict[str, int], taken: bool
) -> None:
    import time

    backend = register()
    now = int(time.time())
    assertion = backend.assertion(**{name: now + offset for name, offset in changes.items()})
    assert (ask(http, backend.form(assertion=assertion)).status_code == 200) is taken


def test_a_wrong_grant_type_is_exactly_400_whoever_asks(http: FlaskClient, register: Register) -> None:
    backend = register()
    refused(ask(http, backend.form(grant_type="not_a_grant_type")), "unsupported_grant_type")
    refused(ask(http, {"grant_type": "password"}), "unsupported_grant_type")
    refused(ask(http, backend.form(grant_type=None)), "invalid_request")


def test_a_wrong_assertion_type_is_refused(http: FlaskClient, register: Register) -> None:
    backend = register()
    refused(ask(http, backend.form(client_assertion_type="not_an_assertion_type")), "invalid_client")
    refused(ask(http, backend.form(client_assertion_type=None)), "invalid_client")


def test_no_authentication_or_another_kind_is_refused_with_a_challenge(
    http: FlaskClient, register: Register
) -> None:
    backend = register()
    bare = {"grant_type": "client_credentials", "scope": SCOPE}
    answer = ask(http, bare)
    refused(answer, "invalid_client", 401)
    assert "WWW-Authenticate" in answer.headers
    answer = ask(http, bare, auth=(backend.client_id, "secret"))
    refused(answer, "invalid_client", 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    refused(
        ask(http, bare | {"client_id": backend.client_id, "client_secret": "secret"}), "invalid_client", 401
    )
    refused(ask(http, backend.form(), auth=(backend.client_id, "secret")), "invalid_request")


def test_a_client_id_beside_the_assertion_must_be_the_same(http: FlaskClient, register: Register) -> None:
    backend = register()
    refused(ask(http, backend.form(client_id="another")), "invalid_client")
    assert ask(http, backend.form(client_id=backend.client_id)).status_code == 200


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (SCOPE, SCOPE),
        (f"{SCOPE} {SCOPE}", SCOPE),
        ("system/MedicationDispense.read", "system/MedicationDispense.read"),
        ("system/*.rs", SCOPE),
        ("system/*.*", "system/MedicationDispense.read"),
        ("system/MedicationDispense.cruds", SCOPE),
        ("system/MedicationDispense.s", "system/MedicationDispense.s"),
        (f"{SCOPE} system/Patient.rs openid launch/patient user/Patient.rs", SCOPE),
    ],
)
def test_asking_beyond_the_registration_is_narrowed_and_the_answer_says_so(
    http: FlaskClient, register: Register, asked: str, granted: str
) -> None:
    answer = ask(http, register().form(scope=asked))
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["scope"] == granted
    token = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
    assert token["scope"] == granted


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "system/Patient.rs",
        "system/MedicationDispense.cud",
        "patient/MedicationDispense.rs",
        "user/*.rs",
        "openid fhirUser",
        "system/MedicationDispense.dus",
        "nonsense",
        'system/MedicationDispense.rs"',
    ],
)
def test_a_scope_of_which_nothing_is_left_is_invalid(
    http: FlaskClient, register: Register, asked: str | None
) -> None:
    refused(ask(http, register().form(scope=asked)), "invalid_scope")


def test_a_client_without_the_grant_is_unauthorized(http: FlaskClient, register: Register) -> None:
    backend = register(
        grant_types=["authorization_code"], redirect_uris=["https://app.example/callback"], scope="openid"
    )
    refused(ask(http, backend.form()), "unauthorized_client")


@pytest.mark.parametrize("end", [disable_client, remove_client])
def test_a_disabled_or_removed_client_gets_no_token_and_looks_unknown(
    http: FlaskClient, register: Register, services: Services, end: Any
) -> None:
    backend = register()
    assert ask(http, backend.form()).status_code == 200
    end(services.database, backend.client_id)
    gone = ask(http, backend.form())
    refused(gone, "invalid_client")
    stranger = Backend(backend.token_url)
    assert ask(http, stranger.form()).json == gone.json


def test_a_repeated_parameter_is_refused(http: FlaskClient, register: Register) -> None:
    from urllib.parse import urlencode

    form = register().form()
    for name in form:
        body = urlencode([*form.items(), (name, form[name])])
        refused(http.post("/auth/token", data=body, content_type=FORM), "invalid_request")


def test_parameters_in_the_url_are_refused(http: FlaskClient, register: Register) -> None:
    from urllib.parse import urlencode

    form = register().form()
    refused(http.post(f"/auth/token?{urlencode(form)}"), "invalid_request")
    rest = {name: value for name, value in form.items() if name != "client_assertion"}
    url = "/auth/token?" + urlencode({"client_assertion": form["client_assertion"]})
    refused(http.post(url, data=rest), "invalid_request")
    refused(http.get(f"/auth/token?{urlencode(form)}"), "invalid_request", 405)
    assert ask(http, form).status_code == 200, "none of the refusals spent the assertion"


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain", None])
def test_a_body_of_another_type_is_refused(
    http: FlaskClient, register: Register, content_type: str | None
) -> None:
    body = json.dumps(register().form())
    refused(http.post("/auth/token", data=body, content_type=content_type), "invalid_request")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"grant_type=%ff", b"&".join([b"a=1"] * 100), b"x" * 70000])
def test_a_garbled_body_is_refused(http: FlaskClient, body: bytes) -> None:
    refused(http.post("/auth/token", data=body, content_type=FORM), "invalid_request")


def test_unknown_parameters_and_empty_ones_are_ignored(http: FlaskClient, register: Register) -> None:
    assert ask(http, register().form(state="x", resource="", client_id="")).status_code == 200


def test_a_client_that_asks_too_often_has_to_wait(
    http: FlaskClient, register: Register, clean_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.oauth import client_credentials

    monkeypatch.setattr(client_credentials, "_TOKENS_A_MINUTE", 2)
    busy, other = register(), register()
    statuses = [ask(http, busy.form()).status_code for _ in range(6)]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses
    answer = ask(http, busy.form())
    if answer.status_code == 429:  # unless a new minute has begun
        assert int(answer.headers["Retry-After"]) > 0
        refused(answer, "temporarily_unavailable", 429)
    assert ask(http, other.form()).status_code == 200


def test_tokens_are_issued_while_the_cache_is_away(register: Register, services: Services) -> None:
    from dataclasses import replace

    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    dead = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    http = mount(replace(services, cache=dead))
    assert ask(http, register().form()).status_code == 200
    dead.close()


def test_without_a_database_the_answer_is_503(services: Services, register: Register) -> None:
    from dataclasses import replace

    from gateway.store.database import Database

    form = register().form()
    http = mount(replace(services, database=Database("postgresql://nobody@127.0.0.1:1/none")))
    refused(ask(http, form), "temporarily_unavailable", 503)


def test_what_a_token_is_and_how_it_ends_is_on_record(
    http: FlaskClient, register: Register, services: Services
) -> None:
    from gateway.auth.bearer import authenticate

    backend = register()
    answer = ask(http, backend.form())
    assert answer.json is not None
    header = f"Bearer {answer.json['access_token']}"
    where = {"issuer": "http://localhost:8000", "audience": "http://localhost:8000/fhir"}

    def call() -> str:
        return authenticate(
            header,
            database=services.database,
            keys=services.keys,
            clock=services.clock,
            check_revoked=True,
            **where,
        ).client_id

    assert call() == backend.client_id
    disable_client(services.database, backend.client_id)
    with pytest.raises(Unauthenticated):
        call()


def test_what_has_ended_is_purged_and_nothing_else(
    http: FlaskClient, register: Register, services: Services
) -> None:
    from gateway.store import tokens

    backend = register()
    assert [ask(http, backend.form()).status_code for _ in range(2)] == [200, 200]

    def left() -> tuple[Any, ...] | None:
        with services.database.connection() as connection:
            return connection.execute(
                "SELECT (SELECT count(*) FROM client_assertion WHERE client_id = %(id)s),"
                " (SELECT count(*) FROM access_token WHERE client_id = %(id)s)",
                {"id": backend.client_id},
            ).fetchone()

    recorded = tokens.IssuedToken("old", backend.client_id, SCOPE, LONG_AGO, LONG_AGO)
    with services.database.connection() as connection:
        tokens.purge(connection)
        assert left() == (2, 2)
        assert tokens.issue(connection, recorded, jti_hash=bytes(32), assertion_expires_at=LONG_AGO)
        assert left() == (3, 3)
        tokens.purge(connection)
    assert left() == (2, 2)


def test_our_own_words_are_granted_to_backends_that_registered_them(
    http: FlaskClient, register: Register
) -> None:
    ehr = register(scope=f"__launch __introspect {SCOPE}", trusted_ehr=True)
    answer = ask(http, ehr.form(scope=f"__introspect {SCOPE} __launch"))
    assert answer.json is not None
    assert answer.json["scope"] == f"__introspect {SCOPE} __launch"
    refused(ask(http, register().form(scope="__introspect")), "invalid_scope")


def test_a_granular_scope_is_granted_within_what_is_registered(http: FlaskClient, register: Register) -> None:
    finer = f"{SCOPE}?status=completed"
    assert (ask(http, register().form(scope=finer)).json or {})["scope"] == finer
    registered_finer = register(scope=finer)
    assert (ask(http, registered_finer.form(scope=SCOPE)).json or {})["scope"] == finer
    refused(ask(http, registered_finer.form(scope=f"{SCOPE}?patient=x")), "invalid_scope")
    refused(
        ask(http, register(scope="system/Observation.rs").form(scope="system/Observation.rs")),
        "invalid_scope",
    )
