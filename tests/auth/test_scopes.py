"""The set type of SMART scopes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.scopes import SPECIAL, Scope, ScopeSet
from gateway.core.errors import BadRequest

INTERACTIONS = ("create", "read", "vread", "update", "patch", "delete", "search", "history-type")
TYPES = ("MedicationDispense", "Patient", "Observation")
CONTEXTS = ("patient", "user", "system")


def _letters(mask: int) -> str:
    return "".join(letter for place, letter in enumerate("cruds") if mask >> place & 1)


resource_scopes = st.builds(
    "{}/{}.{}".format,
    st.sampled_from(CONTEXTS),
    st.sampled_from([*TYPES, "*"]),
    st.integers(1, 31).map(_letters) | st.sampled_from(["read", "write", "*"]),
)
scope_sets = st.lists(resource_scopes | st.sampled_from(sorted(SPECIAL)), max_size=6).map(ScopeSet.of)
questions = st.tuples(
    st.sampled_from([*TYPES, "Device"]), st.sampled_from(INTERACTIONS), st.sampled_from(CONTEXTS)
)


def permits(scopes: ScopeSet, question: tuple[str, str, str]) -> bool:
    resource_type, interaction, context = question
    return scopes.permits(resource_type, interaction, [context])


@given(scope_sets)
def test_a_set_reads_back_what_it_writes(scopes: ScopeSet) -> None:
    assert ScopeSet.parse(str(scopes)) == scopes


@given(scope_sets, scope_sets, questions)
def test_an_intersection_permits_exactly_what_both_permit(
    left: ScopeSet, right: ScopeSet, question: tuple[str, str, str]
) -> None:
    assert permits(left & right, question) == (permits(left, question) and permits(right, question))


@given(scope_sets, scope_sets)
def test_an_intersection_is_a_subset_of_both(left: ScopeSet, right: ScopeSet) -> None:
    both = left & right
    assert both <= left
    assert both <= right


@given(scope_sets)
def test_a_set_intersected_with_itself_loses_nothing(scopes: ScopeSet) -> None:
    assert scopes <= scopes & scopes


@given(scope_sets, scope_sets, questions)
def test_a_subset_never_permits_more(left: ScopeSet, right: ScopeSet, question: tuple[str, str, str]) -> None:
    if left <= right and permits(left, question):
        assert permits(right, question)


@given(st.text(max_size=40))
def test_any_text_is_a_set_that_reads_back_or_is_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        scopes = ScopeSet.parse(text)
        assert ScopeSet.parse(str(scopes)) == scopes


@pytest.mark.parametrize(
    ("scope", "letters"),
    [("read", "rs"), ("write", "cud"), ("*", "cruds"), ("rs", "rs"), ("cruds", "cruds"), ("d", "d")],
)
def test_v1_words_and_v2_letters_mean_the_same(scope: str, letters: str) -> None:
    assert Scope.parse(f"system/Patient.{scope}").letters == letters


@pytest.mark.parametrize(
    "text",
    [
        "system/MedicationDispense.dus",
        "system/MedicationDispense.sr",
        "system/MedicationDispense.rr",
        "system/MedicationDispense.",
        "system/MedicationDispense",
        "system/.rs",
        "system/medicationDispense.rs",
        "system/*",
        "patient/Patient.reads",
        "user/Patient.rs?",
        'system/Patient.rs"',
        "système/Patient.rs",
        "system/Patient.rs\n",
    ],
)
def test_a_garbled_scope_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        ScopeSet.parse(text)


def test_duplicates_are_dropped_and_order_is_kept() -> None:
    assert str(ScopeSet.parse("launch  openid launch")) == "launch openid"


def test_a_word_that_is_no_resource_scope_permits_nothing() -> None:
    scopes = ScopeSet.parse("openid __custom https://example.org/scope")
    assert not any(scopes.permits("Patient", interaction) for interaction in INTERACTIONS)


def test_a_granular_scope_permits_nothing_and_is_never_part_of_a_wider_one() -> None:
    granular = ScopeSet.parse("system/Observation.rs?category=http://terminology.hl7.org/x|laboratory")
    wide = ScopeSet.parse("system/Observation.rs")
    assert not granular.permits("Observation", "read")
    assert not granular & wide
    assert wide.permits("Observation", "read")
    assert granular <= granular


def test_scopes_of_another_context_do_not_count() -> None:
    scopes = ScopeSet.parse("patient/MedicationDispense.rs")
    assert not scopes.permits("MedicationDispense", "search")
    assert scopes.permits("MedicationDispense", "search", ["patient"])


@pytest.mark.parametrize(
    ("asked", "registered", "granted"),
    [
        ("system/*.rs", "system/MedicationDispense.rs", "system/MedicationDispense.rs"),
        ("system/*.read", "system/MedicationDispense.rs", "system/MedicationDispense.read"),
        ("system/*.read", "system/MedicationDispense.r", "system/MedicationDispense.r"),
        ("system/Patient.cruds", "system/*.rs", "system/Patient.rs"),
        ("system/MedicationDispense.read", "system/MedicationDispense.rs", "system/MedicationDispense.read"),
        ("system/Patient.rs", "system/MedicationDispense.rs", ""),
        ("system/Patient.rs", "system/Patient.r system/Patient.s", "system/Patient.rs"),
        ("user/Patient.rs", "system/Patient.rs", ""),
        ("system/*.rs", "system/*.rs system/Patient.rs", "system/*.rs"),
        ("system/*.rs", "system/*.r system/Patient.rs", "system/*.r system/Patient.rs"),
    ],
)
def test_asking_for_more_is_narrowed_in_the_spelling_that_was_asked(
    asked: str, registered: str, granted: str
) -> None:
    assert str(ScopeSet.parse(asked) & ScopeSet.parse(registered)) == granted


def test_an_unknown_interaction_is_not_permitted() -> None:
    assert not ScopeSet.parse("system/*.cruds").permits("Patient", "everything")
