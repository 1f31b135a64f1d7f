"""The report as an accessible page: headings, lists and captioned tables, no script, no inline style."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2

from gateway.report.model import Report

#: The page's style sheet, for whoever serves it.
STYLESHEET = "templates/report.css"


def to_html(report: Report, *, stylesheet: str, pdf: str | None = None) -> str:
    """Return the report as an HTML document. `stylesheet` and `pdf` are addresses; without `pdf` no link."""
    return _template().render(report=report, stylesheet=stylesheet, pdf=pdf)


def stylesheet() -> bytes:
    """Return the page's style sheet."""
    return files("gateway.report").joinpath(STYLESHEET).read_bytes()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gateway.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
