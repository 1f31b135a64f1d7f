"""Alerts and computed figures of the sample files, from the pharmacy's file to the FHIR answer.

Expected are the figures in the notes of the files: exact, on the day 2026-11-20.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest

from gateway.clinical.figures import text
from gateway.clinical.picture import picture
from gateway.clinical.runs import Run
from gateway.core.access import Grant, Practitioner, Purpose, Window
from gateway.core.disclosure import DispenseQuery
from gateway.disclose.computed import entries
from gateway.embedded import Urls
from gateway.mapping.facts import Fact, facts
from gateway.store import dispensations
from gateway.store.dispensations import AuditContext
from tests.clinical.people import people, rules
from tests.fhir_api import asap, bodies
from tests.fhir_api.answered import Answer
from tests.fhir_api.conftest import NPI, Gateway
from tests.fhir_api.overlays import FOLDER as OVERLAYS
from tests.fhir_api.overlays import gateway_with
from tests.support.databases import TestDatabase

FILES = ("01", "02", "03", "04", "12", "17", "25", "26", "27", "30")
PROGRAMME = "1999002110"


@pytest.fixture(scope="module")
def overlaid(
    servers: Urls, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("overlaid")
    with gateway_with(servers, module_database, home, *FILES, PDMP_PART2_DISPENSERS=PROGRAMME) as made:
        yield made


def ask(gateway: Gateway, name: str, who: str, *, facts: bool = True) -> Answer:
    path = next(OVERLAYS.glob(f"{name}-*.truth.json"))
    (person,) = [p for p in json.loads(path.read_text())["patients"] if who in (p["person"], p["first"])]
    patient = bodies.patient(person["last"], person["first"], person["birth_date"], **_evidence(name, person))
    more: dict[str, Any] = {"computed_facts": {"valueBoolean": True}} if facts else {}
    answer = gateway.caller().history(bodies.parameters(patient, **more))
    assert answer.status_code == 200, answer.text
    return Answer(answer.data)


def _evidence(name: str, person: dict[str, Any]) -> dict[str, Any]:
    """Return the address under which the file reports the person."""
    text = next(OVERLAYS.glob(f"{name}-*.asap")).read_text()
    for segment in text.replace("\n", "").split("~"):
        e = segment.split("*")
        if e[0] == "PAT" and (e[7], e[8]) == (person["last"], person["first"]):
            return {"address": [{"line": [e[12]], "city": e[14], "state": e[15], "postalCode": e[16]}]}
    raise AssertionError(person)


def test_without_being_asked_an_answer_has_alerts_and_no_figures(overlaid: Gateway) -> None:
    answer = ask(overlaid, "01", "loretta", facts=False)
    assert answer.of("Observation") == []
    assert set(answer.alerts) == {"mme-50", "opioid+benzodiazepine"}


def test_asking_for_no_figures_and_not_asking_are_the_same(overlaid: Gateway) -> None:
    patient = bodies.patient("Fenwick", "Loretta", "1968-04-11", **bodies.ssn("999700101"))
    for value, count in ((False, 0), (True, 20)):
        body = bodies.parameters(patient, computed_facts={"valueBoolean": value})
        assert len(Answer(overlaid.caller().history(body).data).of("Observation")) >= count
        assert value or Answer(overlaid.caller().history(body).data).of("Observation") == []
    wrong = bodies.parameters(patient, computed_facts={"valueString": "yes"})
    assert overlaid.caller().history(wrong).status_code == 400


def test_an_alert_names_rule_source_window_table_days_and_rows(overlaid: Gateway) -> None:
    answer = ask(overlaid, "01", "loretta", facts=False)
    alert = answer.alerts["mme-50"]
    assert alert["status"] == "final"
    category = alert["code"]["coding"][0]
    assert category["system"] == "http://terminology.hl7.org/CodeSystem/PMIXPatientAlertCatCode"
    assert (category["code"], category["display"]) == ("05", "MME alert")
    assert alert["identifiedPeriod"] == {"start": "2026-09-05", "end": "2026-12-03"}
    assert answer.rows(alert["implicated"]) == {"5010001", "5010002", "5010003"}
    assert "60 MME a day" in alert["code"]["text"]
    for words in (
        "At least 50 MME a day on any day",
        "MMWR Recomm Rep 2022;71(RR-3)",
        "Looked at 2026-08-23 to 2026-12-16",
        "Counts fills from 2025-11-20 on",
        "CDC 2022",
        "sickle cell disease",
        "palliative",
    ):
        assert words in alert["detail"]
    assert "severity" not in alert
    assert alert["meta"]["source"]
    overlap = answer.alerts["opioid+benzodiazepine"]
    assert overlap["code"]["coding"][0]["code"] == "04"
    assert overlap["identifiedPeriod"] == {"start": "2026-10-20", "end": "2026-12-03"}
    assert "45 days" in overlap["code"]["text"]


def test_alerts_keep_their_ids(overlaid: Gateway) -> None:
    one, other = (ask(overlaid, "01", "loretta", facts=asked) for asked in (False, True))
    assert one.of("DetectedIssue") == other.of("DetectedIssue")


def test_01_overlap_dose_and_early_fill(overlaid: Gateway) -> None:
    answer = ask(overlaid, "01", "loretta")
    assert answer.value("mme-today") == 60
    assert answer.facts["mme-today"]["method"] == {"text": "CDC 2022"}
    assert answer.value("overlap-opioid+benzodiazepine") == 45
    assert answer.value("overlap-opioid+gabapentinoid") == 0
    assert (answer.value("prescribers"), answer.value("dispensers")) == (2, 2)
    assert answer.value("early-fills") == 1
    assert "2 days early" in json.dumps(answer.facts["early-fills"]["note"])
    assert answer.value("days-since-last-fill") == 3
    assert answer.value("opioid-days-covered") == 77
    assert answer.value("provider-episodes") == 0
    # 60 on 77 days (5 September to 20 November) of 366.
    assert answer.value("mme-mean") == Decimal("12.622950819")
    assert answer.value("mme-mean-covered") == 60


def test_02_many_providers_and_a_doubled_day_at_each_change(overlaid: Gateway) -> None:
    answer = ask(overlaid, "02", next(iter(_first_names("02"))))
    for code in ("providers-5-5-90-days", "providers-6-6-6-months"):
        alert = answer.alerts[code]
        assert alert["code"]["coding"][0]["code"] == "03"
        assert alert["identifiedPeriod"] == {"start": "2026-09-01", "end": "2026-11-10"}
        assert len(alert["implicated"]) == 6
        assert "had cancer" in alert["detail"]
    assert (answer.value("prescribers"), answer.value("dispensers"), answer.value("mme-peak")) == (6, 6, 80)
    assert (answer.value("mme-today"), answer.value("provider-episodes")) == (40, 1)


def test_03_methadone_and_patch_add_up_with_the_tables_name(overlaid: Gateway) -> None:
    answer = ask(overlaid, "03", next(iter(_first_names("03"))))
    assert (answer.value("mme-today"), answer.value("mme-peak")) == (261, 261)
    assert "261 MME a day" in answer.alerts["mme-90"]["code"]["text"]
    assert "Table of factors: CDC 2022" in answer.alerts["mme-90"]["detail"]


def test_25_what_tells_of_programme_rows_is_labelled(overlaid: Gateway) -> None:
    answer = ask(overlaid, "25", "jo")
    peak = answer.facts["mme-peak"]
    assert answer.value("mme-peak") == 752
    assert answer.value("overlap-opioid+benzodiazepine") == 6
    for resource in (answer.alerts["mme-90"], answer.alerts["opioid+benzodiazepine"], peak):
        assert "42CFRPart2" in {label["code"] for label in resource["meta"]["security"]}
    assert "2 daily doses together, 1 of them to take home" in answer.alerts["mme-90"]["detail"]


def test_26_days_together_are_those_of_the_notes(overlaid: Gateway) -> None:
    answer = ask(overlaid, "26", "four")
    assert {
        code: answer.value(f"overlap-{code}")
        for code in (
            "opioid+benzodiazepine",
            "opioid+gabapentinoid",
            "opioid+carisoprodol",
            "opioid+benzodiazepine+carisoprodol",
            "opioid+benzodiazepine+carisoprodol+gabapentinoid",
            "opioid-twice",
        )
    } == {
        "opioid+benzodiazepine": 30,
        "opioid+gabapentinoid": 30,
        "opioid+carisoprodol": 14,
        "opioid+benzodiazepine+carisoprodol": 10,
        "opioid+benzodiazepine+carisoprodol+gabapentinoid": 7,
        "opioid-twice": 2,
    }
    left = [o for o in answer.of("Observation") if o["code"]["coding"][0]["code"] == "days-supply-left"]
    assert len({o["id"] for o in left}) == len(left) > 1
    assert "mme-50" in answer.alerts
    assert "mme-90" not in answer.alerts


@pytest.mark.parametrize("who", ["fifty", "ninety", "below-ninety", "sum-fifty", "below-fifty"])
def test_27_alert_and_figure_agree_at_the_threshold(overlaid: Gateway, who: str) -> None:
    truth = json.loads(next(OVERLAYS.glob("27-*.truth.json")).read_text())
    answer = ask(overlaid, "27", who)
    peak = answer.value("mme-peak")
    assert peak == Decimal(truth["numbers"][who]["daily_mme"][0]["mme"])
    for limit in (50, 90):
        reached = truth[f"at_or_above_{limit}"][who]
        assert (f"mme-{limit}" in answer.alerts) is reached
        assert (peak >= limit) is reached
    for alert in answer.alerts.values():
        if alert["code"]["coding"][0]["code"] == "05":
            assert f"highest {peak} MME" in alert["code"]["text"]


def test_every_figure_points_at_rows_of_the_answer_and_says_what_it_counts(overlaid: Gateway) -> None:
    for name in FILES:
        for who in _first_names(name):
            answer = ask(overlaid, name, who)
            subject = {"reference": f"Patient/{answer.of('Patient')[0]['id']}"}
            for fact in answer.of("Observation"):
                assert fact["subject"] == subject
                assert ("dataAbsentReason" in fact) != ("valueInteger" in fact or "valueQuantity" in fact)
                assert "Counts fills from 2025-11-20 on" in fact["note"][-1]["text"]
                answer.rows([e["valueReference"] for e in fact.get("extension", [])])
            for alert in answer.of("DetectedIssue"):
                assert alert["patient"] == subject
                answer.rows(alert["implicated"])
                for evidence in alert.get("evidence", []):
                    answer.rows(evidence["detail"])
            ids = [(e["resource"]["resourceType"], e["resource"]["id"]) for e in answer.entries]
            assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", FILES)
def test_what_the_store_keeps_gives_the_figures_of_the_file(overlaid: Gateway, name: str) -> None:
    """The same by two ways: read by ingest and stored in columns, and split by the tests' own reader."""
    window = Run(dt.date(2025, 11, 20), dt.date(2026, 11, 20))
    for who in _first_names(name):
        answer = ask(overlaid, name, who)
        whole = picture(people(name)[who], rules(), window)
        wanted = sorted((f.code, _shown(f)) for f in facts(whole, rules().thresholds))
        got = [(o["code"]["coding"][0]["code"], _value(o)) for o in answer.of("Observation")]
        # The tests' own reader has no addresses.
        assert sorted(one for one in got if not one[0].startswith("distance-")) == wanted
        assert sorted(answer.alerts) == sorted({alert.code for alert in whole.alerts})


