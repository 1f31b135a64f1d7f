"""A new store tells the planner how large it has become: its look-ups stay look-ups."""

from __future__ import annotations

from tests.ingest import asap
from tests.ingest.store import Store


def _estimate(store: Store, table: str) -> float:
    return float(store.one("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", f"pdmp.{table}"))


def test_the_planner_learns_of_a_new_stores_size_while_it_is_loaded(store: Store) -> None:
    assert _estimate(store, "record_key") <= 0
    for first in (0, 1_500):
        patients = [asap.patient(asap.record(e02=f"7{number:06}")) for number in range(first, first + 1_500)]
        assert store.load(asap.file(asap.pharmacy(*patients)))["new"] == 1_500
    assert _estimate(store, "record_key") >= 1_500
