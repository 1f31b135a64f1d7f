"""PDMP Gateway: a state's prescription monitoring data as FHIR R4, guarded by SMART and the law."""

__version__ = "0.1.0"
