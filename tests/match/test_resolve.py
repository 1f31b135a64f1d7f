"""The rule of who is who: order is no matter, contradiction is symmetric, nothing joins without evidence."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.match.resolve import (
    Facts,
    Nobody,
    One,
    Undecided,
    agreements,
    compare,
    contradicts,
    decide,
    joins,
)

BORN = dt.date(1982, 2, 3)


def facts(
    *,
    species: str = "human",
    name: str = "COMBS|VIRGIL",
    born: dt.date | None = BORN,
    suffix: str = "",
    ssn: bytes = b"",
    license: tuple[str, bytes] | None = None,
    address: str = "",
    phone: str = "",
) -> Facts:
    def some(value: str) -> frozenset[str]:
        return frozenset((value,)) if value else frozenset()

    return Facts(
        species,
        frozenset((name,)),
        born,
        some(suffix),
        frozenset((ssn,)) if ssn else frozenset(),
        frozenset((license,)) if license else frozenset(),
        some(address),
        some(phone),
    )


def few(*values: object) -> st.SearchStrategy[frozenset[object]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


_facts = st.builds(
    Facts,
    species=st.sampled_from(["human", "animal"]),
    names=st.frozensets(st.sampled_from(["A|B", "C|D"]), min_size=1, max_size=2),
    birth_date=st.sampled_from([BORN, dt.date(1990, 1, 1), None]),
    suffixes=few("JR", "SR"),
    ssns=few(b"1", b"2"),
    licenses=few(("KY", b"1"), ("KY", b"2"), ("OH", b"1"), ("", b"1"), ("", b"2")),
    addresses=few("1 ST|4", "2 ST|4"),
    phones=few("5", "6"),
)
_people = st.lists(st.lists(_facts, min_size=1, max_size=3), max_size=4)


@given(_facts, _facts)
def test_contradiction_and_agreement_are_symmetric(one: Facts, other: Facts) -> None:
    assert contradicts(one, other) == contradicts(other, one)
    assert agreements(one, other) == agreements(other, one)


@given(_facts)
def test_nobody_contradicts_himself(one: Facts) -> None:
    assert not contradicts(one, one)


@given(_facts, _people)
@settings(max_examples=300)
def test_the_order_of_persons_and_descriptions_is_no_matter(
    question: Facts, people: list[list[Facts]]
) -> None:
    candidates = list(enumerate(people))
    shuffled = [(person, list(reversed(descriptions))) for person, descriptions in reversed(candidates)]
    assert decide(question, candidates) == decide(question, shuffled)


@given(_facts, _people)
@settings(max_examples=300)
def test_whoever_is_chosen_agrees_on_something_and_differs_in_nothing(
    question: Facts, people: list[list[Facts]]
) -> None:
    person = joins(question, list(enumerate(people)))
    if person is None:
        return
    comparison = compare(question, people[person])
    assert comparison.named
    assert comparison.agreed
    assert not any(contradicts(question, description) for description in people[person])


@given(_facts, _people)
def test_several_who_qualify_are_never_chosen_from(question: Facts, people: list[list[Facts]]) -> None:
    doubled = list(enumerate([*people, *people]))
    assert joins(question, doubled) is None


@given(_facts, _people)
def test_what_would_settle_it_is_always_named(question: Facts, people: list[list[Facts]]) -> None:
    decision = decide(question, list(enumerate(people)))
    if isinstance(decision, Undecided):
        assert decision.kinds


@pytest.mark.parametrize(
    ("change", "joined"),
    [
        ({}, True),
        ({"species": "animal"}, False),
        ({"name": "COMBS|VIRGINIA"}, False),
        ({"born": dt.date(1982, 3, 2)}, False),
        ({"suffix": "JR"}, True),
        ({"address": "OTHER|40741"}, False),
        ({"ssn": b"1"}, True),
    ],
    ids=str,
)
def test_name_birth_date_and_one_piece_of_evidence_are_needed(
    change: dict[str, object], joined: bool
) -> None:
    known = facts(address="4 RAVEN RCK|40741")
    question = facts(**{"address": "4 RAVEN RCK|40741", **change})  # type: ignore[arg-type]
    assert (joins(question, [("him", [known])]) == "him") is joined


def test_two_suffixes_never_meet_in_any_description() -> None:
    known = [facts(phone="5"), facts(phone="5", suffix="SR")]
    assert joins(facts(phone="5", suffix="JR"), [("him", known)]) is None
    assert joins(facts(phone="5", suffix="SR"), [("him", known)]) == "him"


def test_another_ssn_in_any_description_keeps_apart_whatever_else_agrees() -> None:
    known = [facts(address="A|1", phone="5"), facts(address="A|1", ssn=b"1")]
    assert joins(facts(address="A|1", phone="5", ssn=b"2"), [("him", known)]) is None


@pytest.mark.parametrize(
    ("known", "asked", "joined"),
    [
        (("KY", b"1"), ("KY", b"1"), True),
        (("KY", b"1"), ("KY", b"2"), False),
        (("KY", b"1"), ("OH", b"2"), True),
        (("KY", b"1"), ("", b"1"), True),
        (("KY", b"1"), ("", b"2"), False),
    ],
)
def test_licences_are_compared_within_a_state(
    known: tuple[str, bytes], asked: tuple[str, bytes], joined: bool
) -> None:
    him = [facts(license=known, phone="5")]
    assert (joins(facts(license=asked, phone="5"), [("him", him)]) == "him") is joined


def test_equal_licence_numbers_of_two_states_are_no_evidence() -> None:
    assert joins(facts(license=("OH", b"1")), [("him", [facts(license=("KY", b"1"))])]) is None


def test_the_kinds_are_those_that_candidates_have_and_the_question_lacked() -> None:
    one = [facts(ssn=b"1", address="A|1")]
    two = [facts(license=("KY", b"1"), address="B|1")]
    asked = facts(address="C|1")
    assert decide(asked, [(1, one), (2, two)]) == Undecided(
        ("social security number", "driver's licence", "address")
    )
    assert decide(replace(asked, names=frozenset(("X|Y",))), [(1, one)]) == Nobody()
    assert decide(replace(asked, ssns=frozenset((b"1",))), [(1, one), (2, two)]) == One(1)
