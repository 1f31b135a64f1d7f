"""A person or animal as Patient. Rule: HL7 US PDMP guide 1.0.0, profile pdmp-patient, section "Patient".

The identifier is ours. What was reported to identify someone (SSN, licence) is never here: a Person
does not hold it. Persons whom a steward merged refer to each other by `link` (FHIR R4, Patient.link), and the
one that stays carries the identifiers of the others as old ones, so that a requester who kept one sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from gateway.core.records import Address, Description, MergedPerson, Person
from gateway.mapping.fragments import PDMP, identifier
from gateway.mapping.tables import Mappings
from gateway.mapping.text import ABSENT, meta, quote

_PROFILE = f'"{PDMP}pdmp-patient"'


def render_patient(p: Person, m: Mappings) -> bytes:
    """Return the Patient as JSON: the newest description's name official, all others old."""
    newest = p.descriptions[0]
    about = meta(version=p.version, updated_at=p.updated_at, source=m.fragments.source, profile=_PROFILE)
    animal = f',"extension":[{m.fragments.animal}]' if newest.species == "animal" else ""
    numbers = [_number(p.person_id, m), *(_number(one, m, use='"use":"old",') for one in p.replaces)]
    return (
        f'{{"resourceType":"Patient","id":"{p.person_id}",{about}{animal},"identifier":[{",".join(numbers)}],'
        f'"name":[{",".join(_names(p.descriptions))}]{_telecom(p.descriptions)},"gender":"{_gender(p, m)}",'
        f"{_birth_date(p)}{_addresses(p.descriptions)}{_links(p.replaces, 'replaces')}}}"
    ).encode()


def render_merged_patient(p: MergedPerson, m: Mappings) -> bytes:
    """Return the inactive Patient that answers under the id of a person who was merged into another.

    It says who stands for it and nothing about the person: that is the other one's to say.
    """
    about = meta(version=p.version, updated_at=p.updated_at, source=m.fragments.source, profile=_PROFILE)
    animal = f',"extension":[{m.fragments.animal}]' if p.species == "animal" else ""
    return (
        f'{{"resourceType":"Patient","id":"{p.person_id}",{about}{animal},'
        f'"identifier":[{_number(p.person_id, m)}],"active":false,'
        f'"name":[{{"_family":{ABSENT},"_given":[{ABSENT}]}}],"gender":"unknown","_birthDate":{ABSENT}'
        f"{_links((p.merged_into,), 'replaced-by')}}}"
    ).encode()


def _number(person_id: UUID, m: Mappings, *, use: str = "") -> str:
    kind = ("MR", "Medical record number")
    made = identifier(f"{m.identifier_base}/fhir/sid/person", str(person_id), kind)
    return f"{{{use}{made[1:]}" if use else made


def _links(others: Iterable[UUID], kind: str) -> str:
    links = [f'{{"other":{{"reference":"Patient/{one}"}},"type":"{kind}"}}' for one in others]
    return f',"link":[{",".join(links)}]' if links else ""


def _names(descriptions: Iterable[Description]) -> list[str]:
    seen: set[tuple[str, ...]] = set()
    names: list[str] = []
    for d in descriptions:
        # As in the guide's example: an animal's given name is its own, its family name the owner's.
        given = (d.animal_name,) if d.species == "animal" else (d.first_name, d.middle_name)
        suffix = "" if d.species == "animal" else d.suffix
        prefix = "" if d.species == "animal" else d.prefix
        key = tuple(" ".join(part.split()).casefold() for part in (d.last_name, *given, prefix, suffix))
        if key in seen:
            continue
        seen.add(key)
        names.append(_name("old" if names else "official", d.last_name, given, prefix, suffix))
    return names


def _name(use: str, family: str, given: tuple[str, ...], prefix: str, suffix: str) -> str:
    parts = [f'"use":"{use}"', f'"family":{quote(family)}' if family else f'"_family":{ABSENT}']
    present = [quote(name) for name in given if name]
    parts.append(f'"given":[{",".join(present)}]' if present else f'"_given":[{ABSENT}]')
    if prefix:
        parts.append(f'"prefix":[{quote(prefix)}]')
    if suffix:
        parts.append(f'"suffix":[{quote(suffix)}]')
    return f"{{{','.join(parts)}}}"


def _gender(p: Person, m: Mappings) -> str:
    return next((g for d in _own(p) if (g := m.fragments.gender.get(d.gender))), "unknown")


def _own(p: Person) -> list[Description]:
    # With an animal, birth date and gender (PAT18, PAT19) are its owner's as often as not: nobody's, then.
    return [d for d in p.descriptions if d.species != "animal"]


def _birth_date(p: Person) -> str:
    born = next((d.birth_date for d in _own(p) if d.birth_date), None)
    return f'"birthDate":"{born.isoformat()}"' if born else f'"_birthDate":{ABSENT}'


def _telecom(descriptions: Iterable[Description]) -> str:
    old = ',"use":"old"'
    phones = list(dict.fromkeys(d.phone for d in descriptions if d.phone))
    points = [
        f'{{"system":"phone","value":{quote(phone)}{old if i else ""}}}' for i, phone in enumerate(phones)
    ]
    return f',"telecom":[{",".join(points)}]' if points else ""


def _addresses(descriptions: Iterable[Description]) -> str:
    seen: set[str] = set()
    addresses: list[str] = []
    for d in descriptions:
        body = address(d.address)
        if body and body.casefold() not in seen:
            seen.add(body.casefold())
            use = '"use":"old",' if addresses else ""
            addresses.append(f"{{{use}{body}}}")
    return f',"address":[{",".join(addresses)}]' if addresses else ""


def address(a: Address) -> str:
    """Return the members of an Address, without braces; empty when nothing was reported."""
    parts: list[str] = []
    lines = [quote(line) for line in (a.line1, a.line2) if line]
    if lines:
        parts.append(f'"line":[{",".join(lines)}]')
    for name, value in (
        ("city", a.city),
        ("state", a.state),
        ("postalCode", postal_code(a.postal_code)),
        ("country", a.country),
    ):
        if value:
            parts.append(f'"{name}":{quote(value)}')
    return ",".join(parts)


def postal_code(text: str) -> str:
    """Return a nine-digit ZIP code with its hyphen, which ASAP leaves out; anything else as it is."""
    return f"{text[:5]}-{text[5:]}" if len(text) == 9 and text.isdigit() else text
