"""The one door to patient data: may it start, whom does it mean, decide, fetch, audit — in that order.

FHIR search and read, operations, reports and the portal come in here and nowhere else.
"""
