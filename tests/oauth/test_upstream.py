"""Signing in through a state's OpenID Provider, over real HTTP, and everything that is not taken from it."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug.test import TestResponse

from gateway.auth import accounts
from gateway.core.sign_in_settings import Upstream
from gateway.services import Services
from tests.oauth.signing_in import PASSWORD, Desk, add_user, desk, form_of, let_in
from tests.support.smart_browser import forms
from tests.support.upstream_provider import CLIENT_ID, CLIENT_SECRET, Claims, UpstreamProvider, run_upstream

_COUNT = itertools.count()
NPI = "1999100856"


@pytest.fixture
def provider() -> Iterator[UpstreamProvider]:
    with run_upstream() as running:
        yield running


@pytest.fixture
def user(services: Services) -> str:
    name = f"user{next(_COUNT)}"
    add_user(services, name)
    return name


@pytest.fixture
def at(services: Services, provider: UpstreamProvider, tmp_path: Path, user: str) -> Desk:
    provider.claims = {"preferred_username": user}
    return desk_of(services, provider, tmp_path)


def desk_of(
    services: Services, provider: UpstreamProvider, folder: Path, *, local: bool = False, **changes: Any
) -> Desk:
    secret = folder / "secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    known: dict[str, Any] = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "secret_file": secret,
        "scope": "openid profile",
        "claim": "preferred_username",
        "account_member": "username",
        "acr": (),
        **changes,
    }
    return desk(services, local=local, upstream=Upstream(**known))


def link(page: TestResponse) -> str:
    """Return where the sign-in page leads for the provider."""
    (found,) = re.findall(r'href="(upstream[^"]+)"', page.text)
    return f"/auth/{found}"


def begin(at: Desk, **more: str) -> str:
    """Return where the browser is sent from the sign-in page."""
    answer = at.http.get(link(at.page(**more)))
    assert answer.status_code == 303
    return str(answer.location)


def there_and_back(at: Desk, url: str) -> TestResponse:
    """Return the answer to what the provider sends the browser back with."""
    back = requests.get(url, allow_redirects=False, timeout=10).headers["Location"]
    assert back.startswith(f"{at.app.base}/auth/upstream/callback?")
    return at.http.get(back.removeprefix(at.app.base))


def sign_in(at: Desk) -> TestResponse:
    return there_and_back(at, begin(at))


def test_a_user_signs_in_there_and_goes_on_here(at: Desk, provider: UpstreamProvider) -> None:
    provider.claims["amr"] = ["pwd", "hwk"]
    url = begin(at)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{provider.issuer}/authorize?")
    assert asked["redirect_uri"] == f"{at.app.base}/auth/upstream/callback"
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile")
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert len(asked["nonce"]) >= 43
    answer = there_and_back(at, url)
    assert let_in(answer)
    consent = at.follow(answer)
    sent = form_of(consent, "decision").filled({"decision": "allow"})
    told = parse_qs(urlsplit(str(at.post("consent", sent).location)).query)
    tokens = at.http.post(
        "/auth/token",
        data={
            "grant_type": "authorization_code",
            "code": told["code"][0],
            "redirect_uri": at.app.redirect_uri,
            "client_id": at.app.client_id,
            "code_verifier": at.app.verifier,
        },
    ).get_json()
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "hwk"]


def test_no_account_is_ever_made(at: Desk, provider: UpstreamProvider, services: Services, user: str) -> None:
    assert let_in(sign_in(at))
    before = accounts.list_accounts(services.database)
    at.http.delete_cookie("pdmp_sid")
    for claims in (
        {"preferred_username": "somebody-else"},
        {"preferred_username": ""},
        {"preferred_username": f"{user}\0"},
        {"preferred_username": [user]},
        {"sub": user},
    ):
        provider.claims = claims
        answer = sign_in(at)
        assert (answer.status_code, let_in(answer)) == (403, False)
        assert "no active account" in answer.text
    assert accounts.list_accounts(services.database) == before
    provider.claims = {"preferred_username": user}
    accounts.disable_account(services.database, user)
    assert sign_in(at).status_code == 403


def test_an_account_may_be_found_by_npi(
    services: Services, provider: UpstreamProvider, tmp_path: Path
) -> None:
    add_user(services, f"by-npi{next(_COUNT)}", npi=NPI)
    at = desk_of(services, provider, tmp_path, claim="npi", account_member="npi")
    provider.claims = {"npi": NPI}
    assert let_in(sign_in(at))
    # A number is no text.
    provider.claims = {"npi": int(NPI)}
    assert sign_in(at.another()).status_code == 403


def _changed(**changes: object) -> Callable[[Claims], Claims]:
    return lambda claims: {name: value for name, value in {**claims, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    "forge",
    [
        _changed(iss="https://evil.example"),
        _changed(iss=None),
        _changed(aud="another"),
        _changed(aud=[CLIENT_ID, "another"]),
        _changed(aud=[CLIENT_ID, "another"], azp="another"),
        _changed(nonce="another"),
        _changed(nonce=None),
        _changed(exp=1),
        _changed(exp=None),
        _changed(iat=int(time.time()) + 3600),
        _changed(sub=None),
    ],
)
def test_a_word_that_is_not_for_us_now_is_not_taken(
    at: Desk, provider: UpstreamProvider, forge: Callable[[Claims], Claims]
) -> None:
    provider.forge = forge
    answer = sign_in(at)
    assert (answer.status_code, let_in(answer)) == (400, False)
    provider.forge = _changed(aud=[CLIENT_ID, "another"], azp=CLIENT_ID)
    assert let_in(sign_in(at))


def test_a_word_that_another_signed_is_not_taken(at: Desk, provider: UpstreamProvider) -> None:
    provider.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert sign_in(at).status_code == 400
    provider.signing_key = None
    for encode in (
        lambda claims: jwt.encode(claims, None, algorithm="none", headers={"kid": "up1"}),
        lambda claims: jwt.encode(claims, "s" * 64, algorithm="HS256", headers={"kid": "up1"}),
        lambda claims: jwt.encode(claims, provider.key, algorithm="RS256", headers={"kid": "unknown"}),
        lambda claims: "no.token.atall",
        lambda claims: "",
    ):
        provider.encode = encode
        answer = sign_in(at)
        assert (answer.status_code, let_in(answer)) == (400, False)
    provider.encode = None
    assert let_in(sign_in(at))


def test_es256_and_a_new_key_are_taken(
    services: Services, provider: UpstreamProvider, tmp_path: Path, user: str
) -> None:
    provider.claims = {"preferred_username": user}
    provider.ec_key = ec.generate_private_key(ec.SECP256R1())
    at = desk_of(services, provider, tmp_path)
    assert let_in(sign_in(at))


def test_a_weaker_sign_in_than_the_program_wants_is_not_taken(
    services: Services, provider: UpstreamProvider, tmp_path: Path, user: str
) -> None:
    at = desk_of(services, provider, tmp_path, acr=("urn:gold", "urn:silver"), amr=("otp", "hwk"))
    for weak in (
        {},
        {"acr": "urn:gold"},
        {"amr": ["otp"]},
        {"acr": "urn:bronze", "amr": ["otp"]},
        {"acr": "urn:gold", "amr": ["pwd"]},
        {"acr": "urn:gold", "amr": "otp"},
    ):
        provider.claims = {"preferred_username": user, **weak}
        assert sign_in(at).status_code == 400, weak
    provider.claims = {"preferred_username": user, "acr": "urn:silver", "amr": ["pwd", "otp"]}
    assert let_in(sign_in(at))


def test_nobody_finishes_what_another_browser_began(at: Desk, provider: UpstreamProvider) -> None:
    url = begin(at)
    back = requests.get(url, allow_redirects=False, timeout=10).headers["Location"].removeprefix(at.app.base)
    assert at.another().http.get(back).status_code == 400
    state = parse_qs(urlsplit(back).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    last = "A" if state[5] != "A" else "B"
    for changed in (
        {"state": state[:5] + last + state[6:], "code": code},
        {"state": "", "code": code},
        {"state": "é", "code": code},
        {"state": "x" * 5000, "code": code},
        {"state": state},
        {"state": state, "code": code, "iss": "https://evil.example"},
        {"state": state, "error": "access_denied"},
    ):
        answer = at.http.get(f"/auth/upstream/callback?{urlencode(changed)}")
        assert (answer.status_code, let_in(answer)) == (400, False), changed
    assert let_in(at.http.get(f"{back}&iss={provider.issuer}"))
    # Once: the code is used.
    assert at.http.get(back).status_code == 400


def test_a_sign_in_is_not_finished_after_ten_minutes(at: Desk) -> None:
    url = begin(at)
    at.clock.move(minutes=11)
    assert there_and_back(at, url).status_code == 400


def test_a_no_there_is_told_here(at: Desk, provider: UpstreamProvider) -> None:
    provider.error = "access_denied"
    answer = sign_in(at)
    assert answer.status_code == 400
    assert "did not work" in answer.text


def test_who_must_sign_in_anew_must_do_so_there(at: Desk, provider: UpstreamProvider) -> None:
    assert let_in(sign_in(at))
    assert "prompt" not in provider.asked[-1]
    assert let_in(there_and_back(at, begin(at, prompt="login")))
    assert provider.asked[-1]["prompt"] == "login"


def test_passwords_count_only_where_the_program_says_so(
    services: Services, provider: UpstreamProvider, tmp_path: Path, user: str
) -> None:
    only, both = desk_of(services, provider, tmp_path), desk_of(services, provider, tmp_path, local=True)
    page = only.page()
    assert not any("password" in form.names() for form in forms(page.text))
    assert let_in(both.try_in(user))
    fields = dict(form_of(both.another().page(), "password").filled({"username": user, "password": PASSWORD}))
    assert only.post("sign-in", list(fields.items())).status_code == 403
    assert desk(services).http.get("/auth/upstream?request=x").status_code == 404


def test_a_provider_that_is_away_is_told_as_that(
    services: Services, provider: UpstreamProvider, tmp_path: Path, user: str
) -> None:
    provider.claims = {"preferred_username": user}
    at = desk_of(services, provider, tmp_path)
    provider.discovery = {"issuer": "https://evil.example"}
    answer = at.http.get(link(at.page()))
    assert (answer.status_code, "Try again in a minute" in answer.text) == (503, True)
    provider.discovery = {}
    assert let_in(sign_in(at))
