"""One installation under test: it loads files, and looks where no role of ours may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gateway.core.clock import Clock
from gateway.core.settings import Settings
from gateway.ingest.run import ingest_file
from gateway.mapping.tables import Mappings
from gateway.store.database import Database
from gateway.store.vault import Vault
from tests.support.databases import IDENTIFIER_BASE, TestDatabase

DATA = Path(__file__).resolve().parents[1] / "data"


class Store:
    """One installation: loads files, and looks where no role of ours may."""

    def __init__(self, settings: Settings, database: TestDatabase) -> None:
        self.settings = settings
        self.database = Database(database.url)
        self.vault = Vault.open(settings.keys_dir)
        self.mappings = Mappings.load(
            settings.mappings_dir, jurisdiction="KY", identifier_base=IDENTIFIER_BASE
        )
        self.clock = Clock(fixed_today=settings.test_today)
        self._eyes = psycopg.connect(
            database.admin_url, autocommit=True, options="-c search_path=pdmp -c timezone=UTC"
        )

    def load(self, source: bytes | Path) -> dict[str, Any]:
        """Return the answer to a file."""
        name = source.name if isinstance(source, Path) else "test.asap"
        return ingest_file(self.database, self.clock, self.vault, self.mappings, self.settings, source, name)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return what a statement sees."""
        return self._eyes.execute(statement.encode(), parameters or None).fetchall()

    def one(self, statement: str, *parameters: Any) -> Any:
        """Return the only value."""
        ((value,),) = self.rows(statement, *parameters)
        return value

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        counted = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
        return int(self._eyes.execute(counted).fetchall()[0][0])

    @property
    def live(self) -> int:
        """Return how many dispensations are current and not voided."""
        return int(
            self.one("select count(*) from dispensation_version where superseded_at is null and not voided")
        )

    @property
    def persons(self) -> int:
        """Return how many persons and animals there are."""
        return int(self.one("select count(*) from person"))

    def person_of(self, rx_number: str) -> Any:
        """Return the person of a prescription's current version."""
        return self.one(
            "select person_id from dispensation_version where superseded_at is null and rx_number = %s",
            rx_number,
        )

    def close(self) -> None:
        """Close both connections."""
        self.database.close()
        self._eyes.close()
