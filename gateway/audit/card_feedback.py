"""Feedback about CDS Hooks cards, kept without anything about a patient: the newest outcome of each card."""

from __future__ import annotations

from gateway.store import hooks
from gateway.store.database import Database
from gateway.store.hooks import Feedback

__all__ = ["Feedback", "keep"]


def keep(database: Database, client_id: str, service: str, feedback: list[Feedback]) -> None:
    """Keep what this client says about cards, all or nothing. Raises Unavailable."""
    with database.transaction() as connection:
        hooks.save_feedback(connection, client_id, service, feedback)
