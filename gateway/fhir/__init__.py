"""FHIR R4 (4.0.1) as vocabulary: media types, outcomes, bundles, search values. Pure; no web, no store."""
