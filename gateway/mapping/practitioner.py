"""A prescriber as Practitioner. Rule: US Core 6.1.0, profile us-core-practitioner."""

from __future__ import annotations

from gateway.core.records import Prescriber
from gateway.mapping.fragments import US_CORE, identifier
from gateway.mapping.npi import is_npi
from gateway.mapping.tables import Mappings
from gateway.mapping.text import ABSENT, meta, quote

_PROFILE = f'"{US_CORE}us-core-practitioner"'


def render_prescriber(x: Prescriber, m: Mappings) -> bytes:
    """Return the Practitioner as JSON."""
    about = meta(version=x.version, updated_at=x.updated_at, source=m.fragments.source, profile=_PROFILE)
    family = f'"family":{quote(x.last_name)}' if x.last_name else f'"_family":{ABSENT}'
    given = [quote(name) for name in (x.first_name, x.middle_name) if name]
    names = f',"given":[{",".join(given)}]' if given else ""
    phone = f',"telecom":[{{"system":"phone","value":{quote(x.phone)}}}]' if x.phone else ""
    return (
        f'{{"resourceType":"Practitioner","id":"{x.prescriber_id}",{about},'
        f'"identifier":[{",".join(_identifiers(x, m))}],"name":[{{{family}{names}}}]{phone}}}'
    ).encode()


def _identifiers(x: Prescriber, m: Mappings) -> list[str]:
    own = f"{m.identifier_base}/fhir/sid"
    found: list[str] = []
    if x.npi:
        # US Core forbids a wrong check digit in that system; what was sent stays visible in one of ours.
        found.append(identifier(m.systems["npi"] if is_npi(x.npi) else f"{own}/reported-npi", x.npi))
    found += [identifier(m.systems["dea"], number) for number in x.deas]
    for state, number in x.licenses:
        system = f"{own}/license/{state.lower()}" if state else f"{own}/license"
        found.append(identifier(system, number))
    # US Core wants one: a prescriber who was reported without any has ours.
    return found or [identifier(f"{own}/prescriber", str(x.prescriber_id))]
