"""Open an EHR launch as a trusted EHR does, and print the URL at which the app is launched.

`python -m tests.inferno.open_launch FILE`: FILE is JSON with the gateway's base, the EHR's client_id and
private_jwk, the app's client_id and launch URL, and the body of the launch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import urlencode

import requests

from conformance.suites.smart.client import Client


def main() -> None:
    """Print the launch URL with iss and launch."""
    told = json.loads(Path(sys.argv[1]).read_text())
    ehr = Client.of("ehr", told["ehr"])
    endpoint = f"{told['base']}/auth/token"
    credentials, _ = ehr.credentials(endpoint)
    form = {"grant_type": "client_credentials", "scope": "__launch", **credentials}
    token = requests.post(endpoint, data=form, timeout=20)
    token.raise_for_status()
    opened = requests.post(
        f"{told['base']}/auth/launch",
        json={**told["body"], "client_id": told["app"]},
        headers={"Authorization": f"Bearer {token.json()['access_token']}"},
        timeout=20,
    )
    if not opened.ok:
        sys.exit(f"{opened.status_code} {opened.text}")
    launch = opened.json()
    print(f"{told['launch_url']}?{urlencode({'iss': launch['iss'], 'launch': launch['launch']})}")


if __name__ == "__main__":
    main()
