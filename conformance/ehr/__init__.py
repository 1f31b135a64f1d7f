"""The EHR double: a hospital's EHR as a SMART app meets it.

It is an authorization server of its own (SMART App Launch 2.2, EHR launch only), a few FHIR R4
resources, a chart page that opens the app in a sandboxed frame, and an order screen that asks a CDS
service (CDS Hooks 2.0) and launches the app from its cards. `python -m conformance.ehr`
serves it; `conformance.ehr.settings` lists its variables and `conformance.ehr.book` its file.

It is a double: one process, state in memory (a restart forgets sessions, launches, codes and tokens),
no passwords. It therefore serves on loopback only.

Where it is stricter than the specification asks, so that a careless client shows here first:
`aud` must equal the FHIR base byte by byte, PKCE and `state` are always demanded, a launch handle and a
code work once, an EHR launch that also asks for `launch/patient` is refused, reads need their scope and
stay inside the launched patient.

Negative paths
--------------
`"faults": [...]` in the file makes the double misbehave, so that a client can be seen to fail closed.
The file is read again when it changes; no restart is needed. The faults are listed, each with what a
good client does about it, in `conformance.ehr.faults`.
"""
