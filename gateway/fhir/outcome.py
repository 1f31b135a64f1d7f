"""The one place where a category of failure becomes an HTTP status and an OperationOutcome.

FHIR R4, section 2.36 (OperationOutcome), value set issue-type; HTTP statuses of FHIR R4, section 3.1.0.
Not here: the outcomes *inside* a 200 answer of $pdmp-history (`gateway.fhir_api.history_answer`).
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from gateway.core.errors import Category, GatewayError


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a category looks on the wire: the HTTP status and the code of value set issue-type."""

    status: int
    code: str


RENDERINGS: dict[Category, Rendering] = {
    Category.INVALID: Rendering(400, "invalid"),
    Category.NOT_SUPPORTED: Rendering(400, "not-supported"),
    Category.UNAUTHENTICATED: Rendering(401, "login"),
    Category.FORBIDDEN: Rendering(403, "forbidden"),
    Category.NOT_FOUND: Rendering(404, "not-found"),
    Category.METHOD_NOT_ALLOWED: Rendering(405, "not-supported"),
    Category.NOT_ACCEPTABLE: Rendering(406, "not-supported"),
    Category.CONFLICT: Rendering(409, "conflict"),
    Category.GONE: Rendering(410, "deleted"),
    Category.TOO_LARGE: Rendering(413, "too-long"),
    Category.UNSUPPORTED_MEDIA: Rendering(415, "not-supported"),
    Category.THROTTLED: Rendering(429, "throttled"),
    Category.INTERNAL: Rendering(500, "exception"),
    Category.UNAVAILABLE: Rendering(503, "transient"),
}


def of_error(error: GatewayError) -> tuple[int, bytes]:
    """Return the HTTP status and the OperationOutcome of `error`; the text of an internal one is not told."""
    rendering = RENDERINGS[error.category]
    text = "Internal error." if error.category is Category.INTERNAL else error.public
    return rendering.status, operation_outcome("error", rendering.code, text)


def operation_outcome(
    severity: str, code: str, diagnostics: str, *, details: tuple[str, str, str] | None = None
) -> bytes:
    """Return an OperationOutcome with one issue as JSON. `details` is (system, code, display) of one coding.

    `diagnostics` must hold no patient data: it is logged and shown by clients.
    """
    issue: dict[str, object] = {"severity": severity, "code": code}
    if details is not None:
        system, detail, display = details
        issue["details"] = {"coding": [{"system": system, "code": detail, "display": display}]}
    issue["diagnostics"] = diagnostics
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
