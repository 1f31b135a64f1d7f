"""Merge, split, reject and undo: rows follow, nothing is lost, and an undo gives back what was."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from gateway.core.errors import BadRequest, Conflict, NotFound
from gateway.match.steward import forbidden_pairs, joined_by_steward, standing_for
from tests.ingest import asap
from tests.stewardship.conftest import Office
from tests.stewardship.rows import consistent, snapshot

#: Two reports of one woman, by an SSN that one pharmacy typed wrongly.
ONE = {"PAT03": "999700101"}
OTHER = {"PAT03": "999700777", "PAT12": "9 Mill Street", "PAT17": "8595550177"}


@pytest.fixture
def pair(office: Office) -> tuple[UUID, UUID]:
    keep, away = office.report("7001", **ONE), office.report("7002", **OTHER)
    assert keep != away
    return keep, away


def _patient(office: Office, person_id: UUID) -> dict[str, object]:
    patient: dict[str, object] = json.loads(
        office.store.one("select resource from person where person_id = %s", person_id)
    )
    return patient


def test_a_merge_brings_all_rows_to_the_person_who_stays(office: Office, pair: tuple[UUID, UUID]) -> None:
    keep, away = pair
    done = office.desk.merge(keep, away)
    assert (done.descriptions, done.dispensations) == (1, 1)
    assert office.store.person_of("7002") == keep
    assert office.store.one("select count(*) from description where person_id = %s", keep) == 2
    consistent(office.store)


def test_both_persons_say_what_became_of_them(office: Office, pair: tuple[UUID, UUID]) -> None:
    keep, away = pair
    office.desk.merge(keep, away)
    stays, went = _patient(office, keep), _patient(office, away)
    assert stays["link"] == [{"other": {"reference": f"Patient/{away}"}, "type": "replaces"}]
    assert [(one.get("use"), one["value"]) for one in stays["identifier"]] == [  # type: ignore[attr-defined]
        (None, str(keep)),
        ("old", str(away)),
    ]
    assert went["active"] is False
    assert went["link"] == [{"other": {"reference": f"Patient/{keep}"}, "type": "replaced-by"}]
    assert "Fenwick" not in json.dumps(went)


def test_the_same_report_again_goes_to_the_person_who_stays(office: Office, pair: tuple[UUID, UUID]) -> None:
    keep, away = pair
    office.desk.merge(keep, away)
    assert office.report("7003", **OTHER) == keep
    assert office.report("7004", **ONE) == keep
    consistent(office.store)


def test_a_new_report_by_either_number_comes_to_the_person_who_stays(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    office.desk.merge(keep, away)
    assert office.report("7003", PAT03=ONE["PAT03"], PAT12="77 Other Lane", PAT17="8595550111") == keep
    assert office.report("7004", PAT03=OTHER["PAT03"], PAT12="78 Other Lane", PAT17="8595550112") == keep
    assert office.report("7005", PAT03="999700555", PAT12="79 Other Lane", PAT17="8595550113") != keep


def test_undoing_a_merge_gives_back_every_row(office: Office, pair: tuple[UUID, UUID]) -> None:
    office.doubt(*pair)
    before = snapshot(office.store)
    done = office.desk.merge(*pair)
    assert snapshot(office.store) != before
    office.desk.undo(done.action_id)
    assert snapshot(office.store) == before
    consistent(office.store)


def test_versions_of_a_person_go_on_through_merge_and_undo(office: Office, pair: tuple[UUID, UUID]) -> None:
    done = office.desk.merge(*pair)
    office.desk.undo(done.action_id)
    for person_id in pair:
        assert office.store.one("select version from person where person_id = %s", person_id) == 3
        kept = "select version from person_before where person_id = %s order by version"
        assert office.store.rows(kept, person_id) == [(1,), (2,)]


def test_what_was_reported_under_a_moved_description_goes_back_with_it(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    done = office.desk.merge(keep, away)
    office.report("7003", **OTHER)
    office.desk.undo(done.action_id)
    assert office.store.person_of("7003") == away
    consistent(office.store)


def test_what_was_newly_described_meanwhile_stays_and_is_put_in_doubt(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    done = office.desk.merge(keep, away)
    assert office.report("7005", PAT02="", PAT03="", PAT09="Ann", PAT12="9 Mill Street") == keep
    office.desk.undo(done.action_id)
    assert office.store.person_of("7005") == keep
    doubts = office.store.rows("select person_id, other_person_id from link_review where resolved_at is null")
    assert doubts == [(keep, away)]
    consistent(office.store)


def test_a_split_makes_a_person_that_no_rule_joins_again(office: Office) -> None:
    whole = office.report("7001", **ONE)
    assert office.report("7002", PAT02="", PAT03="", PAT12="9 Mill Street") == whole
    part = office.store.one(
        "select description_id from dispensation_version where rx_number = '7002' and superseded_at is null"
    )
    done = office.desk.split(whole, [part])
    assert office.store.person_of("7002") == done.other_person_id
    assert office.store.person_of("7001") == whole
    consistent(office.store)
    with office.store.database.connection() as connection:
        pairs = forbidden_pairs(connection, "KY", [whole, done.other_person_id, uuid4()])
    assert pairs == {frozenset((whole, done.other_person_id))}
    assert office.report("7003", PAT02="", PAT03="", PAT12="9 Mill Street") == done.other_person_id
    assert office.report("7004", **ONE) == whole


def test_undoing_a_split_gives_back_every_row_and_keeps_the_id_that_was_made(office: Office) -> None:
    whole = office.report("7001", **ONE)
    office.report("7002", PAT02="", PAT03="", PAT12="9 Mill Street")
    part = office.store.one("select description_id from dispensation_version where rx_number = '7002'")
    before = snapshot(office.store)
    done = office.desk.split(whole, [part])
    office.report("7003", PAT02="", PAT03="", PAT12="9 Mill Street")
    office.desk.undo(done.action_id)
    after = snapshot(office.store)
    consistent(office.store)
    assert office.store.person_of("7003") == whole
    assert after["description_key"] == before["description_key"]
    assert after["description_identifier"] == before["description_identifier"]
    assert _patient(office, done.other_person_id)["active"] is False
    with office.store.database.connection() as connection:
        assert not forbidden_pairs(connection, "KY", [whole, done.other_person_id])
        assert standing_for(connection, "KY", [done.other_person_id]) == {done.other_person_id: whole}


def test_a_chain_of_merges_points_to_its_end_and_is_undone_from_its_end(office: Office) -> None:
    first, second = office.report("7001", **ONE), office.report("7002", **OTHER)
    third = office.report("7003", PAT03="999700999", PAT12="4 High Street", PAT17="8595550166")
    before = snapshot(office.store)
    inner, outer = office.desk.merge(second, first), office.desk.merge(third, second)
    with office.store.database.connection() as connection:
        assert standing_for(connection, "KY", [first, second, third]) == dict.fromkeys(
            (first, second, third), third
        )
        assert joined_by_steward(connection, "KY", [first, second, third]) == {third}
    consistent(office.store)
    with pytest.raises(Conflict, match="undo the later one first"):
        office.desk.undo(inner.action_id)
    office.desk.undo(outer.action_id)
    assert _patient(office, first)["link"] == [
        {"other": {"reference": f"Patient/{second}"}, "type": "replaced-by"}
    ]
    office.desk.undo(inner.action_id)
    assert snapshot(office.store) == before


def test_every_version_of_a_dispensation_follows_its_description(office: Office) -> None:
    keep, away = office.report("7001", **ONE), office.report("7002", **OTHER)
    # The pharmacy says that its second record was the other person's.
    revised = asap.record(DSP02="7002", DSP01="01", DSP09="60")
    office.store.load(asap.file(asap.pharmacy(asap.patient(revised, **ONE))))
    versions = "select person_id from dispensation_version where rx_number = '7002' order by version"
    assert office.store.rows(versions) == [(away,), (keep,)]
    before = snapshot(office.store)
    done = office.desk.merge(keep, away)
    assert office.store.rows(versions) == [(keep,), (keep,)]
    consistent(office.store)
    office.desk.undo(done.action_id)
    assert snapshot(office.store) == before
    void = asap.record(DSP02="7002", DSP01="02", DSP09="60")
    assert office.store.load(asap.file(asap.pharmacy(asap.patient(void, **ONE))))["voided"] == 1
    consistent(office.store)


def test_a_merge_settles_doubts_and_lifts_what_kept_the_two_apart(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    review = office.doubt(keep, away)
    rejected = office.desk.reject(review)
    assert office.store.rows("select resolution, resolved_by from link_review") == [("rejected", "odell")]
    with office.store.database.connection() as connection:
        assert forbidden_pairs(connection, "KY", pair) == {frozenset(pair)}
    done = office.desk.merge(keep, away)
    with office.store.database.connection() as connection:
        assert not forbidden_pairs(connection, "KY", pair)
    with pytest.raises(Conflict):
        office.desk.undo(rejected.action_id)
    office.desk.undo(done.action_id)
    with office.store.database.connection() as connection:
        assert forbidden_pairs(connection, "KY", pair) == {frozenset(pair)}
    office.desk.undo(rejected.action_id)
    assert office.store.rows("select resolution, resolved_by from link_review") == [(None, None)]


def test_accepting_a_doubt_keeps_the_person_that_was_there_first(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    done = office.desk.accept(office.doubt(away, keep))
    assert (done.person_id, done.other_person_id) == (keep, away)
    assert office.store.rows("select resolution from link_review") == [("merged",)]


def test_a_doubt_about_a_person_merged_since_is_about_the_one_that_stands_for_it(office: Office) -> None:
    first, second = office.report("7001", **ONE), office.report("7002", **OTHER)
    third = office.report("7003", PAT03="999700999", PAT12="4 High Street", PAT17="8595550166")
    review = office.doubt(third, second)
    office.desk.merge(first, second)
    done = office.desk.accept(review)
    assert (done.person_id, done.other_person_id) == (first, third)


def test_wrong_actions_are_refused_audited_and_change_nothing(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, _ = pair
    beast = office.report(
        "7009", PAT02="", PAT03="", PAT19="", PAT20="02", PAT23="Biscuit", PAT12="8 Farm Road"
    )
    before = snapshot(office.store)
    nobody = uuid4()
    for kind, wrong, act in (
        ("merge", Conflict, lambda: office.desk.merge(keep, keep)),
        ("merge", NotFound, lambda: office.desk.merge(keep, nobody)),
        ("merge", Conflict, lambda: office.desk.merge(keep, beast)),
        ("split", BadRequest, lambda: office.desk.split(keep, [])),
        ("split", BadRequest, lambda: office.desk.split(keep, [nobody])),
        ("undo", NotFound, lambda: office.desk.undo(nobody)),
    ):
        rows = len(office.audit(f"steward {kind}"))
        with pytest.raises(wrong):
            act()
        new = office.audit(f"steward {kind}")[rows:]
        assert new
        assert {row[0] for row in new} == {"refused"}
    assert snapshot(office.store) == before


def test_a_person_merged_away_is_not_acted_on(office: Office, pair: tuple[UUID, UUID]) -> None:
    keep, away = pair
    office.desk.merge(keep, away)
    with pytest.raises(Conflict, match="merged"):
        office.desk.merge(away, keep)


def test_an_undo_is_done_once(office: Office, pair: tuple[UUID, UUID]) -> None:
    done = office.desk.merge(*pair)
    undone = office.desk.undo(done.action_id)
    with pytest.raises(Conflict, match="already"):
        office.desk.undo(done.action_id)
    with pytest.raises(Conflict, match="not undone"):
        office.desk.undo(undone.action_id)
