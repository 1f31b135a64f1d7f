"""The tables as they are, and what happens to a bad one: no start."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clinical.drug import Lane
from gateway.core.errors import Misconfigured
from gateway.mapping.tables import Mappings
from tests.mapping.shapes import BASE, FOLDER, mappings


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    copy = tmp_path / "mappings"
    shutil.copytree(FOLDER, copy)
    return copy


def load(folder: Path, *, jurisdiction: str = "KY", base: str = BASE) -> Mappings:
    return Mappings.load(folder, jurisdiction=jurisdiction, identifier_base=base)


def test_kentucky_looks_back_twelve_months_and_has_no_maximum() -> None:
    state = mappings().jurisdiction
    assert (state.code, state.name, state.zone) == ("KY", "Kentucky", "America/New_York")
    assert (state.default_months, state.max_months) == (12, None)
    assert (state.supply_starts, state.mme_table) == ("sold", "CDC 2022")
    assert state.record_key == ("dispenser", "rx_number", "filled_on", "fill_number", "partial_fill")
    assert state.part2_dispensers == frozenset()


@pytest.mark.parametrize(
    ("ndc", "federal", "kentucky"),
    [
        ("00378542705", "", "V"),  # gabapentin
        ("00603516621", "IV", "III"),  # phenobarbital
        ("10702005601", "II", "II"),  # oxycodone
        ("59212042310", "IV", "III"),  # phenobarbital among belladonna alkaloids
    ],
)
def test_kentucky_schedules_some_substances_more_strictly(ndc: str, federal: str, kentucky: str) -> None:
    drug = mappings().drugs[ndc]
    assert (drug.federal_schedule, drug.schedule) == (federal, kentucky)


@pytest.mark.parametrize(
    ("ndc", "lanes"),
    [
        ("10702005601", (Lane.OPIOID,)),
        ("00054018913", (Lane.BUPRENORPHINE,)),  # with naloxone
        ("00591322001", (Lane.OPIOID, Lane.SEDATIVE)),  # codeine with butalbital
        ("00591551301", (Lane.SEDATIVE,)),  # carisoprodol
        ("00024542131", (Lane.SEDATIVE,)),  # zolpidem
        ("00185064401", (Lane.STIMULANT,)),  # phentermine
        ("00378542705", (Lane.OTHER,)),  # gabapentin
    ],
)
def test_a_drug_stands_in_the_lanes_of_its_substances(ndc: str, lanes: tuple[Lane, ...]) -> None:
    assert mappings().drugs[ndc].lanes == lanes


def test_the_salts_of_a_combination_are_one_substance_with_strengths_of_their_own() -> None:
    substances = mappings().drugs["00406012501"].substances
    assert [(s.name, s.strength, s.unit) for s in substances] == [
        ("acetaminophen", 325, "mg"),
        ("hydrocodone", 10, "mg"),
    ]


def test_no_substance_keeps_a_salt_in_its_name() -> None:
    names = {s.name for drug in mappings().drugs.values() for s in drug.substances}
    assert not {name for name in names if " " in name}


def test_drug_rows_have_the_columns_of_the_store() -> None:
    rows = {row[0]: row for row in mappings().drug_rows()}
    assert len(rows) == len(mappings().drugs)
    assert rows["00406012501"][2:] == (
        "acetaminophen; hydrocodone bitartrate",
        "325; 10",
        "mg; mg",
        "Oral Tablet",
        "856999",
        "acetaminophen 325 MG / hydrocodone bitartrate 10 MG Oral Tablet",
        "II",
        "opioid",
        "1",
        mappings().version,
    )


def test_code_systems_of_the_guide_have_every_target(fhir_package_cache: Path) -> None:
    systems = {}
    for path in fhir_package_cache.glob("*/package/CodeSystem-*.json"):
        system = json.loads(path.read_text(encoding="utf-8"))
        systems[system["url"]] = {c["code"]: c["display"] for c in system["concept"]}
    checked = 0
    for table in mappings().concept_maps.values():
        for coding in table.values():
            if coding.system in systems:
                assert systems[coding.system][coding.code] == coding.display
                checked += 1
    assert checked >= 26


def test_our_own_definitions_start_with_the_identifier_base() -> None:
    urls = {(d["resourceType"], d["url"]) for d in mappings().definitions}
    assert ("StructureDefinition", f"{BASE}/fhir/StructureDefinition/mme-per-day") in urls
    assert ("StructureDefinition", f"{BASE}/fhir/StructureDefinition/drug-class") in urls
    assert all(url.startswith(f"{BASE}/fhir/{kind}/") for kind, url in urls)


def test_the_script_takes_facts_apart_into_substances(tables: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts.csv"
    facts.write_text(
        "ndc11,drug_name,strength,strength_unit,dosage_form,ingredient,rxcui,rxnorm_name,rxnorm_tty,"
        "dea_schedule,drug_class,mme_factor,brand_or_label,labeler,src_row,src_schedule\n"
        "00406012501,x,10,MG,Oral Tablet,acetaminophen; hydrocodone bitartrate,856999,"
        "acetaminophen 325 MG / hydrocodone bitartrate 10 MG Oral Tablet,SCD,CII,opioid,1,,,a,b\n"
        "00378912298,x,50,MCG/HR,Transdermal System,fentanyl,245135,"
        "72 HR fentanyl 0.05 MG/HR Transdermal System,SCD,CII,opioid,2.4,,,a,b\n"
        "59212042310,x,16.2,mg/5mL,Elixir,atropine sulfate; phenobarbital,,,,CIV,other,,,,a,b\n",
        encoding="utf-8",
    )
    subprocess.run([sys.executable, tables / "drugs" / "build.py", facts], check=True, capture_output=True)
    drugs = load(tables).drugs
    assert [s.strength for s in drugs["00406012501"].substances] == [325, 10]
    assert [(s.strength, s.unit) for s in drugs["00378912298"].substances] == [(50, "mcg/h")]
    assert [str(s.strength) for s in drugs["59212042310"].substances] == ["None", "81/25"]


def test_the_version_changes_with_any_table_and_with_the_identifier_base(tables: Path) -> None:
    before = load(tables).version
    assert load(tables).version == before
    assert load(tables, base="https://other.example.org").version != before
    edit("drugs/substances.toml", "# What", "# what")(tables)
    assert load(tables).version != before


Spoil = Callable[[Path], None]


def edit(name: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def remove(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def append(name: str, line: str) -> Spoil:
    def spoil(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(line)

    return spoil


GABAPENTIN = "00378542705,gabapentin,gabapentin 300 mg,Oral Capsule,oral,310431,gabapentin,SCD,,,,a,b\n"


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (remove("drugs/drugs.csv"), "drugs/drugs.csv"),
        (append("drugs/drugs.csv", GABAPENTIN), "00378542705: appears twice"),
        (append("drugs/drugs.csv", GABAPENTIN.replace("00378542705", "378542705")), "11 digits"),
        (append("drugs/drugs.csv", GABAPENTIN.replace("00378542705", "1" * 11).replace(" mg", " oz")), "oz"),
        (append("drugs/drugs.csv", "1,2\n"), "another length"),
        (edit("drugs/drugs.csv", "ndc11", "ndc"), "lacks ndc11"),
        (edit("drugs/substances.toml", '"barbital"', '"codeine"'), "two lanes"),
        (edit("mme/cdc-2022.toml", 'codeine = "0.15"', "codeine = 0.15"), "written as text"),
        (edit("mme/cdc-2022.toml", 'codeine = "0.15"', 'codeine = "-1"'), "above 0"),
        (edit("mme/cdc-2022.toml", 'morphine = "1"', 'buprenorphine = "1"'), "excluded"),
        (edit("mme/cdc-2016.toml", 'up_to = "40"', 'up_to = "10"'), "must rise"),
        (edit("mme/cdc-2016.toml", "CDC 2016", "CDC 2022"), "Two MME tables"),
        (remove("mme/cdc-2022.toml"), "no MME table"),
        (edit("jurisdictions/ky.toml", "default_months = 12", "default_months = 0"), "default_months"),
        (edit("jurisdictions/ky.toml", "default_months", "default_moths"), "default_moths"),
        (edit("jurisdictions/ky.toml", '"dispenser", ', ""), "record_key"),
        (edit("jurisdictions/ky.toml", 'gabapentin = "V"', 'gabapentin = "VI"'), "schedules"),
        (edit("jurisdictions/ky.toml", 'zone = "', "zone = "), "not TOML"),
        (edit("conceptmaps/gender.json", '"equal"', '"inexact"'), "gender"),
        (edit("conceptmaps/gender.json", '"code": "M"', '"code": "F"'), "mapped twice"),
        (remove("conceptmaps/rx-origin.json"), "rx-origin"),
        (edit("conceptmaps/rx-origin.json", "{", ""), "rx-origin"),
        (edit("systems.toml", "npi =", "nip ="), "npi"),
    ],
)
def test_a_bad_table_stops_the_start_and_is_named(tables: Path, spoil: Spoil, named: str) -> None:
    spoil(tables)
    with pytest.raises(Misconfigured, match=re.escape(named)):
        load(tables)


@pytest.mark.parametrize("code", ["ZZ", "../ky", "", "K"])
def test_an_unknown_jurisdiction_stops_the_start(code: str) -> None:
    with pytest.raises(Misconfigured):
        load(FOLDER, jurisdiction=code)
