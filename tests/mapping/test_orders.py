"""Which orders are controlled: by RxNorm, NDC and words; a doubt is never a no."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
from gateway.mapping import orders
from gateway.mapping.orders import Class, OrderTable
from gateway.mapping.sources import Sources

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
TABLE: OrderTable = orders.load(Sources(MAPPINGS), "KY")
CONTROLLED = sorted(" ".join(p) for p, found in TABLE.phrases.items() if found is Class.CONTROLLED)
PLAIN = sorted(" ".join(p) for p, found in TABLE.phrases.items() if found is Class.NOT_CONTROLLED)


def rows(name: str) -> list[dict[str, str]]:
    with (MAPPINGS / "drugs" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "text",
    [
        "Amoxicillin 500 MG Oral Tablet",
        "amoxicillin 250 MG / clavulanate 125 MG Oral Tablet",
        "lisinopril 10",
        "LISINOPRIL 10MG TABLETS",
        "insulin glargine 100 UNT/ML Pen Injector",
        "metformin hydrochloride 500 MG Extended Release Oral Tablet",
        "sulfamethoxazole-trimethoprim 800-160 mg",
        "penicillin V potassium 500 MG Oral Tablet",
    ],
)
def test_plainly_uncontrolled_drugs_are_told(text: str) -> None:
    assert TABLE.of_text(text) is Class.NOT_CONTROLLED


@pytest.mark.parametrize(
    "text",
    [
        "oxycodone",
        "OxyCONTIN 10 mg ER",
        "Percocet",
        "hydrocodone-acetaminophen 5-325",
        "gabapentin 300 mg capsule",
        "acetaminophen with codeine #3",
        "carisoprodol / aspirin / codeine",
        "sodium oxybate 500 MG/ML Oral Solution",
    ],
)
def test_controlled_drugs_are_told_gabapentin_in_kentucky_too(text: str) -> None:
    assert TABLE.of_text(text) is Class.CONTROLLED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "house blend",
        "Tylenol #3",
        "acetaminophen #3",
        "Zestril 10",
        "10 mg tablet",
        "lisinopril xyz",
        "hydrоcodone",
    ],
)
def test_what_is_not_explained_is_unknown(text: str) -> None:
    assert TABLE.of_text(text) is Class.UNKNOWN


def test_every_scheduled_product_of_the_drug_table_is_controlled_by_each_of_its_codes() -> None:
    for row in rows("drugs.csv"):
        if not row["federal_schedule"]:
            continue
        ndc = row["ndc11"]
        hyphens = f"{ndc[:5]}-{ndc[5:9]}-{ndc[9:]}"
        shorter = [
            f"{own[:5]}{own[5:]}"
            for own in (ndc[1:] if ndc[0] == "0" else "", ndc[:5] + ndc[6:] if ndc[5] == "0" else "")
            if own
        ]
        for code in (ndc, hyphens, *shorter):
            assert TABLE.classify([(NDC, code)], []) is Class.CONTROLLED, code
        if row["rxcui"]:
            assert TABLE.classify([(RXNORM, row["rxcui"])], []) is Class.CONTROLLED
        if row["rxnorm_name"]:
            assert TABLE.of_text(row["rxnorm_name"]) is Class.CONTROLLED, row["rxnorm_name"]
        assert TABLE.of_text(row["name"]) is not Class.NOT_CONTROLLED, row["name"]


def test_codes_of_the_reviewed_list_are_not_controlled_and_foreign_ones_unknown() -> None:
    for row in rows("uncontrolled.csv"):
        assert TABLE.classify([(RXNORM, row["rxcui"])], []) is Class.NOT_CONTROLLED
    assert TABLE.classify([(RXNORM, "999999999")], []) is Class.UNKNOWN
    assert TABLE.classify([("http://snomed.info/sct", "308192")], []) is Class.UNKNOWN
    assert TABLE.classify([(NDC, "99999-9999-99")], []) is Class.UNKNOWN
    assert TABLE.classify([], []) is Class.UNKNOWN


def test_code_and_words_are_weighed_together() -> None:
    amoxicillin = (RXNORM, "308192")
    assert TABLE.classify([amoxicillin], ["Amoxil"]) is Class.NOT_CONTROLLED
    assert TABLE.classify([amoxicillin], ["morphine"]) is Class.CONTROLLED
    assert TABLE.classify([(RXNORM, "1")], ["lisinopril 10 mg"]) is Class.NOT_CONTROLLED
    assert TABLE.classify([], ["lisinopril 10 mg", "something else"]) is Class.UNKNOWN


@given(
    st.sampled_from(CONTROLLED), st.lists(st.sampled_from([*PLAIN, "10", "mg", "oral tablet"]), max_size=5)
)
def test_one_controlled_name_outweighs_everything(name: str, others: list[str]) -> None:
    for text in (" ".join([*others, name]), " / ".join([name.upper(), *others])):
        assert TABLE.of_text(text) is Class.CONTROLLED


@given(st.sampled_from(PLAIN), st.text(max_size=30))
def test_any_text_beside_a_plain_name_gives_a_class_and_no_error(name: str, other: str) -> None:
    assert TABLE.of_text(f"{name} {other}") in Class
    assert TABLE.classify([(NDC, other), (RXNORM, other)], [other]) in (Class.UNKNOWN, TABLE.of_text(other))


def _copy(tmp_path: Path, **changes: tuple[str, str]) -> Path:
    import shutil

    folder = tmp_path / "mappings"
    shutil.copytree(MAPPINGS, folder)
    for name, (old, new) in changes.items():
        path = folder / "drugs" / f"{name}.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    return folder


def test_elsewhere_gabapentin_is_not_controlled(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    ky = (folder / "jurisdictions" / "ky.toml").read_text()
    (folder / "jurisdictions" / "xx.toml").write_text(
        ky.replace('code = "KY"', 'code = "XX"').replace('gabapentin = "V"\n', "")
    )
    table = orders.load(Sources(folder), "XX")
    assert table.of_text("gabapentin 300 mg capsule") is Class.NOT_CONTROLLED
    assert table.of_text("pentazocine") is Class.CONTROLLED


def test_a_name_on_both_lists_stops_the_start(tmp_path: Path) -> None:
    folder = _copy(tmp_path, orders=('"amoxicillin",', '"amoxicillin", "oxycodone",'))
    with pytest.raises(Misconfigured, match="oxycodone"):
        orders.load(Sources(folder), "KY")
