"""OpenID Connect as SMART narrows it: an id_token signed with RS256 that names the user's FHIR resource."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import jwt

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.flow import STARTS, Flow, claims_of
from conformance.suites.smart.launches import Step, of
from conformance.suites.smart.session import FOREIGN_ORIGIN, KINDS, SmartSession

_USERS = ("Patient", "Practitioner", "RelatedPerson", "Person")


def _id_token(session: SmartSession, flow: Flow) -> str:
    session.need("sso-openid-connect")
    if "openid" not in flow.request()["scope"].split():
        raise Omit("openid is not asked for")
    found = flow.body().get("id_token")
    if not isinstance(found, str):
        raise Skip("no id_token")
    return found


def _configuration(session: SmartSession, flow: Flow) -> dict[str, Any]:
    _, claims = claims_of(_id_token(session, flow))
    return session.document(f"{claims.get('iss')}/.well-known/openid-configuration")


def decoded(session: SmartSession, flow: Flow) -> None:
    """The id_token is there and a JWT."""
    session.need("sso-openid-connect")
    if "openid" not in flow.request()["scope"].split():
        raise Omit("openid is not asked for")
    found = flow.body().get("id_token")
    expect(isinstance(found, str), "no id_token for openid")
    claims_of(str(found))


def configuration(session: SmartSession, flow: Flow) -> None:
    """The OpenID configuration is JSON at the issuer that the id_token names."""
    _, claims = claims_of(_id_token(session, flow))
    answer = session.http.get(f"{claims.get('iss')}/.well-known/openid-configuration")
    expect(answer.status == 200, f"status {answer.status}")
    expect(
        answer.headers.get("content-type", "").startswith("application/json"), "the content type is not JSON"
    )
    expect(answer.json().get("issuer") == session.configuration.get("issuer"), "two issuers")


def configuration_members(session: SmartSession, flow: Flow) -> None:
    """The members that OpenID Connect Discovery requires; RS256 among the algorithms."""
    found = _configuration(session, flow)
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"):
        expect(isinstance(found.get(name), str) and found[name], f"no {name}")
    for name in (
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ):
        expect(isinstance(found.get(name), list) and found[name], f"no array {name}")
    expect("RS256" in found["id_token_signing_alg_values_supported"], "RS256 is not listed")


def keys(session: SmartSession, flow: Flow) -> None:
    """The key set holds usable RSA keys, and nothing private."""
    found = session.document(_configuration(session, flow)["jwks_uri"]).get("keys")
    expect(isinstance(found, list), "no array keys")
    rsa = [one for one in found or [] if one.get("kty") == "RSA"]
    expect(rsa, "no RSA key")
    for one in rsa:
        jwt.PyJWK(one, algorithm="RS256")
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    expect(not any(private & one.keys() for one in found or []), "a private key is published")


def token_header(session: SmartSession, flow: Flow) -> None:
    """RS256, and a kid that is in the key set."""
    header, _ = claims_of(_id_token(session, flow))
    expect(header.get("alg") == "RS256", f"alg is {header.get('alg')}")
    found = session.document(_configuration(session, flow)["jwks_uri"])["keys"]
    expect([one for one in found if one.get("kid") == header.get("kid")], "kid is not in the key set")


def token_payload(session: SmartSession, flow: Flow) -> None:
    """Signature and claims, the nonce among them."""
    token = _id_token(session, flow)
    header, _ = claims_of(token)
    found = session.document(_configuration(session, flow)["jwks_uri"])["keys"]
    key = next((one for one in found if one.get("kid") == header.get("kid")), None)
    expect(key, "no key for this token")
    try:
        claims = jwt.decode(
            token,
            jwt.PyJWK(key or {}, algorithm="RS256").key,
            algorithms=["RS256"],
            audience=flow.client.client_id,
            issuer=session.configuration.get("issuer"),
            leeway=60,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        expect(False, f"the id_token does not verify: {type(error).__name__}")
        raise
    expect(0 < len(claims["sub"]) < 256, "sub is empty or too long")
    expect(claims["exp"] > time.time() - 60, "it has expired")
    expect(claims.get("nonce") == flow.nonce, "nonce is not the request's")


def fhir_user(session: SmartSession, flow: Flow) -> None:
    """fhirUser names a resource of the user that this token may read."""
    kind, path = _user(session, flow)
    answer = session.read(path, flow.token())
    expect(answer.status == 200, f"reading fhirUser: status {answer.status}")
    expect(answer.json().get("resourceType") == kind, "fhirUser is of another type")


def fhir_user_cors(session: SmartSession, flow: Flow) -> None:
    """A public app's page may read it, another page may not."""
    if flow.client.method != "none" or not flow.client.origin:
        raise Omit("for public apps with an origin")
    _, path = _user(session, flow)
    allowed = session.read(path, flow.token(), Origin=flow.client.origin)
    expect(
        allowed.headers.get("access-control-allow-origin") in ("*", flow.client.origin),
        "the app's page may not read fhirUser",
    )
    other = session.read(path, flow.token(), Origin=FOREIGN_ORIGIN)
    expect(
        other.headers.get("access-control-allow-credentials") != "true",
        "any page may read it with credentials",
    )


def _user(session: SmartSession, flow: Flow) -> tuple[str, str]:
    if "fhirUser" not in flow.request()["scope"].split():
        raise Omit("fhirUser is not asked for")
    _, claims = claims_of(_id_token(session, flow))
    user = claims.get("fhirUser")
    expect(isinstance(user, str) and user, "no fhirUser")
    parts = str(user).split("/")
    expect(len(parts) >= 2 and parts[-2] in _USERS, "fhirUser is of no type for users")
    if urlsplit(str(user)).scheme:
        expect(str(user).startswith(session.fhir + "/"), "fhirUser is on another server")
    return parts[-2], "/".join(parts[-2:])


_STEPS: tuple[tuple[str, str, tuple[str, ...], Step], ...] = (
    ("smart_openid_decode_id_token", "There is an id_token", ("oidc-1",), decoded),
    ("smart_openid_retrieve_configuration", "The OpenID configuration is there", ("oidc-5",), configuration),
    (
        "smart_openid_required_configuration_fields",
        "It has what is required",
        ("oidc-5",),
        configuration_members,
    ),
    ("smart_openid_retrieve_jwks", "The keys are there", ("oidc-6",), keys),
    ("smart_openid_token_header", "The id_token's header", ("oidc-1",), token_header),
    ("smart_openid_token_payload", "The id_token's claims and signature", ("oidc-2",), token_payload),
    ("smart_openid_fhir_user_claim", "fhirUser can be read", ("oidc-3", "oidc-4"), fhir_user),
    ("smart_cors_openid_fhir_user_claim", "A public app's page reads it", ("cors-3",), fhir_user_cors),
)

TESTS = tuple(
    Test(f"{name}.{start}.{kind}", f"{title} ({start}, {kind})", requirements, of(kind, start, step))
    for start in STARTS
    for kind in KINDS
    for name, title, requirements, step in _STEPS
)
