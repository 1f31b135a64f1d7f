"""A refusal as an error, and the two ids that a request names: read strictly, refused quietly."""

from __future__ import annotations

from uuid import UUID

from gateway.core.access import DenialReason, Principal
from gateway.core.errors import Forbidden


def as_error(reason: DenialReason, scope: str) -> Forbidden:
    """Return the Forbidden that says `reason`; a missing scope is named for the challenge (RFC 6750 3.1)."""
    text = reason.value[0].upper() + reason.value[1:] + "."
    return Forbidden(text, scope=scope if reason is DenialReason.NO_SCOPE else None)


def uuid_of(text: str | None) -> UUID | None:
    """Return the id in canonical form, or None for what cannot be one of ours."""
    if text is None or len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


def grant_id_of(header: str | None, principal: Principal) -> UUID | None:
    """Return the id in a PDMP-Grant header, None without one. Raises Forbidden for a malformed one.

    A user's token stands on its consent: whatever the header says is not looked at.
    """
    if principal.consent_id is not None or header is None or not header.strip():
        return None
    grant_id = uuid_of(header.strip())
    if grant_id is None:
        raise as_error(DenialReason.NO_GRANT, "")
    return grant_id
