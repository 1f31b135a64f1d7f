"""The one error tree. A category is chosen where the error is raised; each protocol renders it once.

    GatewayError
    ├── BadRequest          INVALID        the request itself is malformed
    ├── UnknownParameter    NOT_SUPPORTED  a search parameter or input that is not served
    ├── Unauthenticated     UNAUTHENTICATED  no or no valid access token
    ├── Forbidden           FORBIDDEN      authenticated, but policy or scope says no
    ├── NotFound            NOT_FOUND      absent, or not to be told apart from absent
    ├── Gone                GONE           was here, is voided or used up
    ├── NotAcceptable       NOT_ACCEPTABLE no representation that the client takes
    ├── UnsupportedMedia    UNSUPPORTED_MEDIA  a body in a format that is not read
    ├── MethodNotAllowed    METHOD_NOT_ALLOWED
    ├── TooLarge            TOO_LARGE      above a stated limit
    ├── TooMany             THROTTLED      rate limit
    ├── Conflict            CONFLICT
    ├── Unavailable         UNAVAILABLE    a thing we depend on does not answer
    └── Misconfigured       INTERNAL       settings or mapping tables that must stop the start

Rendered by `gateway.fhir.outcome` (FHIR), `gateway.oauth.errors` (RFC 6749), `gateway.ingest.report`
(ASAP answer lines) and the CLI. `public` may reach the wire; `detail` only the log. Neither ever
holds patient data.
"""

from __future__ import annotations

from enum import Enum


class Category(Enum):
    """What kind of failure it is; never an HTTP status."""

    INVALID = "invalid"
    NOT_SUPPORTED = "not-supported"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    GONE = "gone"
    NOT_ACCEPTABLE = "not-acceptable"
    UNSUPPORTED_MEDIA = "unsupported-media"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    TOO_LARGE = "too-large"
    THROTTLED = "throttled"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class GatewayError(Exception):
    """An expected failure, with two voices: `public` for the wire, `detail` for the log."""

    category = Category.INTERNAL

    def __init__(self, public: str, *, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(public)
        self.public = public
        self.detail = detail
        self.retry_after = retry_after


class BadRequest(GatewayError):
    """The request is malformed: syntax, type, cardinality."""

    category = Category.INVALID


class UnknownParameter(GatewayError):
    """A parameter, modifier or input that this server does not serve."""

    category = Category.NOT_SUPPORTED


class Unauthenticated(GatewayError):
    """No access token, or none that is valid now (RFC 6750 section 3.1, `invalid_token`)."""

    category = Category.UNAUTHENTICATED


class Forbidden(GatewayError):
    """The caller is known and may not do this. `scope` names what was missing, when it was a scope."""

    category = Category.FORBIDDEN

    def __init__(self, public: str, *, detail: str = "", scope: str | None = None) -> None:
        super().__init__(public, detail=detail)
        self.scope = scope


class NotFound(GatewayError):
    """Absent, or forbidden to know: the two look alike from outside."""

    category = Category.NOT_FOUND


class Gone(GatewayError):
    """It existed and is used up."""

    category = Category.GONE


class NotAcceptable(GatewayError):
    """No representation that the `Accept` header admits."""

    category = Category.NOT_ACCEPTABLE


class UnsupportedMedia(GatewayError):
    """A request body of a media type that is not read here."""

    category = Category.UNSUPPORTED_MEDIA


class MethodNotAllowed(GatewayError):
    """The address exists; the method is not served there."""

    category = Category.METHOD_NOT_ALLOWED


class TooLarge(GatewayError):
    """Above a stated limit of size, depth or count."""

    category = Category.TOO_LARGE


class TooMany(GatewayError):
    """Above a rate limit."""

    category = Category.THROTTLED


class Conflict(GatewayError):
    """It contradicts what is stored."""

    category = Category.CONFLICT


class Unavailable(GatewayError):
    """The database, the cache or a remote server does not answer."""

    category = Category.UNAVAILABLE


class Misconfigured(GatewayError):
    """Settings, keys or mapping tables are unusable: the process must not start."""

    category = Category.INTERNAL