def _shown(fact: Fact) -> str:
    return "absent" if fact.value is None else text(Fraction(fact.value), 9)


def _value(observation: dict[str, Any]) -> str:
    if "dataAbsentReason" in observation:
        return "absent"
    if "valueInteger" in observation:
        return str(observation["valueInteger"])
    return f"{observation['valueQuantity']['value']}"


def test_what_cannot_be_counted_is_absent_or_named_and_never_zero(overlaid: Gateway) -> None:
    who = (
        "PAT**07*99970{n}****Yoder*{given}****{n} Quarry Lane**Paris*KY*40361*8595550{n}*1970010{d}*F*01*01~"
    )
    unknown, known = "99998123401", asap.OXYCODONE
    segments = [
        who.format(n=411, given="Abel", d=1),
        *asap.fill("5990001", "20261110", unknown, 30, asap.CREECH),
        who.format(n=412, given="Cora", d=2),
        *asap.fill("5990002", "20261110", unknown, 30, asap.CREECH),
        *asap.fill("5990003", "20261110", known, 30, asap.CREECH),
    ]
    assert asap.report(overlaid.services, "A-9", segments)["status"] == "accepted"
    blind = _person(overlaid, "Abel", "1970-01-01", "411")
    for code in ("mme-today", "mme-peak", "mme-mean", "mme-mean-covered"):
        fact = blind.facts[code]
        assert fact["dataAbsentReason"]["coding"][0]["code"] == "unknown"
        assert "1 of 1 not counted" in fact["note"][0]["text"]
        assert "unknown drug" in fact["note"][0]["text"]
    partly = _person(overlaid, "Cora", "1970-01-02", "412")
    assert partly.value("mme-today") == 15
    assert "1 of 2 not counted" in partly.facts["mme-today"]["note"][0]["text"]


