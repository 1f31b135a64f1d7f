"""What the server says of itself: SMART configuration, CapabilityStatement; scripts may read both."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.session import FOREIGN_ORIGIN, WELL_KNOWN, SmartSession

_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_CAPABILITIES = frozenset(
    (
        *("launch-ehr", "launch-standalone", "authorize-post", "sso-openid-connect", "smart-app-state"),
        *("client-public", "client-confidential-symmetric", "client-confidential-asymmetric"),
        *("context-banner", "context-style", "context-ehr-patient", "context-ehr-encounter"),
        *("context-standalone-patient", "context-standalone-encounter"),
        *("permission-offline", "permission-online", "permission-patient", "permission-user"),
        *("permission-v1", "permission-v2"),
    )
)
_APP = (
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
)
#: What ONC's (g)(10) test asks of the two kinds of launches.
_STANDALONE = (
    "launch-standalone",
    *_APP,
    "context-standalone-patient",
    "permission-offline",
    "permission-patient",
    "permission-v1",
    "permission-v2",
    "authorize-post",
)
_EHR = (
    "launch-ehr",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "permission-offline",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "authorize-post",
)


def well_known(session: SmartSession) -> None:
    """200, JSON, whatever Accept says, and without a token."""
    for accept in ("application/json", "application/fhir+json", "text/html"):
        answer = session.http.get(session.fhir + WELL_KNOWN, {"Accept": accept})
        expect(answer.status == 200, f"status {answer.status}")
        kind = answer.headers.get("content-type", "")
        expect(kind.startswith("application/json"), f"the content type is {kind}")
        expect(isinstance(answer.json(), dict), "no JSON object")


def required_members(session: SmartSession) -> None:
    """The required members, of the right type and not empty."""
    found = session.configuration
    for name in ("authorization_endpoint", "token_endpoint"):
        expect(isinstance(found.get(name), str) and found[name], f"no {name}")
    for name in ("capabilities", "grant_types_supported", "code_challenge_methods_supported"):
        expect(isinstance(found.get(name), list) and found[name], f"no array {name}")
    expect("authorization_code" in found["grant_types_supported"], "no grant authorization_code")
    expect("S256" in found["code_challenge_methods_supported"], "no S256")
    expect("plain" not in found["code_challenge_methods_supported"], "plain is offered")
    expect(all(isinstance(one, str) for one in found["capabilities"]), "a capability is no text")
    if "sso-openid-connect" in found["capabilities"]:
        for name in ("issuer", "jwks_uri"):
            expect(isinstance(found.get(name), str) and found[name], f"sso-openid-connect without {name}")


def issuer_only_with_openid(session: SmartSession) -> None:
    """Without OpenID Connect no issuer is named."""
    if "sso-openid-connect" not in session.capabilities:
        expect("issuer" not in session.configuration, "an issuer without sso-openid-connect")


def absolute(session: SmartSession) -> None:
    """Every address is absolute."""
    for name, value in session.configuration.items():
        if name.endswith(("_endpoint", "_uri")) or name == "issuer":
            expect(
                isinstance(value, str) and urlsplit(value).scheme in ("https", "http"), f"{name} is relative"
            )
            expect(bool(urlsplit(value).netloc), f"{name} is relative")


def recommended(session: SmartSession) -> None:
    """The recommended members are there."""
    for name in (
        "scopes_supported",
        "response_types_supported",
        "introspection_endpoint",
        "revocation_endpoint",
    ):
        expect(session.configuration.get(name), f"no {name}")


def methods(session: SmartSession) -> None:
    """Authentication methods and algorithms fit the capabilities."""
    found = session.configuration
    listed = found.get("token_endpoint_auth_methods_supported")
    if listed is None:
        raise Omit("no methods are listed")
    if "client-confidential-symmetric" in session.capabilities:
        expect("client_secret_basic" in listed, "symmetric clients without client_secret_basic")
    if "client-confidential-asymmetric" in session.capabilities:
        expect("private_key_jwt" in listed, "asymmetric clients without private_key_jwt")
        algorithms = found.get("token_endpoint_auth_signing_alg_values_supported", [])
        expect({"RS384", "ES384"} & set(algorithms), "neither RS384 nor ES384")
        expect(not {"none", "HS256", "HS384", "HS512"} & set(algorithms), "an algorithm without a key pair")


def known_capabilities(session: SmartSession) -> None:
    """Capabilities are the guide's words, or full URIs."""
    for one in session.capabilities:
        expect(one in _CAPABILITIES or urlsplit(one).scheme, f"an unknown capability: {one}")


