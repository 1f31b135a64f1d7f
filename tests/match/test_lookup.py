"""Whom a query means, asked of a store that was filled from files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from gateway.core.disclosure import PatientIdentifier, PatientQuery
from gateway.core.settings import Settings
from gateway.match.lookup import Ambiguous, Found, Unknown, find
from tests.ingest import asap
from tests.ingest.store import DATA, Store
from tests.support.databases import TestDatabase

ALL = ("social security number", "driver's licence", "address", "telephone")


@pytest.fixture(scope="module")
def people(module_settings: Settings, module_database: TestDatabase) -> Iterator[Store]:
    store = Store(module_settings, module_database)
    for name in ("13-veterinary", "15-name-variants", "16-same-name-different-people", "23-shelter"):
        store.load(DATA / "overlays" / f"{name}.asap")
    for name in ("21-ids", "29-renamed-and-moved"):
        store.load(DATA / "overlays" / f"{name}.asap")
    yield store
    store.close()


def ask(
    store: Store, family: str, given: str, born: str, *identifiers: tuple[str, str, str], **more: object
) -> Found | Unknown | Ambiguous:
    query = PatientQuery(
        names=((family, given),),
        birth_date=dt.date.fromisoformat(born),
        identifiers=tuple(PatientIdentifier(kind, value, issuer) for kind, value, issuer in identifiers),
        **more,  # type: ignore[arg-type]
    )
    with store.database.connection() as connection:
        return find(connection, store.vault, "KY", query)


def test_nobody_of_that_name_and_birth_date_is_unknown(people: Store) -> None:
    assert ask(people, "Hall", "James", "1971-09-15") == Unknown()
    assert ask(people, "Nobody", "James", "1971-09-14") == Unknown()


def test_two_of_one_name_and_birth_date_are_never_chosen_from(people: Store) -> None:
    assert ask(people, "Hall", "James", "1971-09-14") == Ambiguous(ALL)


def test_one_identifier_settles_it(people: Store) -> None:
    first, second = people.person_of("5160007"), people.person_of("5160008")
    assert ask(people, "hall", "JAMES", "1971-09-14", ("ssn", "999-70-0125", "")) == Found(first)
    assert ask(people, "Hall", "James", "1971-09-14", ("license", "s99700126", "KY")) == Found(second)
    assert ask(people, "Hall", "James", "1971-09-14", phones=("(270) 555-3295",)) == Found(first)
    address = ("733 Town Mountain", "Pikeville", "41501-0001")
    assert ask(people, "Hall", "James", "1971-09-14", addresses=(address,)) == Found(second)


def test_our_own_identifier_decides_when_name_and_birth_date_agree(people: Store) -> None:
    first = people.person_of("5160007")
    own = ("person", str(first), "")
    assert ask(people, "Hall", "James", "1971-09-14", own) == Found(first)
    assert ask(people, "Hall", "Jim", "1971-09-14", own) == Unknown()
    assert ask(people, "Hall", "James", "1971-09-14", ("person", "no id", "")) == Ambiguous(ALL)


def test_our_own_identifier_against_another_persons_number_settles_nothing(people: Store) -> None:
    own = ("person", str(people.person_of("5160007")), "")
    anothers = ("ssn", "999700126", "")
    assert isinstance(ask(people, "Hall", "James", "1971-09-14", own, anothers), Ambiguous)


def test_an_identifier_that_differs_settles_nothing(people: Store) -> None:
    answer = ask(people, "Fultz", "Lonnie", "1960-01-01", ("ssn", "999700999", ""))
    assert answer == Ambiguous(("address", "telephone"))
    wrong = ask(people, "Stamper", "Darlene", "1985-06-17", ("ssn", "999700122", ""), phones=("6065556421",))
    assert isinstance(wrong, Ambiguous)


def test_a_name_and_birth_date_alone_name_the_kinds_that_would_settle_it(people: Store) -> None:
    assert ask(people, "Goins", "Eula", "1944-07-07") == Ambiguous(("address", "telephone"))


def test_a_shelters_telephone_that_is_the_pharmacys_is_no_evidence(people: Store) -> None:
    assert isinstance(ask(people, "Meadows", "Ronald", "1971-03-05", phones=("5025550100",)), Ambiguous)
    found = ask(people, "Meadows", "Ronald", "1971-03-05", ("ssn", "999700212", ""))
    assert found == Found(people.person_of("5230001"))


def test_father_and_son_are_told_apart(people: Store) -> None:
    raven = (("4 Raven Rock", "London", "40741"),)
    son = people.person_of("5160005")
    assert ask(people, "Combs", "Virgil", "1982-02-03", addresses=raven) == Found(son)
    assert ask(people, "Combs", "Virgil", "1982-02-03", addresses=raven, suffixes=("Jr.",)) == Found(son)
    assert isinstance(
        ask(people, "Combs", "Virgil", "1982-02-03", addresses=raven, suffixes=("Sr",)), Ambiguous
    )


def test_an_owner_is_not_her_dog(people: Store) -> None:
    home = (("6 Saddle Club Way", "Lexington", "40503"),)
    her, dog = people.person_of("5130001"), people.person_of("5130002")
    assert ask(people, "Hatcher", "Nadine", "1970-01-27", addresses=home) == Found(her)
    assert ask(
        people, "Hatcher", "Nadine", "1970-01-27", addresses=home, animal=True, animal_name="Biscuit"
    ) == Found(dog)


def test_any_name_of_the_query_may_be_the_one(people: Store) -> None:
    query = PatientQuery(
        names=(("Unheard", "Of"), ("Alvarez Cruz", "Roberto")),
        birth_date=dt.date(1969, 10, 2),
        identifiers=(PatientIdentifier("ssn", "999700120"),),
    )
    with people.database.connection() as connection:
        assert find(connection, people.vault, "KY", query) == Found(people.person_of("5150008"))


def test_without_a_name_or_a_birth_date_the_answer_says_so(people: Store) -> None:
    with people.database.connection() as connection:
        lacking = find(connection, people.vault, "KY", PatientQuery(names=(), birth_date=None))
    assert lacking == Ambiguous(("name", "birth date"))


def test_a_name_keeps_being_found_after_it_has_changed(people: Store) -> None:
    licence = ("license", "S70029001", "KY")
    assert ask(people, "Ledbetter", "Tamara", "1991-01-27", licence) == Found(people.person_of("5290003"))
    assert isinstance(ask(people, "Staton", "Tamara", "1991-01-27", licence), Found)


def test_the_newest_description_is_shown_first_whatever_order_files_come_in(
    settings: Settings, database: TestDatabase
) -> None:
    store = Store(settings, database)
    for number, (day, town) in enumerate((("20261110", "New Town"), ("20260110", "Old Town")), 1):
        moved = asap.patient(asap.record(e02=str(number), e05=day), e14=town, e12=f"{number} Main Street")
        store.load(asap.file(asap.pharmacy(moved)))
    body = store.one("select convert_from(resource, 'UTF8') from person")
    assert body.index("New Town") < body.index("Old Town")
    assert store.one("select version from person") == 2
    store.close()
