"""What alerts and figures cost beside the FHIR answer that carries them: CPU of server and database.

Three answers to the same request, round by round: by a gateway whose jurisdiction has no alert rules (the
answer by itself), with alerts, and with figures as well. Nothing is kept between requests, so every figure is
a cold one. Alone: `python -m tests.bench.arithmetic`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth.accounts import add_account
from gateway.auth.registration import register_client
from gateway.core.settings import Settings
from gateway.store.database import Database
from gateway.store.vault import Vault
from tests.bench import cpu, house, ingest, people
from tests.bench.load import Call, burst
from tests.support.databases import TestDatabase, fresh_database, run_servers
from tests.support.processes import free_port

#: What alerts may cost at most, as a share of the answer's own cost.
OF_ANSWER = 0.5
SIZE = 300
KINDS = ("answer", "alerts", "figures")


@dataclass(frozen=True, slots=True)
class Sample:
    """One burst: CPU milliseconds a request of server and database, p50, bytes of one answer."""

    cpu: float
    p50: float
    bytes: int


def measure(
    settings: Settings, database: TestDatabase, scratch: Path, rounds: int, seconds: float
) -> dict[str, Any]:
    """Return the figures, printed as a table too. The people of the bench must be loaded."""
    requester = _requester(settings)
    plain = replace(settings, mappings_dir=_without_rules(settings.mappings_dir, scratch / "no-rules"))
    server = house.postmaster(database)
    samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
    with (
        house.gunicorn(settings, None, scratch / "alerts.log") as ours,
        house.gunicorn(plain, "gateway.wsgi:application()", scratch / "plain.log") as bare,
    ):
        for _ in range(rounds):
            requester.sign_in()
            asked = requester.history(SIZE)
            calls = {
                "answer": (replace(asked, port=bare.port), bare.pid),
                "alerts": (asked, ours.pid),
                "figures": (_with_facts(asked), ours.pid),
            }
            for kind, (call, root) in calls.items():
                samples[kind].append(_sample(call, seconds, (root, server)))
    found = summary(samples)
    print("\n".join(table(found)))
    return found


def summary(samples: Mapping[str, list[Sample]]) -> dict[str, Any]:
    """Return medians over the rounds, and shares of the answer's own cost."""
    found: dict[str, Any] = {"rows": SIZE, "target": OF_ANSWER}
    for kind, listed in samples.items():
        found[kind] = {
            "cpu": median(one.cpu for one in listed),
            "p50": median(one.p50 for one in listed),
            "bytes": listed[0].bytes,
        }
        if kind != "answer":
            pairs = zip(listed, samples["answer"], strict=True)
            found[kind]["of_answer"] = median([one.cpu / own.cpu - 1 for one, own in pairs])
    return found


def table(found: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table, with the target."""
    lines = [f"arithmetic for {found['rows']} dispensations, CPU of server and database a request"]
    for kind in KINDS:
        one = found[kind]
        line = f"  {kind:<8}{one['cpu']:>8.2f} ms   p50 {one['p50']:>7.2f} ms   {one['bytes'] // 1024:>5} KB"
        if kind != "answer":
            line += f"   + {one['of_answer']:.2f} of the answer"
        if kind == "alerts":
            line += f"   ≤ {OF_ANSWER}  {'met' if one['of_answer'] <= OF_ANSWER else 'ABOVE'}"
        lines.append(line)
    return lines


def _sample(call: Call, seconds: float, roots: tuple[int, ...]) -> Sample:
    # First requests: connections, prepared statements, the memory of equal packages.
    burst(call, concurrency=1, seconds=0, at_least=12)
    before = cpu.seconds(*roots)
    measured = burst(call, concurrency=1, seconds=seconds)
    used = cpu.seconds(*roots) - before
    if measured.failures or not measured.times:
        raise RuntimeError(f"{measured.failures} failures")
    return Sample(
        used / len(measured.times) * 1e3, measured.percentile(0.5) * 1e3, len(house.once(call).body)
    )


def _with_facts(call: Call) -> Call:
    head, _, body = call.raw.partition(b"\r\n\r\n")
    sent = json.loads(body)
    sent["parameter"].append({"name": "computed-facts", "valueBoolean": True})
    first, _, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if not line.startswith("Content-Length"))
    return Call.make(call.port, "POST", first.split(" ")[1], headers, json.dumps(sent).encode())


def _without_rules(mappings: Path, folder: Path) -> Path:
    """Return a copy of the tables whose jurisdiction has no alert rules."""
    shutil.copytree(mappings, folder)
    state = folder / "jurisdictions" / "ky.toml"
    kept, mark, _ = state.read_text(encoding="utf-8").partition("[alerts]\n")
    if not mark:
        raise RuntimeError("the jurisdiction has no section of alerts to leave out")
    state.write_text(kept, encoding="utf-8")
    return folder


def _requester(settings: Settings) -> house.Requester:
    key = ec.generate_private_key(ec.SECP384R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    client = {
        "client_name": "Bench of arithmetic",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{**public, "kid": "bench", "alg": "ES384", "use": "sig"}]},
        "scope": "system/MedicationDispense.rs",
        "organizations": [house.ORGANIZATION],
    }
    store = Database(settings.database_url or "")
    try:
        register_client(store, client, client_id="bench-arithmetic", upsert=True)
        add_account(
            store,
            Vault.of(settings),
            username="bench",
            role="practitioner",
            given_name="Bea",
            family_name="Bench",
            password="correct horse battery staple 9",
            npi=house.NPI,
            organizations=(house.ORGANIZATION,),
            upsert=True,
        )
    finally:
        store.close()
    return house.Requester(settings, "bench-arithmetic", key)


def main() -> int:
    """Measure this alone, on servers of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="pdmp-bench-") as folder,
        run_servers(f"bench{uuid.uuid4().hex[:8]}") as urls,
        fresh_database(urls) as database,
    ):
        scratch = Path(folder)
        settings = house.settings_for(urls, database, scratch / "home", free_port())
        loader = ingest.Loader.open(settings)
        text = people.file_of(SIZE, house.TODAY, settings.mappings_dir)
        loader.load(text.encode(), "history.asap")
        loader.close()
        measure(settings, database, scratch, rounds=5, seconds=1.5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
