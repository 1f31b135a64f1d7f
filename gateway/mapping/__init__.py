"""Rows to FHIR, pure: the tables under `mappings/` are compiled once at start; a bad one stops the start."""
