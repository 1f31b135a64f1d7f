"""The FHIR REST interface: a table of what is served, one file an interaction or operation."""

from gateway.fhir_api.routes import blueprint

__all__ = ["blueprint"]
