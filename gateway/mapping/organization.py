"""A dispenser as Organization. Rule: HL7 US PDMP guide 1.0.0, profile pdmp-organization-pharmacy."""

from __future__ import annotations

from gateway.core.records import Dispenser
from gateway.mapping.fragments import PDMP, identifier
from gateway.mapping.npi import is_npi
from gateway.mapping.person import address
from gateway.mapping.tables import Mappings
from gateway.mapping.text import ABSENT, meta, quote

_PROFILE = f'"{PDMP}pdmp-organization-pharmacy"'


def render_dispenser(x: Dispenser, m: Mappings) -> bytes:
    """Return the Organization as JSON."""
    about = meta(version=x.version, updated_at=x.updated_at, source=m.fragments.source, profile=_PROFILE)
    name = f'"name":{quote(x.name)}' if x.name else f'"_name":{ABSENT}'
    phone = f',"telecom":[{{"system":"phone","value":{quote(x.phone)},"use":"work"}}]' if x.phone else ""
    place = f',"address":[{{{body}}}]' if (body := address(x.address)) else ""
    return (
        f'{{"resourceType":"Organization","id":"{x.dispenser_id}",{about},'
        f'"identifier":[{",".join(_identifiers(x, m))}],"active":true,{name}{phone}{place}}}'
    ).encode()


def _identifiers(x: Dispenser, m: Mappings) -> list[str]:
    found: list[str] = []
    if x.npi:
        # US Core forbids a wrong check digit in that system; what was sent stays visible in one of ours.
        system = m.systems["npi"] if is_npi(x.npi) else f"{m.identifier_base}/fhir/sid/reported-npi"
        found.append(identifier(system, x.npi))
    if x.ncpdp:
        found.append(identifier(m.systems["ncpdp"], x.ncpdp))
    if x.dea:
        found.append(identifier(m.systems["dea"], x.dea))
    return found or [identifier(f"{m.identifier_base}/fhir/sid/dispenser", str(x.dispenser_id))]
