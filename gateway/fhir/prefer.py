"""The Prefer header (RFC 7240): several preferences in one header, several headers, unknown ones ignored."""

from __future__ import annotations


def lenient(header: str | None) -> bool:
    """Return whether `handling=lenient` is preferred (FHIR R4, 3.1.1.1); the first `handling` counts."""
    if not header:
        return False
    for preference in header.split(","):
        # `handling=lenient; wait=10`: parameters of a preference are not ours.
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "handling":
            return value.strip().strip('"').lower() == "lenient"
    return False
