"""What is the same in every record, turned into JSON text once at start: profiles, codings, extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.clinical.drug import Drug
from gateway.mapping.conceptmaps import Coding, ConceptMap
from gateway.mapping.text import UCUM, quote

PDMP = "http://hl7.org/fhir/us/pdmp/StructureDefinition/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"


@dataclass(frozen=True, slots=True)
class Fragments:
    """JSON text by the code that chooses it. Members end without a comma."""

    source: str
    program: str
    """Reference to the program that computes, by its name alone."""
    origin: Mapping[str, str]
    payment: Mapping[str, str]
    treatment: Mapping[str, str]
    unit: Mapping[str, str]
    """Members of a Quantity after its value; the empty code has none."""
    unit_name: Mapping[str, str]
    supply_type: Mapping[str, Coding]
    security: Mapping[str, str]
    """`,"security":[…]` by restriction."""
    gender: Mapping[str, str]
    animal: str
    """The patient-animal extension."""
    medication: Mapping[str, str]
    """CodeableConcept by NDC."""


def compile_fragments(
    *,
    base: str,
    jurisdiction: str,
    name: str,
    maps: Mapping[str, ConceptMap],
    drugs: Mapping[str, Drug],
) -> Fragments:
    """Return the fragments of one identifier base and jurisdiction."""
    units = maps["dosage-unit"]
    species = coding(maps["species"]["animal"])
    return Fragments(
        program=f'{{"display":{quote(f"Prescription drug monitoring program, {name}")}}}',
        source=quote(f"{base}/fhir/sid/source/{jurisdiction.lower()}"),
        origin=_extensions("pdmp-extension-rx-transmission-method", maps["rx-origin"]),
        payment=_extensions("pdmp-extension-method-of-payment", maps["payment-method"]),
        treatment=_extensions("pdmp-extension-opioid-treatment-code", maps["opioid-treatment"]),
        unit={
            # The guide: "each" has no UCUM code and is not given one.
            "01": ',"unit":"each"',
            **{
                code: f',"unit":{quote(to.display)},"system":{quote(to.system)},"code":{quote(to.code)}'
                for code, to in units.items()
            },
        },
        unit_name={"01": "each", **{code: to.display for code, to in units.items()}},
        supply_type=maps["supply-type"],
        security={
            code: f',"security":[{coding(law)},{coding(_NO_REDISCLOSURE)},{coding(_RESTRICTED)}]'
            for code, law in maps["restriction"].items()
        },
        gender={code: to.code for code, to in maps["gender"].items()},
        animal=(
            '{"url":"http://hl7.org/fhir/StructureDefinition/patient-animal","extension":'
            f'[{{"url":"species","valueCodeableConcept":{{"coding":[{species}]}}}}]}}'
        ),
        medication={drug.ndc11: _medication(drug) for drug in drugs.values()},
    )


#: 42 CFR 2.32 forbids further disclosure without the patient's consent.
_NO_REDISCLOSURE = Coding(
    "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "NORDSCLCD",
    "no redisclosure without consent directive",
)
_RESTRICTED = Coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", "restricted")


# Codes and systems are few and in every record; values are neither.
@lru_cache(maxsize=4096)
def coding(to: Coding) -> str:
    """Return a Coding."""
    return f'{{"system":{quote(to.system)},"code":{quote(to.code)},"display":{quote(to.display)}}}'


def identifier(system: str, value: str, kind: tuple[str, str] | None = None) -> str:
    """Return an Identifier; `kind` is code and display of v2-0203."""
    typed = ""
    if kind is not None:
        typed = _type(kind)
    return f'{{{typed}"system":{_system(system)},"value":{quote(value)}}}'


@lru_cache(maxsize=64)
def _type(kind: tuple[str, str]) -> str:
    return f'"type":{{"coding":[{coding(Coding(IDENTIFIER_TYPE, *kind))}]}},'


@lru_cache(maxsize=65536)
def _system(uri: str) -> str:
    return quote(uri)


def days(count: int) -> str:
    """Return a Quantity of days."""
    return f'{{"value":{count},"unit":"days","system":"{UCUM}","code":"d"}}'


def _extensions(name: str, table: ConceptMap) -> dict[str, str]:
    return {code: f'{{"url":"{PDMP}{name}","valueCoding":{coding(to)}}}' for code, to in table.items()}


def _medication(drug: Drug) -> str:
    # userSelected marks the code that the pharmacy sent; the guide forbids it on those that we add.
    codings = [f'{{"system":"{NDC}","code":"{drug.ndc11}","userSelected":true}}']
    if drug.rxcui:
        codings.append(rxnorm(drug.rxcui, drug.rxnorm_name))
    return f'{{"coding":[{",".join(codings)}],"text":{quote(drug.name)}}}'


def rxnorm(rxcui: str, name: str = "") -> str:
    """Return a Coding in RxNorm."""
    display = f',"display":{quote(name)}' if name else ""
    return f'{{"system":"{RXNORM}","code":{quote(rxcui)}{display}}}'
