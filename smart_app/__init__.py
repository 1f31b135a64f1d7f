"""The clinician's page: a SMART client at the EHR and a PDMP requester at the gateway.

A package and a process of its own. It speaks FHIR over HTTP as any other PDMP requester does, and
imports nothing of the gateway. The way of a launch, in file order:

`launch.py` registered issuer, discovery, PKCE → the EHR → `callback.py` state, code, id_token →
`view.py` → `ehr_client.py` Patient and Practitioner → `gateway_client.py` `$pdmp-history` →
`history.py` Bundle to rows → `facts.py`, `timeline.py` → `templates/`.
"""