def _person(gateway: Gateway, given: str, born: str, number: str) -> Answer:
    place = {"line": [f"{number} Quarry Lane"], "city": "Paris", "state": "KY", "postalCode": "40361"}
    body = bodies.parameters(
        bodies.patient("Yoder", given, born, address=[place]), computed_facts={"valueBoolean": True}
    )
    return Answer(gateway.caller().history(body).data)


def test_the_rules_of_the_alerts_are_published_with_their_sources(overlaid: Gateway) -> None:
    answer = overlaid.http.get("/fhir/CodeSystem/alert-rule")
    codes = {one["code"]: one["definition"] for one in answer.get_json()["concept"]}
    assert {"mme-50", "mme-90", "opioid+benzodiazepine", "providers-5-5-90-days"} <= set(codes)
    assert "Delcher" in codes["providers-5-5-90-days"]
    for name in FILES:
        for who in _first_names(name):
            assert set(ask(overlaid, name, who, facts=False).alerts) <= set(codes)


def _first_names(name: str) -> list[str]:
    truth = json.loads(next(OVERLAYS.glob(f"{name}-*.truth.json")).read_text())
    return [p["first"] for p in truth["patients"]]


def test_who_may_not_see_programme_rows_learns_nothing_of_them_from_what_is_computed(
    overlaid: Gateway,
) -> None:
    services = overlaid.services
    ask(overlaid, "25", "jo")
    with services.database.connection() as connection:
        person_id, client, account = (
            connection.execute(
                "SELECT g.person_id, g.client_id, g.account_id FROM pdmp.disclosure_grant g"
                " JOIN pdmp.dispensation_version d USING (jurisdiction, person_id)"
                " WHERE d.restriction IS NOT NULL AND d.dispensation_id IN (SELECT dispensation_id"
                " FROM pdmp.dispensation_version WHERE rx_number LIKE '525000%') LIMIT 1"
            ).fetchone()
            or ()
        )
        grant = Grant(
            jurisdiction="KY",
            person_id=person_id,
            client_id=client,
            account_id=account,
            practitioner=Practitioner(npi=NPI),
            purpose=Purpose.TREATMENT,
            window=Window(dt.date(2025, 11, 20), dt.date(2026, 11, 20)),
            restricted=False,
        )
        page = dispensations.page(
            connection,
            grant,
            DispenseQuery(count=100),
            AuditContext("test", uuid4(), "test"),
            with_requests=False,
            with_patient=False,
            with_columns=True,
        )
    made = entries(services.mappings, grant, page.columns, dt.date(2026, 11, 20), with_facts=True)
    shown = {entry.id for entry in page.dispenses}
    assert len(shown) == 1
    for entry in made:
        body = entry.body.decode()
        assert set(re.findall(r"MedicationDispense/([0-9a-f-]{36})", body)) <= shown
        assert "42CFRPart2" not in body
    assert not [e for e in made if e.type == "DetectedIssue"]
    facts = {json.loads(e.body)["code"]["coding"][0]["code"]: json.loads(e.body) for e in made}
    assert facts["mme-peak"]["valueQuantity"]["value"] == 0
    assert facts["prescribers"]["valueInteger"] == 1
    assert "Counts all 1 dispensation of this answer" in facts["prescribers"]["note"][0]["text"]
