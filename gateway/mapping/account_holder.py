"""The user of a token as Practitioner, what `fhirUser` names. Rule: US Core 6.1.0, us-core-practitioner."""

from __future__ import annotations

from gateway.core.records import AccountHolder
from gateway.mapping.fragments import US_CORE, identifier
from gateway.mapping.tables import Mappings
from gateway.mapping.text import meta, quote

_PROFILE = f'"{US_CORE}us-core-practitioner"'


def render_account_holder(x: AccountHolder, m: Mappings) -> bytes:
    """Return the Practitioner as JSON. US Core wants an identifier: the account's own comes first."""
    about = meta(version=1, updated_at=x.created_at, source=m.fragments.source, profile=_PROFILE)
    own = f"{m.identifier_base}/fhir/sid"
    found = [identifier(f"{own}/account", str(x.account_id))]
    if x.npi:
        found.append(identifier(m.systems["npi"], x.npi))
    if x.dea:
        found.append(identifier(m.systems["dea"], x.dea))
    if x.license:
        state, _, number = x.license.partition(":")
        found.append(identifier(f"{own}/license/{state.lower()}", number))
    return (
        f'{{"resourceType":"Practitioner","id":"{x.account_id}",{about},'
        f'"identifier":[{",".join(found)}],'
        f'"name":[{{"family":{quote(x.family_name)},"given":[{quote(x.given_name)}]}}]}}'
    ).encode()
