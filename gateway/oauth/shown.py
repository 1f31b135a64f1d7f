"""Views that answer a person: whatever goes wrong in them is told on a page, in the words of the error."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps

import flask

from gateway.core.errors import GatewayError
from gateway.oauth import errors, pages
from gateway.oauth.pending import PageProblem
from gateway.oauth.steps import Elsewhere

_log = logging.getLogger("gateway.oauth")


def as_page(view: Callable[[], flask.Response]) -> Callable[[], flask.Response]:
    """Return the view with its errors as pages."""

    @wraps(view)
    def shown() -> flask.Response:
        try:
            return view()
        except Elsewhere as onward:
            return onward.response
        except GatewayError as error:
            return _problem(error)

    return shown


def _problem(error: GatewayError) -> flask.Response:
    if isinstance(error, PageProblem):
        title, status = error.title, error.status
    else:
        title, status = "This did not work", errors.status_of(error)
    text = error.public if status < 500 else "Something is not available just now. Try again in a minute."
    level = logging.ERROR if status >= 500 else logging.INFO
    _log.log(level, "page_refused", extra={"status": status, "detail": error.detail})
    response = pages.error_page(title, text, status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
