"""The rules of submissions, records, dispensers and prescribers, one small file at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.ingest import asap
from tests.ingest.store import Store


def codes(answer: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in answer["errors"]]


def counts(answer: dict[str, Any]) -> dict[str, int]:
    names = ("new", "revised", "voided", "duplicate", "refused")
    return {name: answer[name] for name in names if answer[name]}


def one(**elements: str) -> bytes:
    """Return a file of one record."""
    return asap.file(asap.pharmacy(asap.patient(asap.record(**elements))))


# Submissions


def test_the_same_bytes_again_are_known(store: Store) -> None:
    data = one()
    store.load(data)
    again = store.load(data)
    assert (again["status"], again["duplicate_file"], again["records"], again["errors"]) == (
        "accepted",
        True,
        0,
        [],
    )
    assert store.one("select count(*) from submission") == 2


def test_other_bytes_under_a_used_number_are_refused(store: Store) -> None:
    store.load(asap.file(control="N1"))
    answer = store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="5"))), control="N1"))
    assert (answer["status"], codes(answer), answer["refused"]) == ("refused", ["control-number-reused"], 1)
    assert store.live == 1


def test_another_sender_may_use_the_same_number(store: Store) -> None:
    store.load(asap.file(control="N1"))
    other = asap.file(asap.pharmacy(asap.patient(asap.record(e02="5"))), control="N1", source="OTHER")
    assert store.load(other)["status"] == "accepted"


def test_a_refused_file_takes_no_number(store: Store) -> None:
    bad = asap.file(asap.pharmacy(asap.patient(asap.record(e09="ABC"))), control="N1")
    assert store.load(bad)["status"] == "refused"
    assert store.load(bad)["duplicate_file"] is False
    assert store.load(asap.file(control="N1"))["status"] == "accepted"
    assert store.rows("select status, takes_number from submission order by received_at") == [
        ("refused", False),
        ("refused", False),
        ("accepted", True),
    ]


def test_a_test_file_is_judged_and_nothing_of_it_loaded(store: Store) -> None:
    data = asap.file(file_type="T", control="N1")
    answer = store.load(data)
    assert (answer["status"], counts(answer)) == ("accepted", {"new": 1})
    assert "test-file" in codes(answer)
    for table in ("dispensation_version", "person", "description", "dispenser", "prescriber", "record_key"):
        assert store.count(table) == 0
    assert store.load(data)["duplicate_file"] is False
    assert store.load(asap.file(control="N1"))["new"] == 1


def test_every_submission_is_kept_encrypted_with_its_hash(store: Store) -> None:
    import hashlib

    good, bad = one(), b"TH*nonsense"
    store.load(good)
    store.load(bad)
    kept = store.rows("select submission_id, sha256, content from submission order by received_at")
    for data, (submission_id, digest, content) in zip((good, bad), kept, strict=True):
        assert digest == hashlib.sha256(data).digest()
        assert data not in content
        assert store.vault.decrypt(content, b"submission" + submission_id.bytes) == data


def test_a_file_of_which_every_record_is_refused_leaves_nothing(store: Store) -> None:
    store.load(one())
    before = store.rows("select version, phone from dispenser")
    moved = asap.pharmacy(asap.patient(asap.record(e09="60")), e10="8595550000")
    answer = store.load(asap.file(moved))
    assert (answer["status"], codes(answer)) == ("refused", ["conflict"])
    assert store.rows("select version, phone from dispenser") == before


# A whole file taken back


def test_a_whole_file_void_voids_what_stands_and_warns_of_what_was_revised(store: Store) -> None:
    records = [asap.record(e02="1"), asap.record(e02="2"), asap.record(e02="3")]
    store.load(asap.file(asap.pharmacy(asap.patient(*records)), control="N1"))
    store.load(one(e01="01", e02="2", e09="60"))
    store.load(one(e01="02", e02="3"))
    void = asap.file(control="N1", kind="04")
    answer = store.load(void)
    assert (answer["status"], counts(answer), answer["warned"]) == ("accepted", {"voided": 1}, 1)
    assert [(p["code"], p["rx_number"]) for p in answer["errors"]] == [("revised-since", "2")]
    assert store.live == 1
    again = store.load(void)
    assert (again["status"], again["records"], store.live) == ("accepted", 0, 1)
    later = store.load(asap.file(control="N1", kind="04", created="20261120"))
    assert (later["status"], later["records"], store.live) == ("accepted", 0, 1)


def test_a_whole_file_void_of_an_unknown_number_is_refused(store: Store) -> None:
    answer = store.load(asap.file(control="N1", kind="04"))
    assert (answer["status"], codes(answer)) == ("refused", ["unmatched"])


def test_a_whole_file_void_that_may_mean_two_senders_is_refused(store: Store) -> None:
    store.load(asap.file(control="N1"))
    store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="9"))), control="N1", source="OTHER"))
    answer = store.load(asap.file(control="N1", kind="04"))
    assert (answer["status"], codes(answer), store.live) == ("refused", ["ambiguous"], 2)


# New, revise, void


@pytest.mark.parametrize(
    ("earlier", "last", "outcome", "code"),
    [
        ([], {"e01": "00"}, "new", None),
        ([{}], {"e01": "00"}, "duplicate", "duplicate"),
        ([{}], {"e01": "00", "e09": "60"}, "refused", "conflict"),
        ([{}, {"e01": "01", "e09": "60"}], {"e01": "00"}, "duplicate", "duplicate"),
        ([{}, {"e01": "02"}], {"e01": "00"}, "refused", "voided"),
        ([{}, {"e01": "02"}], {"e01": "00", "e09": "60"}, "new", None),
        ([], {"e01": "01"}, "new", "no-original"),
        ([{}], {"e01": "01"}, "duplicate", "duplicate"),
        ([{}], {"e01": "01", "e09": "60"}, "revised", None),
        ([{}, {"e01": "01", "e09": "60"}], {"e01": "01"}, "revised", None),
        ([{}, {"e01": "02"}], {"e01": "01"}, "revised", None),
        ([], {"e01": "02"}, "refused", "unmatched"),
        ([{}], {"e01": "02", "e09": "60"}, "voided", None),
        ([{}, {"e01": "02"}], {"e01": "02"}, "duplicate", "duplicate"),
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["in files", "in one file"])
def test_what_becomes_of_a_record(
    store: Store,
    earlier: list[dict[str, str]],
    last: dict[str, str],
    outcome: str,
    code: str | None,
    together: bool,
) -> None:
    if together:
        records = [asap.record(**elements) for elements in (*earlier, last)]
        answer = store.load(asap.file(asap.pharmacy(asap.patient(*records))))
        found = [p["code"] for p in answer["errors"] if p["ordinal"] == 5 + 2 * len(earlier)]
        assert found == ([code] if code else [])
    else:
        for elements in earlier:
            assert store.load(one(**elements))["refused"] == 0
        answer = store.load(one(**last))
        assert (counts(answer), codes(answer)) == ({outcome: 1}, [code] if code else [])
    stored = [*earlier, last] if outcome in ("new", "revised", "voided") else earlier
    versions = store.rows("select version, superseded_at is null from dispensation_version order by version")
    assert versions == [(n, n == len(stored)) for n in range(1, len(stored) + 1)]
    if stored:
        current = stored[-1]
        assert store.live == (current.get("e01") != "02")
        key_version, voided = store.rows("select version, voided from record_key")[0]
        assert (key_version, voided) == (len(stored), current.get("e01") == "02")


def test_a_void_keeps_the_content_of_what_it_voids(store: Store) -> None:
    store.load(one(e09="120"))
    store.load(
        asap.file(asap.pharmacy(asap.patient(asap.record(e01="02", e09="1"), e07="Someone", e03="999700999")))
    )
    rows = store.rows("select quantity_text, voided, person_id from dispensation_version order by version")
    assert [row[:2] for row in rows] == [("120", False), ("120", True)]
    assert rows[0][2] == rows[1][2]
    assert store.persons == 1
    body = store.one("select convert_from(dispense_resource, 'UTF8') from dispensation_version where voided")
    assert '"entered-in-error"' in body


def test_a_revision_of_the_patient_moves_the_record_and_leaves_old_versions(store: Store) -> None:
    store.load(one())
    answer = store.load(
        asap.file(asap.pharmacy(asap.patient(asap.record(e01="01"), e07="Rightly", e03="999700888")))
    )
    assert counts(answer) == {"revised": 1}
    rows = store.rows("select person_id, superseded_at is null from dispensation_version order by version")
    assert rows[0][0] != rows[1][0]
    assert [row[1] for row in rows] == [False, True]
    assert store.one("select person_id from record_key") == rows[1][0]
    assert store.load(one(e01="02"))["voided"] == 1


@pytest.mark.parametrize(
    "spelled",
    [
        {"e13": ""},
        {"e06": "00"},
        {"e09": "120.00"},
        {"e09": "0120"},
        {"e10": "030"},
        {"e22": "0120"},
        {"e12": "5"},
        {"e23": " TAKE 4 A DAY BY MOUTH "},
        {"e08": "10702-0056-01"},
    ],
    ids=str,
)
def test_content_is_equal_however_it_is_spelled(store: Store, spelled: dict[str, str]) -> None:
    store.load(one())
    assert counts(store.load(one(**spelled))) == {"duplicate": 1}


def test_leading_zeros_make_another_prescription_number(store: Store) -> None:
    store.load(one(e02="5190001"))
    assert counts(store.load(one(e02="0005190001"))) == {"new": 1}


def test_a_pickup_is_stored_encrypted_and_is_content(store: Store) -> None:
    with_air = asap.record(asap.segment("AIR"))
    store.load(asap.file(asap.pharmacy(asap.patient(with_air))))
    ((dispensation_id, sealed),) = store.rows(
        "select dispensation_id, pickup_encrypted from dispensation_version"
    )
    assert b"Dale" not in sealed
    assert b"Dale" in store.vault.decrypt(sealed, b"pickup" + dispensation_id.bytes)
    assert counts(store.load(one())) == {"refused": 1}


# Elements


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"e05": "20261120"}, "future-fill"),
        ({"e17": "20261121"}, "future-sale"),
        ({"e05": "20260230"}, "date"),
        ({"e09": "-30"}, "decimal"),
        ({"e10": "x"}, "number"),
        ({"e02": ""}, "required"),
        ({"e02": "1" * 26}, "too-long"),
        ({"e01": "03"}, "code"),
        ({"e08": "0378191201"}, "ndc"),
        ({"e26": "x"}, "too-many-elements"),
        ({"e23": "A\x07B"}, "characters"),
        ({"e23": "A\x00B"}, "characters"),
        ({"e07": "06"}, "compound"),
    ],
    ids=str,
)
def test_a_record_with_this_fault_is_refused(store: Store, elements: dict[str, str], code: str) -> None:
    data = asap.file(
        asap.pharmacy(asap.patient(asap.record(e02="1"), asap.record(**{"e02": "2", **elements})))
    )
    answer = store.load(data)
    assert (answer["status"], counts(answer)) == ("partly", {"new": 1, "refused": 1})
    assert code in codes(answer)


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"e10": "0"}, "days-supply-zero"),
        ({"e09": "0"}, "quantity-zero"),
        ({"e08": "99998123401"}, "unknown-drug"),
        ({"e08": "10702-0056-01"}, "ndc-hyphens"),
        ({"e16": "77"}, "code"),
        ({"e14": "1999009009"}, "npi"),
        ({"e20": "REF"}, "incomplete"),
    ],
    ids=str,
)
def test_a_record_with_this_oddity_is_kept_with_a_warning(
    store: Store, elements: dict[str, str], code: str
) -> None:
    answer = store.load(one(**elements))
    assert (answer["status"], counts(answer), answer["warned"]) == ("accepted", {"new": 1}, 1)
    assert codes(answer) == [code]


def test_a_hyphenated_ndc_is_padded_by_its_parts(store: Store) -> None:
    store.load(one(e02="1", e08="0378-1912-01"))
    assert store.one("select product_id from dispensation_version") == "00378191201"


def test_a_dea_number_may_be_missing_for_a_drug_in_no_federal_schedule(store: Store) -> None:
    gabapentin = next(ndc for ndc, drug in sorted(store.mappings.drugs.items()) if not drug.federal_schedule)
    without = {"e02": ""}
    records = [asap.record(pre=without, e02="1", e08=gabapentin), asap.record(pre=without, e02="2")]
    answer = store.load(asap.file(asap.pharmacy(asap.patient(*records))))
    assert counts(answer) == {"new": 1, "refused": 1}
    assert [(p["code"], p["rx_number"]) for p in answer["errors"]] == [("prescriber-dea", "2")]


def test_a_birth_date_in_the_future_refuses_every_record_under_it(store: Store) -> None:
    records = [asap.record(e02="1"), asap.record(e02="2")]
    answer = store.load(asap.file(asap.pharmacy(asap.patient(*records, e18="20270101"), asap.patient())))
    assert counts(answer) == {"new": 1, "refused": 2}
    assert [(p["element"], p["rx_number"]) for p in answer["errors"]] == [("PAT18", "1"), ("PAT18", "2")]


# Dispensers and prescribers


def test_identifiers_that_name_two_dispensers_are_refused(store: Store) -> None:
    store.load(asap.file(asap.pharmacy(e02="", e03="")))
    other = asap.pharmacy(asap.patient(asap.record(e02="2")), e01="", e02="", e03="FL9000047")
    store.load(asap.file(other))
    assert store.one("select count(*) from dispenser") == 2
    both = asap.pharmacy(asap.patient(asap.record(e02="3")), e03="FL9000047")
    answer = store.load(asap.file(both, asap.pharmacy(asap.patient(asap.record(e02="4")), e02="", e03="")))
    assert counts(answer) == {"new": 1, "refused": 1}
    (conflict,) = [one for one in answer["errors"] if one["code"] == "dispenser-conflict"]
    assert (conflict["segment"], conflict["ordinal"], conflict["rx_number"]) == ("PHA", 3, "3")


def test_a_dispenser_learns_its_other_numbers(store: Store) -> None:
    store.load(asap.file(asap.pharmacy(e02="", e03="")))
    store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="2")))))
    store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="3")), e01="", e02="")))
    assert store.rows("select npi, ncpdp, dea, version from dispenser") == [
        ("1999000031", "1890032", "FN9000035", 2)
    ]


def test_two_headers_of_one_new_pharmacy_in_one_file_make_one(store: Store) -> None:
    data = asap.file(
        asap.pharmacy(asap.patient(asap.record(e02="1")), e02="", e03=""),
        asap.pharmacy(asap.patient(asap.record(e02="2"))),
        asap.pharmacy(asap.patient(asap.record(e02="1")), e01="", e02=""),
    )
    answer = store.load(data)
    assert counts(answer) == {"new": 2, "duplicate": 1}
    assert store.one("select count(*) from dispenser") == 1


def test_a_void_at_an_unknown_pharmacy_makes_none(store: Store) -> None:
    answer = store.load(one(e01="02"))
    assert (answer["status"], codes(answer)) == ("refused", ["unmatched"])
    assert store.one("select count(*) from dispenser") == 0


def test_a_hospitals_number_names_nobody_by_itself(store: Store) -> None:
    hospital = {"e02": "AB9519008", "e04": "", "e10": ""}
    first = {**hospital, "e01": "1999510302", "e05": "Raman"}
    second = {**hospital, "e01": "1999510310", "e05": "Oakes"}
    bare = {**hospital, "e01": "", "e05": "Ward"}
    for number, pre in enumerate((first, second, bare, bare, first), 1):
        store.load(asap.file(asap.pharmacy(asap.patient(asap.record(pre=pre, e02=str(number))))))
    of = dict(store.rows("select rx_number, prescriber_id from dispensation_version"))
    assert of["1"] == of["5"]
    assert of["3"] == of["4"]
    assert len(set(of.values())) == 3
    assert store.one("select shared from prescriber_identifier where kind = 'dea'") is True


def test_a_prescriber_known_by_dea_number_gets_its_npi(store: Store) -> None:
    for number, pre in enumerate(({"e01": ""}, {}, {"e01": "1999500006", "e02": "FS9510416"}), 1):
        store.load(asap.file(asap.pharmacy(asap.patient(asap.record(pre=pre, e02=str(number))))))
    assert store.one("select count(distinct prescriber_id) from dispensation_version") == 1
    body = store.one("select convert_from(resource, 'UTF8') from prescriber")
    assert all(number in body for number in ("1999500006", "BC9500009", "FS9510416"))


def test_a_dispenser_named_by_its_dea_number_is_restricted_whatever_it_sends(store: Store) -> None:
    store.settings = dataclasses.replace(store.settings, part2_dispensers=frozenset({"FN9000035"}))
    store.load(one(e02="1"))
    store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="2")), e03="")))
    assert store.rows("select distinct restriction from dispensation_version") == [("part2",)]


# Zero reports


def test_a_zero_report_may_stand_beside_another_pharmacys_records(store: Store) -> None:
    zero = ["PHA*1999000049*1890044*FL9000047", "PAT*******REPORT*ZERO", "DSP*****20261118", "PRE", "TP*5"]
    answer = store.load(asap.file(zero, asap.pharmacy(), message="#20261116#-#20261118#"))
    assert (answer["status"], counts(answer), answer["zero_report"]) == ("accepted", {"new": 1}, True)
    assert store.one("select count(*) from zero_report") == 1
    assert store.persons == 1


def test_a_zero_report_without_a_period_takes_its_day(store: Store) -> None:
    zero = ["PHA*1999000049*1890044*FL9000047", "PAT*******REPORT*ZERO", "DSP*****20261118", "PRE", "TP*5"]
    answer = store.load(asap.file(zero))
    assert (answer["status"], codes(answer)) == ("accepted", ["zero-report"])
    without = ["PHA*1999000049*1890044*FL9000047", "PAT*******REPORT*ZERO", "TP*3"]
    assert store.load(asap.file(without))["status"] == "refused"


def test_a_pharmacy_that_reports_nothing_and_something_keeps_its_records(store: Store) -> None:
    zero = ["PAT*******REPORT*ZERO", "DSP*****20261118", "PRE"]
    answer = store.load(asap.file(asap.pharmacy(asap.patient(), zero), message="#20261116#-#20261118#"))
    assert (answer["status"], counts(answer)) == ("partly", {"new": 1})
    assert store.one("select count(*) from zero_report") == 0
