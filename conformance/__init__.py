"""Black-box conformance: doubles of the parties around a PDMP gateway.

Nothing here imports the gateway or its app: what this package knows of them it learns over HTTP.
"""
