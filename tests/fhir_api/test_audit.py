"""No record, no disclosure: what the audit holds after each kind of answer, and what happens without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from gateway.core.settings import Settings
from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import CLINIC, Gateway
from tests.support.databases import TestDatabase
from tests.support.processes import Cli, environment

LATEST = """
SELECT outcome, reason, interaction, client_id, username, practitioner, person_id, purpose, grant_id,
       dispensation_ids, dispensation_versions, other_resources
FROM pdmp.audit LEFT JOIN pdmp.account USING (account_id) ORDER BY at DESC, audit_id DESC LIMIT 1
"""
NAMES = (
    "outcome", "reason", "interaction", "client", "account", "practitioner", "person", "purpose", "grant",
    "ids", "versions", "others",
)  # fmt: skip


def latest(database: TestDatabase) -> dict[str, Any]:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(LATEST).fetchone()
    assert row
    return dict(zip(NAMES, row, strict=True))


def counts(database: TestDatabase) -> tuple[int, int]:
    """Return how many audit rows and how many grants there are."""
    statement = "SELECT (SELECT count(*) FROM pdmp.audit), (SELECT count(*) FROM pdmp.disclosure_grant)"
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(statement).fetchone()
    assert row
    return int(row[0]), int(row[1])


@contextmanager
def unwritable_audit(database: TestDatabase) -> Iterator[None]:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("REVOKE INSERT ON pdmp.audit FROM pdmp_gateway")
        try:
            yield
        finally:
            admin.execute("GRANT INSERT ON pdmp.audit TO pdmp_gateway")


def test_a_history_is_recorded_with_the_very_versions_it_showed(
    reported: Gateway, module_database: TestDatabase
) -> None:
    answer = reported.caller().history(parameters(bodies.fenwick()))
    entries = [e["resource"] for e in answer.get_json()["parameter"][0]["resource"]["entry"]]
    shown = {
        (r["id"], int(r["meta"]["versionId"])) for r in entries if r["resourceType"] == "MedicationDispense"
    }
    row = latest(module_database)
    assert (row["outcome"], row["interaction"]) == ("disclosed", "$pdmp-history")
    assert (row["client"], row["account"], row["practitioner"]) == ("ehr", "creech", f"npi:{bodies.CREECH}")
    assert str(row["grant"]) == answer.headers["PDMP-Grant"]
    assert {(str(key), version) for key, version in zip(row["ids"], row["versions"], strict=True)} == shown
    assert row["others"] == [f"Patient/{row['person']}"]
    assert row["purpose"] == "TREAT"


def test_a_page_of_a_search_records_that_page_alone(reported: Gateway, module_database: TestDatabase) -> None:
    caller = reported.caller()
    answer = caller.history(parameters(bodies.fenwick()))
    person = answer.get_json()["parameter"][0]["resource"]["entry"][0]["resource"]["id"]
    page = caller.get(
        f"/fhir/MedicationDispense?patient={person}&_count=2", PDMP_Grant=answer.headers["PDMP-Grant"]
    ).get_json()
    assert page["total"] == 7
    row = latest(module_database)
    assert [str(key) for key in row["ids"]] == [entry["resource"]["id"] for entry in page["entry"]]
    assert row["interaction"] == "search MedicationDispense"


def test_a_refusal_is_recorded_with_its_reason_and_no_person(
    reported: Gateway, module_database: TestDatabase
) -> None:
    asked = parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner("1999100872"))
    assert reported.caller().history(asked).status_code == 200
    row = latest(module_database)
    assert (row["outcome"], row["reason"]) == ("refused", "authorized practitioner has no account")
    assert row["person"] is None
    assert row["ids"] == []


def test_nobody_and_undecided_are_recorded(reported: Gateway, module_database: TestDatabase) -> None:
    reported.caller().history(parameters(bodies.patient("Nobody", "Ida", "1901-01-01")))
    assert latest(module_database)["outcome"] == "no-data"
    reported.caller().history(parameters(bodies.bell()))
    assert latest(module_database)["outcome"] == "unresolved"


def test_a_call_that_cannot_be_answered_is_recorded_as_failed(
    reported: Gateway, module_database: TestDatabase
) -> None:
    partial = bodies.patient("Fenwick", "Loretta", "1968")
    assert reported.caller().history(parameters(partial)).status_code == 200
    row = latest(module_database)
    assert (row["outcome"], row["client"]) == ("failed", "ehr")
    assert "birthDate" in row["reason"]


def test_a_read_without_a_grant_is_refused_and_recorded(
    reported: Gateway, module_database: TestDatabase
) -> None:
    reported.register("stranger")
    missing = "00000000-0000-7000-8000-000000000000"
    answer = reported.caller("stranger").get(f"/fhir/MedicationDispense/{missing}")
    assert answer.status_code == 403
    row = latest(module_database)
    assert (row["outcome"], row["client"]) == ("refused", "stranger")
    assert row["others"] == [f"MedicationDispense/{missing}"]


def test_without_the_audit_nothing_is_disclosed_and_no_grant_is_left(
    reported: Gateway, module_database: TestDatabase
) -> None:
    caller = reported.caller()
    control = caller.history(parameters(bodies.fenwick()))
    assert control.status_code == 200
    person = control.get_json()["parameter"][0]["resource"]["entry"][0]["resource"]["id"]
    before = counts(module_database)
    with unwritable_audit(module_database):
        answers = [
            caller.history(parameters(bodies.fenwick())),
            caller.get(
                f"/fhir/MedicationDispense?patient={person}", PDMP_Grant=control.headers["PDMP-Grant"]
            ),
            caller.get(f"/fhir/Patient/{person}", PDMP_Grant=control.headers["PDMP-Grant"]),
            caller.history(
                parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner("1999100872"))
            ),
        ]
    for answer in answers:
        assert answer.status_code >= 500
        assert answer.get_json()["resourceType"] == "OperationOutcome"
        assert "Fenwick" not in answer.text
    assert counts(module_database) == before
    assert caller.history(parameters(bodies.fenwick())).status_code == 200


@pytest.mark.parametrize("member", ["client", "token"])
def test_revocation_holds_from_the_next_request(
    reported: Gateway, module_database: TestDatabase, member: str
) -> None:
    client_id = f"revoked-{member}"
    reported.register(client_id, organizations=(CLINIC,))
    caller = reported.caller(client_id)
    assert caller.history(parameters(bodies.fenwick())).status_code == 200
    statement = {
        "client": "UPDATE pdmp.client SET disabled_at = now() WHERE client_id = %s",
        "token": "UPDATE pdmp.access_token SET revoked_at = now() WHERE client_id = %s",
    }[member]
    with psycopg.connect(module_database.admin_url, autocommit=True) as admin:
        admin.execute(statement, (client_id,))
    answer = caller.history(parameters(bodies.fenwick()))
    assert answer.status_code == {"client": 403, "token": 401}[member]


def test_audit_list_tells_each_row_with_the_versions_shown(
    reported: Gateway, module_settings: Settings
) -> None:
    reported.caller().history(parameters(bodies.fenwick()))
    cli = Cli(environment(module_settings))
    last = json.loads(cli("audit", "list", "--json", "--account", "creech").stdout.splitlines()[-1])
    assert (last["outcome"], last["client"], last["account"]) == ("disclosed", "ehr", "creech")
    assert f"Patient/{last['person']}" in last["resources"]
    assert any("/_history/" in text for text in last["resources"])
    columns = cli("audit", "list", "--person", last["person"]).stdout.splitlines()[-1].split("\t")
    names = ("time", "outcome", "reason", "client", "account", "practitioner", "person", "purpose")
    assert columns[:8] == [last[name] or "-" for name in names]
    assert columns[8].split() == last["resources"]
    assert cli("audit", "list", "--since", "2999-01-01").stdout == ""
    assert cli("audit", "list", "--since", "yesterday").returncode == 2


def test_a_grant_that_ended_long_ago_is_forgotten_and_a_live_one_is_kept(
    reported: Gateway, module_database: TestDatabase
) -> None:
    from gateway.store import tokens

    ended = reported.caller().history(parameters(bodies.fenwick())).headers["PDMP-Grant"]
    live = reported.caller().history(parameters(bodies.fenwick())).headers["PDMP-Grant"]
    with psycopg.connect(module_database.admin_url, autocommit=True) as admin:
        admin.execute(
            "UPDATE pdmp.disclosure_grant SET expires_at = now() - interval '2 days' WHERE grant_id = %s",
            (ended,),
        )
        with reported.services.database.connection() as connection:
            tokens.purge(connection)
        left = admin.execute(
            "SELECT grant_id::text FROM pdmp.disclosure_grant WHERE grant_id = ANY(%s::uuid[])",
            ([ended, live],),
        ).fetchall()
        named = admin.execute("SELECT count(*) FROM pdmp.audit WHERE grant_id = %s", (ended,)).fetchone()
    assert left == [(live,)]
    assert named == (1,)