def offered(*wanted: str) -> Callable[[SmartSession], None]:
    """Return the test that these capabilities are listed."""

    def test(session: SmartSession) -> None:
        missing = [one for one in wanted if one not in session.capabilities]
        expect(not missing, f"not offered: {', '.join(missing)}")

    return test


def cors(path: str) -> Callable[[SmartSession], None]:
    """Return the test that scripts of any origin may read a document."""

    def test(session: SmartSession) -> None:
        answer = session.http.get(session.fhir + path, {"Origin": FOREIGN_ORIGIN})
        expect(answer.status == 200, f"status {answer.status}")
        expect(
            answer.headers.get("access-control-allow-origin") in ("*", FOREIGN_ORIGIN),
            "scripts of another origin may not read it",
        )

    return test


def oauth_uris(session: SmartSession) -> None:
    """The CapabilityStatement names the endpoints too."""
    rest = session.document(f"{session.fhir}/metadata").get("rest", [{}])[0]
    security = rest.get("security", {})
    urls: dict[str, Any] = {
        part.get("url"): part.get("valueUri")
        for one in security.get("extension", [])
        if one.get("url") == _OAUTH_URIS
        for part in one.get("extension", [])
    }
    for name, member in (("authorize", "authorization_endpoint"), ("token", "token_endpoint")):
        expect(urls.get(name) == session.configuration.get(member), f"oauth-uris: {name} is not the {member}")


def tls(name: str) -> Callable[[SmartSession], None]:
    """Return the test that an endpoint speaks TLS 1.2 or later, and nothing before."""

    def test(session: SmartSession) -> None:
        if not session.tls:
            raise Omit("called over http on loopback (--allow-http): TLS belongs to the deployment")
        parts = urlsplit(session.endpoint(name))
        expect(parts.scheme == "https", f"{name}_endpoint is not https")
        where = parts.hostname or "", parts.port or 443
        expect(
            _handshake(where, ssl.TLSVersion.TLSv1_2) or _handshake(where, ssl.TLSVersion.TLSv1_3),
            "no TLS 1.2",
        )
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            expect(not _handshake(where, old), f"{old.name} is accepted")

    return test


def _handshake(where: tuple[str, int], version: ssl.TLSVersion) -> bool:
    context = ssl.create_default_context()
    context.set_ciphers("ALL:@SECLEVEL=0")  # else this side would refuse old versions itself
    try:
        context.minimum_version = context.maximum_version = version
    except ValueError:
        raise Skip(f"this machine's OpenSSL can't speak {version.name}") from None
    host = "127.0.0.1" if re.search(r"(^|\.)localhost$", where[0]) else where[0]
    try:
        with (
            socket.create_connection((host, where[1]), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=where[0]),
        ):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


TESTS = (
    Test(
        "well_known_endpoint",
        "The SMART configuration is at its address",
        ("disc-1", "disc-2"),
        well_known,
    ),
    Test(
        "well_known_capabilities_stu2",
        "The SMART configuration has what is required",
        ("disc-4", "disc-5", "disc-6", "disc-7", "disc-8", "disc-9"),
        required_members,
    ),
    Test(
        "own_issuer_only_with_openid", "issuer goes with OpenID Connect", ("disc-4",), issuer_only_with_openid
    ),
    Test("own_absolute_addresses", "Every address is absolute", ("disc-3",), absolute),
    Test("own_recommended_members", "What is recommended is there", ("disc-10",), recommended),
    Test("own_authentication_methods", "Methods fit the capabilities", ("disc-11", "auth-7"), methods),
    Test("own_known_capabilities", "Capabilities are known words or URIs", ("disc-13",), known_capabilities),
    Test(
        "g10_smart_well_known_capabilities.standalone",
        "What a standalone launch needs is offered",
        ("disc-14",),
        offered(*_STANDALONE),
    ),
    Test(
        "g10_smart_well_known_capabilities.ehr",
        "What an EHR launch needs is offered",
        ("disc-14",),
        offered(*_EHR),
    ),
    Test(
        "smart_cors_well_known_endpoint",
        "Scripts may read the SMART configuration",
        ("cors-1",),
        cors(WELL_KNOWN),
    ),
    Test("smart_cors_metadata_request", "Scripts may read /metadata", ("cors-1",), cors("/metadata")),
    Test("own_oauth_uris", "The CapabilityStatement names the endpoints", ("disc-15",), oauth_uris),
    Test("smart_tls.authorization", "TLS 1.2 or later to authorize", ("tls-1",), tls("authorization")),
    Test("smart_tls.token", "TLS 1.2 or later for tokens", ("tls-1",), tls("token")),
)
