"""Ingest of a large synthetic population beside COPY of the very rows it made into the same indexed table."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from gateway.core.clock import Clock
from gateway.core.settings import Settings
from gateway.ingest.run import ingest_file
from gateway.mapping.tables import Mappings
from gateway.store.database import Database
from gateway.store.vault import Vault
from gateway.synth.generate import write
from tests.bench import cpu
from tests.bench.house import TODAY, postmaster
from tests.support.databases import IDENTIFIER_BASE, TestDatabase

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Loaded:
    """One round: dispensations, wall-clock seconds of each way, CPU seconds of each (client and server)."""

    dispensations: int
    files: int
    ingest: float
    copy_text: float
    copy_binary: float
    ingest_cpu: float
    copy_text_cpu: float
    copy_binary_cpu: float


@dataclass(slots=True)
class Loader:
    """Loads files the way `pdmp ingest` does, in this process."""

    settings: Settings
    database: Database
    clock: Clock
    vault: Vault
    mappings: Mappings

    @classmethod
    def open(cls, settings: Settings) -> Loader:
        """Return a loader with its connection not yet open."""
        assert settings.database_url
        return cls(
            settings,
            Database(settings.database_url),
            Clock(fixed_today=settings.test_today),
            Vault.of(settings),
            Mappings.load(
                settings.mappings_dir, jurisdiction=settings.jurisdiction, identifier_base=IDENTIFIER_BASE
            ),
        )

    def load(self, content: bytes, name: str) -> int:
        """Ingest one file and return how many dispensations were new. Raises RuntimeError unless accepted."""
        answer = ingest_file(
            self.database, self.clock, self.vault, self.mappings, self.settings, content, name
        )
        if answer["status"] != "accepted":
            raise RuntimeError(f"{name}: {answer['status']} {answer['errors'][:3]}")
        return int(answer["new"])

    def close(self) -> None:
        """Close the connection."""
        self.database.close()


def population(folder: Path, patients: int, mappings: Path, *, seed: int = 77) -> list[tuple[str, bytes]]:
    """Return the files of a synthetic population, by name."""
    write(folder, patients=patients, seed=seed, today=TODAY, mappings=mappings)
    return [(file.name, file.read_bytes()) for file in sorted(folder.iterdir())]


def measure(settings: Settings, database: TestDatabase, files: list[tuple[str, bytes]]) -> Loaded:
    """Ingest `files` into the fresh `database`, then copy the same rows; return what each took."""
    server = postmaster(database)
    loader = Loader.open(settings)
    rows = 0
    try:
        # What a running process has long done is not timed: the connection and its first look at the tables.
        with loader.database.connection():
            pass
        _checkpoint(database)
        before, start = _cpu(server), time.perf_counter()
        for name, content in files:
            rows += loader.load(content, name)
        ingest, ingest_cpu = time.perf_counter() - start, _cpu(server) - before
    finally:
        loader.close()
    text, text_cpu = _copy(database, server, rows, "")
    binary, binary_cpu = _copy(database, server, rows, " (FORMAT binary)")
    return Loaded(rows, len(files), ingest, text, binary, ingest_cpu, text_cpu, binary_cpu)


def _copy(database: TestDatabase, server: int, rows: int, how: str) -> tuple[float, float]:
    with tempfile.TemporaryFile() as spool, psycopg.connect(database.admin_url, autocommit=True) as admin:
        with admin.cursor().copy(f"COPY pdmp.dispensation_version TO STDOUT{how}") as copy:
            for piece in copy:
                spool.write(piece)
        admin.execute("CREATE TABLE public.yardstick (LIKE pdmp.dispensation_version INCLUDING ALL)")
        # LIKE leaves out how rows are laid out, which decides what storing them costs.
        options = admin.execute(
            "SELECT unnest(reloptions) FROM pg_class WHERE oid = 'pdmp.dispensation_version'::regclass"
        ).fetchall()
        for (option,) in options:
            admin.execute(f"ALTER TABLE public.yardstick SET ({option})")
        try:
            _checkpoint(database)
            before, start = _cpu(server), time.perf_counter()
            copied = _copy_in(admin, spool, how)
            took, used = time.perf_counter() - start, _cpu(server) - before
        finally:
            admin.execute("DROP TABLE public.yardstick")
    if copied != rows:
        raise RuntimeError(f"COPY brought {copied} rows, ingest {rows}")
    return took, used


def _copy_in(admin: psycopg.Connection[tuple[object, ...]], spool: IO[bytes], how: str) -> int:
    spool.seek(0)
    cursor = admin.cursor()
    with cursor.copy(f"COPY public.yardstick FROM STDIN{how}") as copy:
        while piece := spool.read(_CHUNK):
            copy.write(piece)
    return cursor.rowcount


def _cpu(server: int) -> float:
    return time.process_time() + cpu.seconds(server)


def _checkpoint(database: TestDatabase) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("CHECKPOINT")
