"""What the tests share: the server's documents, the clients of the config, and the launches made so far.

    {"fhir"?: "/fhir",
     "clients": {"public": {"client_id", "redirect_uri", "origin"},
                 "symmetric": {"client_id", "redirect_uri", "client_secret"},
                 "es384" and "rs384": {"client_id", "redirect_uri", "private_jwk"},
                 "backend" and "backend_rs384": {"client_id", "private_jwk", "scope"},
                 "jwks_url"?: {"client_id", "private_jwk", "scope", "jwks_uri"},
                 "ehr"?: {"client_id", "private_jwk"}},
     "values": {"username", "password", …, "decision": "allow"},
     "scopes": {"standalone", "ehr", "v1", "narrow", "granular"?},
     "launch"?: {"path": "/auth/launch", "scope": "__launch", "body": {…}} or {"command": [words]},
     "other_patient"?: id, "user_type"?: "Practitioner"}

`fhir` is the FHIR base: a path below the base URL, or absolute. `values` are form fields and buttons by their
names: whatever sign-in, patient and consent pages ask. A `jwks_uri` on loopback is served by the suite.
`scopes.narrow` names two resource types or more, of which one can be searched by patient; `scopes.granular`
scopes with search parameters. SMART leaves open how an EHR opens a launch: here by a trusted client's POST of
`body`, answered with {"launch", "iss"}, or by a command that prints a launch URL.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from conformance.run.exchanges import Answer, Exchanges
from conformance.run.outcomes import Fail, Omit, Skip, expect
from conformance.suites.smart.browser import Browser, Choice, tick_all
from conformance.suites.smart.client import BadConfig, Client

#: Kinds of apps, and the capability by which a server offers each.
KINDS = {
    "public": "client-public",
    "symmetric": "client-confidential-symmetric",
    "es384": "client-confidential-asymmetric",
    "rs384": "client-confidential-asymmetric",
}
WELL_KNOWN = "/.well-known/smart-configuration"
FOREIGN_ORIGIN = "https://another-app.example"


@dataclass(slots=True)
class SmartSession:
    """One run against one server. Documents are read once, and launches are shared where tests allow it."""

    http: Exchanges
    config: dict[str, Any] = field(repr=False)
    clients: dict[str, Client] = field(repr=False)
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What a test left for later ones: launches by kind, documents by address."""

    @classmethod
    def of(cls, http: Exchanges, config: dict[str, Any]) -> SmartSession:
        """Return a session. Raises BadConfig."""
        for name in ("clients", "values", "scopes"):
            if not isinstance(config.get(name), dict):
                raise BadConfig(f"the config lacks {name}")
        clients = {name: Client.of(name, value) for name, value in config["clients"].items()}
        return cls(http, config, clients)

    @property
    def fhir(self) -> str:
        """Return the FHIR base, absolute, without a slash at its end."""
        given: str = self.config.get("fhir", "/fhir")
        return given if "://" in given else self.http.base + given

    @property
    def tls(self) -> bool:
        """Return whether the server is called over https."""
        return self.http.base.startswith("https:")

    def client(self, name: str) -> Client:
        """Return the client `name`. Raises Omit when no such kind is offered, Skip without a config."""
        capability = KINDS.get(name)
        if capability and capability not in self.capabilities:
            raise Omit(f"the server does not offer {capability}")
        if name not in self.clients:
            raise Skip(f"the config has no clients.{name}")
        return self.clients[name]

    def scopes(self, name: str) -> str:
        """Return the scopes to ask for. Raises Skip when the config does not say."""
        if not self.config["scopes"].get(name):
            raise Skip(f"the config has no scopes.{name}")
        return cast("str", self.config["scopes"][name])

    def document(self, url: str) -> dict[str, Any]:
        """Return a JSON object, read once. Raises Skip when it is not there."""
        if url not in self.kept:
            answer = self.http.get(url)
            try:
                self.kept[url] = answer.json() if answer.status == 200 else None
            except Fail:
                self.kept[url] = None
        if not isinstance(self.kept[url], dict):
            raise Skip(f"no document at {url}")
        return cast("dict[str, Any]", self.kept[url])

    @property
    def configuration(self) -> dict[str, Any]:
        """Return the SMART configuration. Raises Skip."""
        return self.document(self.fhir + WELL_KNOWN)

    @property
    def capabilities(self) -> list[str]:
        """Return what the server says that it can. Raises Skip."""
        found = self.configuration.get("capabilities")
        return found if isinstance(found, list) else []

    def need(self, capability: str) -> None:
        """Return when the server offers `capability`. Raises Omit."""
        if capability not in self.capabilities:
            raise Omit(f"the server does not offer {capability}")

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint, by its name in discovery. Raises Omit when there is none."""
        found = self.configuration.get(f"{name}_endpoint")
        if not isinstance(found, str) or not found:
            raise Omit(f"the server has no {name}_endpoint")
        return found

    def browser(self, choice: Choice = tick_all, **values: str) -> Browser:
        """Return a new browser whose user fills in the config's values, changed by `values`."""
        return Browser(self.http, {**self.config["values"], **values}, choice)

    def token(self, client: Client, fields: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
        """Return the token endpoint's answer to `fields`, the client's credentials added."""
        endpoint = self.endpoint("token")
        credentials, sent = client.credentials(endpoint)
        return self.http.form(endpoint, {**fields, **credentials}, {**sent, **(headers or {})})

    def read(self, path: str, token: str | None, **headers: str) -> Answer:
        """Return the answer to a FHIR GET of `path`, with `token` as Bearer."""
        sent = {"Accept": "application/fhir+json", **headers}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return self.http.get(f"{self.fhir}/{path}", sent)

    def search(self, scope: str, patient: str, token: str) -> Answer:
        """Return the answer to the search by patient of the type that a resource scope names."""
        kind = scope.partition("/")[2].partition(".")[0]
        query = "_id" if kind == "Patient" else "patient"
        return self.read(f"{kind}?{query}={patient}", token)

    def searchable(self, kind: str) -> bool:
        """Return whether the CapabilityStatement lists search for a resource type."""
        rest = self.document(f"{self.fhir}/metadata").get("rest", [{}])[0]
        return any(
            one.get("type") == kind
            and any(interaction.get("code") == "search-type" for interaction in one.get("interaction", []))
            for one in rest.get("resource", [])
        )

    def backend_token(self, name: str = "backend", scope: str = "") -> str:
        """Return an access token of a Backend Services client. Raises Skip."""
        client = self.client(name)
        fields = {"grant_type": "client_credentials", "scope": scope or client.scope}
        answer = self.token(client, fields)
        if answer.status != 200:
            raise Skip(f"no token for clients.{name}: status {answer.status}")
        return cast("str", answer.json().get("access_token"))

    def open_launch(self, client: Client) -> str:
        """Return a launch handle for `client`, as the EHR opens one. Raises Skip, Fail."""
        how = self.config.get("launch")
        if not how:
            raise Skip("the config does not say how a launch is opened")
        if "command" in how:
            done = subprocess.run(  # the tester's own command
                [*how["command"], client.client_id], capture_output=True, text=True, timeout=60, check=False
            )
            query = parse_qs(urlsplit(done.stdout.strip()).query)
            issuer, handle = query.get("iss", [""])[0], query.get("launch", [""])[0]
        else:
            token = self.backend_token("ehr", how.get("scope", "__launch"))
            body = {**how["body"], "client_id": client.client_id}
            answer = self.http.post(how["path"], body, {"Authorization": f"Bearer {token}"})
            expect(answer.status in (200, 201), f"a launch is not opened: status {answer.status}")
            issuer, handle = (str(answer.json().get(name, "")) for name in ("iss", "launch"))
        expect(issuer == self.fhir, "the launch's iss is not the FHIR base, letter by letter")
        expect(handle, "no launch handle")
        return handle
