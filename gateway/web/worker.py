"""Gunicorn's worker, with our own answer to what cannot be read as HTTP.

Gunicorn's own repeats the request's words in its answer and in its log, where the address of a search can
name a patient or a drug; and its answer is a page. Ours is an OperationOutcome that repeats nothing
(RFC 9110 section 15.5 for the statuses).
"""

from __future__ import annotations

import socket
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from gateway.core.log import places
from gateway.fhir import outcome, wire

# Most specific first.
_REFUSALS: tuple[tuple[tuple[type[Exception], ...], HTTPStatus, str, str], ...] = (
    (
        (errors.LimitRequestLine,),
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "too-long",
        "The address is too long; a search can be sent by POST to _search.",
    ),
    (
        (errors.LimitRequestHeaders,),
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "too-long",
        "The headers are too large.",
    ),
    (
        (errors.UnsupportedTransferCoding,),
        HTTPStatus.NOT_IMPLEMENTED,
        "not-supported",
        "This transfer coding is not read.",
    ),
    ((errors.ExpectationFailed,), HTTPStatus.EXPECTATION_FAILED, "not-supported", "Expect is not served."),
    ((errors.ParseException, OSError), HTTPStatus.BAD_REQUEST, "structure", "The request is not HTTP."),
)


class Worker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker whose refusals repeat nothing of the request."""

    def handle_error(self, _req: Any, client: socket.socket, _addr: Any, exc: BaseException) -> None:
        """Answer a request that failed before or after the application saw it; log its kind alone."""
        status, code, text = _refusal(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("Request failed: %s at %s", type(exc).__name__, places(exc.__traceback__))
        else:
            self.log.warning("Unreadable request: %s", type(exc).__name__)
        body = outcome.operation_outcome("error", code, text)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nCache-Control: no-store\r\n"
            f"X-Content-Type-Options: nosniff\r\nContent-Type: {wire.FHIR_JSON_UTF8}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            self.log.debug("The client is gone.")


def _refusal(exc: BaseException) -> tuple[HTTPStatus, str, str]:
    # Two of gunicorn's parse errors are about the answer: a fault of ours.
    ours = isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
    for kinds, status, code, text in _REFUSALS:
        if isinstance(exc, kinds) and not ours:
            return status, code, text
    return HTTPStatus.INTERNAL_SERVER_ERROR, "exception", "Internal error."
