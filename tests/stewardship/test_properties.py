"""Whatever a steward does, in whatever order: undone, every row is what it was; and rows are never astray."""

from __future__ import annotations

import itertools
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Conflict
from gateway.stewardship.actions import Done
from tests.ingest import asap
from tests.stewardship.conftest import Office
from tests.stewardship.rows import consistent, snapshot

_numbers = itertools.count(1)
_SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

#: How many descriptions each of a few persons has.
people = st.lists(st.integers(1, 3), min_size=2, max_size=4)
#: Which two of those who stand, by place.
pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4)


def _report(office: Office, counts: list[int]) -> list[UUID]:
    """Report new persons in one file: each with an SSN of its own, and one address a description."""
    patients, firsts = [], []
    for count in counts:
        number = next(_numbers)
        for place in range(count):
            rx = f"8{number:04}{place}"
            if place == 0:
                firsts.append(rx)
            patients.append(
                asap.patient(
                    asap.record(DSP02=rx),
                    PAT03=f"7{number:05}{number % 89:03}",
                    PAT07=f"Fen{'abcdefghij'[number % 10]}wick",
                    PAT12=f"{place + 1} Quarry Lane",
                )
            )
    answer = office.store.load(asap.file(asap.pharmacy(*patients)))
    assert answer["status"] == "accepted", answer
    return [UUID(str(office.store.person_of(rx))) for rx in firsts]


@_SETTINGS
@given(counts=people, chosen=pairs)
def test_merges_undone_leave_every_row_as_it_was(
    office: Office, counts: list[int], chosen: list[tuple[int, int]]
) -> None:
    standing = list(dict.fromkeys(_report(office, counts)))
    if len(standing) > 1:
        office.doubt(standing[0], standing[1])
    before = snapshot(office.store)
    done: list[Done] = []
    for one, other in chosen:
        keep, away = standing[one % len(standing)], standing[other % len(standing)]
        if keep == away:
            continue
        done.append(office.desk.merge(keep, away))
        standing.remove(away)
        consistent(office.store)
    for action in reversed(done):
        office.desk.undo(action.action_id)
        consistent(office.store)
    assert snapshot(office.store) == before


@_SETTINGS
@given(
    counts=people,
    steps=st.lists(
        st.tuples(st.sampled_from(["merge", "split", "undo"]), st.integers(0, 9), st.integers(0, 9)),
        min_size=2,
        max_size=6,
    ),
)
def test_any_actions_in_any_order_lose_nothing_and_all_can_be_undone(
    office: Office, counts: list[int], steps: list[tuple[str, int, int]]
) -> None:
    standing = list(dict.fromkeys(_report(office, counts)))
    home = "select dispensation_id, version, person_id from dispensation_version order by 1, 2"
    before, live = office.store.rows(home), list[Done]()
    for kind, one, other in steps:
        person_id = standing[one % len(standing)]
        if kind == "merge" and person_id != (away := standing[other % len(standing)]):
            live.append(office.desk.merge(person_id, away))
            standing.remove(away)
        elif kind == "split":
            own = [
                row[0]
                for row in office.store.rows(
                    "select description_id from description where person_id = %s order by 1", person_id
                )
            ]
            if len(own) > 1:
                live.append(office.desk.split(person_id, own[: 1 + other % (len(own) - 1)]))
                standing.append(live[-1].other_person_id)
        elif kind == "undo" and live:
            try:
                action = live[one % len(live)]
                office.desk.undo(action.action_id)
            except Conflict:
                pass  # a later one stands upon it
            else:
                live.remove(action)
                if action.kind == "merge":
                    standing.append(action.other_person_id)
                else:
                    standing.remove(action.other_person_id)
        consistent(office.store)
    for action in reversed(live):
        office.desk.undo(action.action_id)
        consistent(office.store)
    assert office.store.rows(home) == before
