"""Yardstick (b): `fhirstarter`, searching MedicationDispense in the same table.

Written as its own example is: what the database holds becomes dicts, these a Bundle of models, which the
framework validates and writes. It reads the same rows by the same index and takes the stored JSON, so that no
mapping is charged to it; it does no authentication, no policy and no audit.
"""

# No `from __future__ import annotations` here: the framework reads the handler's annotations as they are.
import json
import os
import threading
import warnings

import psycopg

warnings.simplefilter("ignore")
os.environ.setdefault("FHIR_SEQUENCE", "R4B")

from fhir.resources.R4B.bundle import Bundle  # noqa: E402
from fhir.resources.R4B.medicationdispense import MedicationDispense  # noqa: E402
from fhirstarter import FHIRProvider, FHIRStarter, InteractionContext  # noqa: E402

_ROWS = """
SELECT dispense_resource FROM pdmp.dispensation_version
WHERE jurisdiction = %s AND person_id = %s AND superseded_at IS NULL AND NOT voided
ORDER BY filled_on DESC, dispensation_id DESC
"""

_local = threading.local()
provider = FHIRProvider()


def _connection() -> psycopg.Connection[tuple[bytes]]:
    kept: psycopg.Connection[tuple[bytes]] | None = getattr(_local, "connection", None)
    if kept is None:
        kept = psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True, options="-c jit=off")
        kept.prepare_threshold = 2
        _local.connection = kept
    return kept


@provider.search_type(MedicationDispense)
def search(context: InteractionContext, patient: str | None) -> Bundle:
    """Return the person's dispensations, newest first."""
    rows = _connection().execute(_ROWS, ("KY", patient)).fetchall()
    base = os.environ["BENCH_FHIR_BASE"]
    entries = []
    for (stored,) in rows:
        resource = json.loads(stored)
        entries.append(
            {
                "fullUrl": f"{base}/MedicationDispense/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
        )
    return Bundle(**{"type": "searchset", "total": len(entries), "entry": entries})


app = FHIRStarter(title="fhirstarter")
app.add_providers(provider)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Say that the process serves."""
    return {"status": "ok"}
