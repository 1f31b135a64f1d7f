"""The formal report: one history as a document for people, on screen (`html`) and on paper (`pdf`).

Pure: FHIR resources that the door disclosed go in, a page or a PDF comes out. There is one report in the
whole product; whoever shows or prints it gets it from here.
"""

from __future__ import annotations

from gateway.report.html import to_html
from gateway.report.model import Report, Requester, Source, read
from gateway.report.pdf import to_pdf

__all__ = ["Report", "Requester", "Source", "read", "to_html", "to_pdf"]
