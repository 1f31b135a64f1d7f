"""CDS Hooks 2.0: a card that puts the app one click away, and gives nothing away.

No module here reads or writes a patient's history; whether a card appears never depends on PDMP data.
"""

from __future__ import annotations

from gateway.cds.routes import blueprint

__all__ = ["blueprint"]
