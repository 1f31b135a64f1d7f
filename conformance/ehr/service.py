"""The double as a CDS client: signed calls to one registered CDS service on this machine.

CDS Hooks 2.0 §discovery, §http-request, §trusting-cds-clients, §feedback. Every call carries a JWT of its
own (ES384, five minutes, `aud` the address that is called). Nothing leaves loopback: the names below
`localhost` are mapped to it here, other hosts are refused, redirects are not followed, proxies not asked.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from conformance.ehr.book import Cds
from conformance.ehr.context import Ehr
from conformance.ehr.settings import loopback

log = logging.getLogger(__name__)

#: Seconds that a user waits for advice; CDS Hooks wants half of one.
PATIENCE = 10.0
_TOKEN_LIFE = 300
_MOST_BYTES = 512 * 1024


class ServiceFailed(Exception):
    """No usable answer. The message is for the user of the screen and holds nothing of the patient."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One service of the discovery answer."""

    id: str
    hook: str
    title: str
    prefetch: Mapping[str, str]


def discover(ehr: Ehr, cds: Cds) -> list[Offer]:
    """Return what the service offers. Raises ServiceFailed."""
    answer = _call(ehr, cds, "GET", cds.services_url, None)
    services = answer.get("services") if isinstance(answer, dict) else None
    if not isinstance(services, list):
        raise ServiceFailed("Its list of services can't be read.")
    return [offer for entry in services if (offer := _offer(entry))]


def call(ehr: Ehr, cds: Cds, offer: Offer, body: Mapping[str, Any]) -> object:
    """Return the answer of one service to one hook. Raises ServiceFailed."""
    return _call(ehr, cds, "POST", _address(cds, offer.id), body)


def send_feedback(ehr: Ehr, cds: Cds, service: str, entry: Mapping[str, Any]) -> threading.Thread:
    """Tell a service what became of its card, behind the user's back: nobody waits for it.

    Return the thread that does; it ends without error whatever the service says.
    """

    def tell() -> None:
        try:
            _call(ehr, cds, "POST", f"{_address(cds, service)}/feedback", {"feedback": [dict(entry)]})
        except ServiceFailed as error:
            log.warning("cds_feedback_failed", extra={"reason": str(error)})

    thread = threading.Thread(target=tell, name="cds-feedback", daemon=True)
    thread.start()
    return thread


def _address(cds: Cds, service: str) -> str:
    return f"{cds.services_url}/{quote(service, safe='')}"


def _offer(raw: object) -> Offer | None:
    if not isinstance(raw, dict) or not all(isinstance(raw.get(name), str) for name in ("id", "hook")):
        return None
    prefetch = raw.get("prefetch")
    templates = prefetch.items() if isinstance(prefetch, dict) else ()
    return Offer(
        id=raw["id"],
        hook=raw["hook"],
        title=str(raw.get("title") or raw["id"])[:80],
        prefetch={key: value for key, value in templates if isinstance(value, str)},
    )


def _call(ehr: Ehr, cds: Cds, method: str, url: str, body: Mapping[str, Any] | None) -> object:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not loopback(host):
        raise ServiceFailed("Its address is not on this machine.")
    named = host == "localhost" or host.endswith(".localhost")
    here = f"127.0.0.1:{parts.port or 80}" if named else parts.netloc
    headers = {
        "Host": parts.netloc,
        "Accept": "application/json",
        "Authorization": f"Bearer {_token(ehr, cds, url)}",
    }
    if body is not None:
        headers["Content-Type"] = "application/json"
    deadline = time.monotonic() + PATIENCE
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.request(
                method,
                parts._replace(netloc=here).geturl(),
                data=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=PATIENCE,
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = _content(answer, deadline)
                status = answer.status_code
    except requests.Timeout:
        raise ServiceFailed(_too_slow()) from None
    except requests.RequestException:
        raise ServiceFailed("It does not answer.") from None
    if status not in (200, 201, 202, 204):
        raise ServiceFailed(_STATUSES.get(status, f"It answered with HTTP status {status}."))
    if not content:
        return {}
    try:
        parsed: object = json.loads(content)
    except ValueError:
        raise ServiceFailed("Its answer is not JSON.") from None
    return parsed


def _content(answer: requests.Response, deadline: float) -> bytes:
    content = b""
    for chunk in answer.iter_content(16 * 1024):
        content += chunk
        if len(content) > _MOST_BYTES:
            raise ServiceFailed("Its answer is too long.")
        if time.monotonic() > deadline:
            raise ServiceFailed(_too_slow())
    return content


def _too_slow() -> str:
    return f"It did not answer within {PATIENCE:.0f} seconds."


_STATUSES = {
    401: "It does not accept this EHR’s signature (HTTP status 401).",
    403: "It does not permit this EHR (HTTP status 403).",
    404: "It does not know this address (HTTP status 404).",
    412: "It could not get the data that it needs (HTTP status 412).",
}


def _token(ehr: Ehr, cds: Cds, url: str) -> str:
    # The specification's clock is the world's, not the double's adjustable one.
    now = int(time.time())
    claims = {
        "iss": ehr.settings.base_url,
        "aud": url,
        "iat": now,
        "exp": now + _TOKEN_LIFE,
        "jti": secrets.token_urlsafe(24),
    }
    return ehr.hook_key.sign(
        claims, jku=f"{ehr.settings.base_url}/.well-known/jwks.json" if cds.jku else None
    )
