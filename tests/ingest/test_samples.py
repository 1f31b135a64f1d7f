"""Every sample file comes out as its note says, or as an outcome that is also allowed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.store import DATA, Store

_NOT_YET = {"09-version-4.2A", "10-version-4.1", "11-version-5.0"}
_NEEDS = {
    "06b-whole-file-void": "06a-to-be-voided",
    "08b-sent-twice": "08a-sent-twice",
    "08c-same-records-new-control-number": "08a-sent-twice",
    "18b-never-sold-void": "18a-sale-not-reported",
    "19b-spellings-again": "19a-spellings",
    "19c-void-by-one-identifier": "19a-spellings",
    "28b-mended-as-revision": "28a-refused-record",
}
_OVERLAYS = sorted(path.stem for path in (DATA / "overlays").glob("*.asap"))
#: Where the rule for persons may leave descriptions apart, what it makes of them.
_PERSONS = {"15-name-variants": 7, "29-renamed-and-moved": 4}


def truth(name: str) -> dict[str, Any]:
    return dict(json.loads((DATA / "overlays" / f"{name}.truth.json").read_text()))


@pytest.mark.parametrize("name", [name for name in _OVERLAYS if name != "05-revise-and-void"])
def test_an_overlay_comes_out_as_its_note_says(store: Store, overlays: Path, name: str) -> None:
    expected = truth(name)
    if name in _NEEDS:
        store.load(overlays / f"{_NEEDS[name]}.asap")
    answer = store.load(overlays / f"{name}.asap")
    if name in _NOT_YET:
        assert answer["status"] == "refused"
        assert "4.2B" in answer["errors"][0]["message"]
        assert store.live == 0
        return
    assert answer["status"] == expected["expected"]
    assert answer["control_number"] == expected["control_number"]
    counts = dict(expected.get("answer", {}))
    if counts.get("warned", 0) is None:
        del counts["warned"]
    assert {key: answer[key] for key in counts} == counts
    for code in expected.get("warnings", ()):
        assert code in {problem["code"] for problem in answer["errors"]}
    if "live_dispensings_after" in expected:
        assert store.live == expected["live_dispensings_after"]
    elif "patients" in expected and name not in _NEEDS:
        _rows_are_those_of(store, expected)
        assert store.persons == _PERSONS.get(name, len(expected["patients"]))


def _rows_are_those_of(store: Store, expected: dict[str, Any]) -> None:
    wanted = {
        (
            d["rx_number"],
            d["fill_number"],
            d["date_filled"],
            d["partial_fill"] or "00",
            d["ndc"],
            d["quantity"],
        )
        for patient in expected["patients"]
        for d in patient["dispensings"]
        if d["rx_number"] != "5050002"  # a void of nothing
    }
    assert wanted == set(
        store.rows(
            "select rx_number, fill_number, to_char(filled_on, 'YYYY-MM-DD'), partial_fill, product_id,"
            " quantity_text from dispensation_version where superseded_at is null and not voided"
        )
    )


def test_people_of_the_same_name_are_never_taken_for_one(store: Store, overlays: Path) -> None:
    store.load(overlays / "16-same-name-different-people.asap")
    expected = truth("16-same-name-different-people")
    of: dict[Any, set[str]] = {}
    for patient in expected["patients"]:
        for dispensing in patient["dispensings"]:
            of.setdefault(store.person_of(dispensing["rx_number"]), set()).add(patient["person"])
    assert store.persons == 6
    assert all(len(people) == 1 for people in of.values())


@pytest.mark.parametrize("name", ["15-name-variants", "22-dummy-ssn", "23-shelter", "29-renamed-and-moved"])
def test_nobody_is_joined_with_somebody_else(store: Store, overlays: Path, name: str) -> None:
    store.load(overlays / f"{name}.asap")
    of: dict[Any, set[str]] = {}
    for patient in truth(name)["patients"]:
        for dispensing in patient["dispensings"]:
            of.setdefault(store.person_of(dispensing["rx_number"]), set()).add(patient["person"])
    assert all(len(people) == 1 for people in of.values())


def test_prescribers_are_told_apart_by_suffix_and_joined_by_npi(store: Store, overlays: Path) -> None:
    store.load(overlays / "24-dea-suffixes.asap")
    named = truth("24-dea-suffixes")["prescriber_of"]
    of = dict(store.rows("select rx_number, prescriber_id from dispensation_version"))
    pairs = {(named[rx], of[rx]) for rx in named}
    assert len(pairs) == len(set(named.values())) == len(set(of.values())) == 6


def test_the_rows_of_a_treatment_programme_are_restricted_and_no_others(store: Store, overlays: Path) -> None:
    store.settings = dataclasses.replace(store.settings, part2_dispensers=frozenset({"RS9002116"}))
    store.load(overlays / "25-treatment-programme.asap")
    restricted = store.rows(
        "select rx_number from dispensation_version where restriction = 'part2' order by rx_number"
    )
    assert [rx for (rx,) in restricted] == [f"52500{number:02}" for number in range(1, 14)]
    labelled = store.one(
        "select count(*) from dispensation_version"
        " where convert_from(dispense_resource, 'UTF8') like '%%42CFRPart2%%'"
    )
    assert labelled == 13


def test_a_programme_named_later_restricts_what_it_sent_before(store: Store, overlays: Path) -> None:
    store.load(overlays / "25-treatment-programme.asap")
    assert store.one("select count(*) from dispensation_version where restriction is not null") == 0
    store.settings = dataclasses.replace(store.settings, part2_dispensers=frozenset({"1999002110"}))
    text = (overlays / "25-treatment-programme.asap").read_text()
    again = text.replace("35DFA602-A17E-6F0E-EAA3-4C7F27D57D6F", "ANOTHER-NUMBER").encode()
    assert store.load(again)["duplicate"] == 15
    assert store.one("select count(*) from dispensation_version where restriction = 'part2'") == 13


def test_a_zero_report_leaves_a_period_and_no_patient(store: Store, overlays: Path) -> None:
    for name in ("07a-zero-report", "07b-zero-report-mixed-case"):
        assert store.load(overlays / f"{name}.asap")["zero_report"] is True
    assert store.persons == 0
    assert store.rows(
        "select distinct to_char(first_day, 'YYYYMMDD'), to_char(last_day, 'YYYYMMDD') from zero_report"
    ) == [("20261116", "20261118")]
    assert store.one("select count(*) from dispenser") == 1


def test_a_compound_keeps_its_ingredients_in_order(store: Store, overlays: Path) -> None:
    store.load(overlays / "12-compound.asap")
    ingredients = store.one("select ingredients from dispensation_version where rx_number = '5120001'")
    assert [(one["product_id"], one["quantity"]) for one in ingredients] == [
        ("00054039268", "30"),
        ("38779999908", "270"),
    ]
    classes = store.one("select drug_classes from dispensation_version where rx_number = '5120002'")
    assert classes == ["opioid", "sedative"]


def test_a_void_by_one_identifier_makes_no_new_pharmacy(store: Store, overlays: Path) -> None:
    store.load(overlays / "19a-spellings.asap")
    before = store.one("select count(*) from dispenser")
    store.load(overlays / "19c-void-by-one-identifier.asap")
    assert store.one("select count(*) from dispenser") == before == 2


def test_a_sale_that_was_not_reported_stays_unknown(store: Store, overlays: Path) -> None:
    store.load(overlays / "18a-sale-not-reported.asap")
    assert sorted(
        rx for (rx,) in store.rows("select rx_number from dispensation_version where sold_on is null")
    ) == ["5180003", "5180005"]


def test_the_bad_files_come_out_as_expected_one_after_another(store: Store, bad: Path) -> None:
    expected = json.loads((bad / "expected.json").read_text())["files"]
    for name, wanted in expected.items():
        answer = store.load(bad / name)
        kept = answer["records"] - answer["refused"]
        got = (answer["status"], answer["records"], kept, answer["refused"], answer["warned"])
        assert got == (
            wanted["result"],
            wanted["records"],
            wanted["accepted"],
            wanted["rejected"],
            wanted["warned"],
        ), name
        if wanted["rejected"]:
            assert any(problem["severity"] == "error" for problem in answer["errors"]), name
    assert store.live == sum(wanted["accepted"] for wanted in expected.values())
    named = store.rows("select distinct first_name from description where first_name like 'Jos%%'")
    assert named == [("José",)]


def test_the_answer_names_segment_element_and_number(store: Store, bad: Path) -> None:
    answer = store.load(bad / "24-mixed.asap")
    errors = [
        (problem["segment"], problem["element"], problem["rx_number"])
        for problem in answer["errors"]
        if problem["severity"] == "error"
    ]
    assert errors == [
        ("DSP", "DSP05", "6230002"),
        ("DSP", "DSP09", "6230004"),
        ("PAT", "PAT18", "6230006"),
    ]


def test_a_refused_record_can_be_sent_again_mended(store: Store, bad: Path) -> None:
    text = (bad / "06-bad-date.asap").read_text()
    store.load(text.encode())
    mended = text.replace("20261332", "20261110").replace("CD142D7F", "MENDED00").encode()
    answer = store.load(mended)
    assert (answer["new"], answer["duplicate"], store.live) == (1, 2, 3)


def test_kentucky_loads_whole_and_split_without_doubling(store: Store, asap_samples: Path) -> None:
    whole = store.load(asap_samples / "kentucky-small.asap")
    assert (whole["status"], whole["new"], whole["warned"]) == ("accepted", 730, 0)
    split = sorted((asap_samples / "kentucky-small").glob("*/*.asap"))
    answers = [store.load(path) for path in split]
    assert len(answers) == 636
    assert sum(answer["duplicate"] for answer in answers) == 730
    assert all(answer["status"] == "accepted" for answer in answers)
    assert (store.live, store.persons) == (730, 30)
    assert store.one("select count(*) from dispensation_version") == 730
    assert store.one("select count(*) from dispenser") == 22


def test_kentucky_split_first_makes_the_same_people(store: Store, asap_samples: Path) -> None:
    for path in sorted((asap_samples / "kentucky-small").glob("*/*.asap")):
        store.load(path)
    assert (store.live, store.persons) == (730, 30)
    assert store.load(asap_samples / "kentucky-small.asap")["duplicate"] == 730
    newest = store.one("select max(version) from person")
    assert newest == 1, "a person heard of again under one description is not rendered anew"


def test_revisions_and_voids_keep_what_was_before(store: Store, overlays: Path, asap_samples: Path) -> None:
    store.load(asap_samples / "kentucky-small.asap")
    answer = store.load(overlays / "05-revise-and-void.asap")
    assert (answer["new"], answer["revised"], answer["voided"]) == (1, 3, 3)
    assert store.live == 728
    for action in truth("05-revise-and-void")["actions"]:
        before, after = action["before"], action["after"]
        one = before or after
        versions = store.rows(
            "select version, voided, superseded_at is null, quantity_text, days_supply"
            " from dispensation_version where rx_number = %s and filled_on = %s order by version",
            one["rx_number"],
            one["date_filled"],
        )
        if action["action"] == "new":
            assert versions == [(1, False, True, "120", 30)]
            continue
        assert versions[0][:4] == (1, False, False, before["quantity"])
        assert versions[1][:3] == (2, after is None, True)
        if after is not None:
            assert versions[1][3:] == (after["quantity"], after["days_supply"])
    text = (overlays / "05-revise-and-void.asap").read_text()
    again = store.load(text.replace("D8EB1D6D", "ANOTHER0").encode())
    assert (again["duplicate"], again["refused"], store.live) == (7, 0, 728)
