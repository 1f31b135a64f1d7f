"""The app's one error tree; `pages.py` turns each kind into a page.

    AppError
    ├── Misconfigured       settings or keys that must stop the start
    ├── UnknownIssuer       the launch names an EHR that is not registered
    ├── LaunchRefused       state, issuer, id_token or context that does not hold
    ├── PageGone            the page's session is over, used up or another browser's
    ├── EhrFailed           the EHR does not answer, or not as SMART says
    ├── GatewayFailed       the PDMP gateway does not answer, or refuses this client
    ├── OutboundRefused     an address that this app may not call
    └── Unavailable         our own cache or database does not answer

`public` is for the clinician, `detail` for the log. Neither ever holds patient data.
"""

from __future__ import annotations


class AppError(Exception):
    """An expected failure with two voices: `public` for the page, `detail` for the log."""

    status = 500
    kind = "error"
    title = "The PDMP page could not be shown"

    def __init__(self, public: str, *, detail: str = "") -> None:
        super().__init__(public)
        self.public = public
        self.detail = detail


class Misconfigured(AppError):
    """Settings or keys are unusable: the process must not start."""

    title = "This app is not set up"


class UnknownIssuer(AppError):
    """The `iss` of a launch is not one of the registered EHRs, character by character."""

    status = 403
    kind = "unknown-issuer"
    title = "This EHR is not registered here"


class LaunchRefused(AppError):
    """The launch failed a check. Nothing was asked of the PDMP."""

    status = 400
    kind = "launch-refused"
    title = "The launch was refused"


class PageGone(AppError):
    """The page is over: idle too long, already used, or not this browser's."""

    status = 410
    kind = "page-gone"
    title = "This page has ended"


class EhrFailed(AppError):
    """The EHR does not answer, or its answer is not usable."""

    status = 502
    kind = "ehr-failed"
    title = "The EHR did not answer as expected"


class GatewayFailed(AppError):
    """The PDMP gateway does not answer, or its answer is not usable. No statement about any record."""

    status = 502
    kind = "gateway-failed"
    title = "The PDMP could not be asked"


class OutboundRefused(AppError):
    """An address that policy does not let this app call."""

    status = 502
    kind = "outbound-refused"
    title = "A server address is not allowed"


class Unavailable(AppError):
    """The app's own cache or database does not answer."""

    status = 503
    kind = "unavailable"
    title = "The PDMP page is unavailable"
