"""The set type of SMART scopes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.scopes import SPECIAL, Scope, ScopeSet, supported
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
CONDITIONS = (
    "status=completed",
    "status=entered-in-error",
    "type=FFC,RFC",
    "whenprepared=ge2026-01-01",
    "whenprepared=ge2026-01-01&whenprepared=lt2026-02",
    "status=completed&type=FFC,RFC",
    "code=http://hl7.org/fhir/sid/ndc|00406051201",
)
granular_scopes = st.builds(
    "{}/MedicationDispense.{}?{}".format,
    st.sampled_from(CONTEXTS),
    st.integers(1, 31).map(_letters),
    st.sampled_from(CONDITIONS),
)
plain_sets = st.lists(resource_scopes | st.sampled_from(sorted(SPECIAL)), max_size=6).map(ScopeSet.of)
scope_sets = st.lists(resource_scopes | granular_scopes | st.sampled_from(sorted(SPECIAL)), max_size=6).map(
    ScopeSet.of
)
questions = st.tuples(
    st.sampled_from([*TYPES, "Device"]), st.sampled_from(INTERACTIONS), st.sampled_from(CONTEXTS)
)


def permits(scopes: ScopeSet, question: tuple[str, str, str]) -> bool:
    resource_type, interaction, context = question
    return scopes.permits(resource_type, interaction, [context])


@given(scope_sets)
def test_a_set_reads_back_what_it_writes(scopes: ScopeSet) -> None:
    assert ScopeSet.parse(str(scopes)) == scopes


def opens(scopes: ScopeSet, question: tuple[str, str, str], facts: frozenset[str]) -> bool:
    """Return whether something is opened of which just these conditions are true."""
    resource_type, interaction, context = question
    choice = scopes.conditions(resource_type, interaction, [context])
    return choice is None or any({f"{name}={value}" for name, value in one} <= facts for one in choice)


PARTS = sorted({part for condition in CONDITIONS for part in condition.split("&")})


@given(scope_sets, scope_sets, questions, st.sets(st.sampled_from(PARTS)).map(frozenset))
def test_an_intersection_never_opens_more_than_either(
    left: ScopeSet, right: ScopeSet, question: tuple[str, str, str], facts: frozenset[str]
) -> None:
    if opens(left & right, question, facts):
        assert opens(left, question, facts)
        assert opens(right, question, facts)


@given(scope_sets, scope_sets, questions, st.sets(st.sampled_from(PARTS)).map(frozenset))
def test_a_subset_never_opens_more(
    left: ScopeSet, right: ScopeSet, question: tuple[str, str, str], facts: frozenset[str]
) -> None:
    if left <= right and opens(left, question, facts):
        assert opens(right, question, facts)


@given(plain_sets, plain_sets, questions)
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


def test_a_granular_scope_permits_its_interactions_under_its_conditions() -> None:
    granular = ScopeSet.parse("system/MedicationDispense.rs?status=completed")
    assert granular.permits("MedicationDispense", "search")
    assert granular.conditions("MedicationDispense", "read") == ((("status", "completed"),),)
    assert granular.conditions("MedicationDispense", "create") == ()
    assert granular.conditions("Patient", "read") == ()


def test_granular_scopes_are_a_choice_and_a_wider_one_takes_the_conditions_away() -> None:
    two = "patient/MedicationDispense.rs?status=completed patient/MedicationDispense.r?type=FFC"
    contexts = ("patient", "user")
    assert ScopeSet.parse(two).conditions("MedicationDispense", "read", contexts) == (
        (("status", "completed"),),
        (("type", "FFC"),),
    )
    assert ScopeSet.parse(two).conditions("MedicationDispense", "search", contexts) == (
        (("status", "completed"),),
    )
    wider = ScopeSet.parse(f"{two} user/*.r")
    assert wider.conditions("MedicationDispense", "read", contexts) is None


def test_an_encoded_value_is_the_value() -> None:
    plain = Scope.parse("patient/MedicationDispense.rs?code=http://hl7.org/fhir/sid/ndc|00406051201")
    encoded = Scope.parse("patient/MedicationDispense.rs?code=http%3A//hl7.org/fhir/sid/ndc%7C00406051201")
    assert plain.conditions == encoded.conditions
    assert ScopeSet((plain,)) <= ScopeSet((encoded,))


@pytest.mark.parametrize(
    "query",
    [
        "category=x",
        "_filter=status eq completed",
        "status:not=completed",
        "patient.name=Fenwick",
        "status=",
        "status=,",
        "status",
        "=completed",
        "status=finished",
        "whenprepared=yesterday",
        "whenprepared=ge2026-13",
        "code=http://hl7.org/fhir/sid/ndc|",
        "code=1&code=2",
        "status=completed&",
        "_id=1",
        "patient=1",
    ],
)
def test_a_scope_asks_by_the_parameters_that_are_served_alone(query: str) -> None:
    with pytest.raises(BadRequest):
        Scope.parse(f"patient/MedicationDispense.rs?{query}".replace(" ", "+"))


@pytest.mark.parametrize(
    "text",
    [
        "patient/MedicationRequest.rs?status=active",
        "patient/*.rs?status=completed",
        "patient/Patient.rs?name=x",
        "patient/MedicationDispense.read?status=completed",
    ],
)
def test_conditions_on_other_types_are_garbled(text: str) -> None:
    with pytest.raises(BadRequest):
        Scope.parse(text)


@pytest.mark.parametrize(
    ("text", "honoured"),
    [
        ("launch/patient", True),
        ("launch/encounter", False),
        ("__launch", True),
        ("__other", False),
        ("patient/MedicationDispense.rs", True),
        ("patient/MedicationDispense.s", True),
        ("patient/Patient.s", True),
        ("patient/Organization.s", False),
        ("patient/Patient.cud", False),
        ("patient/Condition.rs", False),
        ("patient/Condition.rs?category=http://hl7.org/fhir/us/core/x|health-concern", False),
        ("patient/MedicationRequest.rs?category=community", True),
        ("user/*.cruds", True),
        ("user/*.cud", False),
    ],
)
def test_what_is_not_here_is_not_supported(text: str, honoured: bool) -> None:
    assert supported(Scope.parse(text)) is honoured


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
        ("{d}.rs?status=completed", "{d}.rs", "{d}.rs?status=completed"),
        ("{d}.rs", "{d}.rs?status=completed", "{d}.rs?status=completed"),
        ("{d}.rs?status=completed", "{d}.r", "{d}.r?status=completed"),
        ("{d}.read", "{d}.r?status=completed", "{d}.r?status=completed"),
        ("{d}.rs?status=completed", "{d}.rs?type=FFC", "{d}.rs?status=completed&type=FFC"),
        ("{d}.rs?status=completed", "{d}.rs?status=entered-in-error", ""),
        (
            "system/*.rs",
            "{d}.rs?status=completed system/Patient.r",
            "system/Patient.r {d}.rs?status=completed",
        ),
    ],
)
def test_asking_for_more_is_narrowed_in_the_spelling_that_was_asked(
    asked: str, registered: str, granted: str
) -> None:
    asked, registered, granted = (
        text.replace("{d}", "system/MedicationDispense") for text in (asked, registered, granted)
    )
    assert str(ScopeSet.parse(asked) & ScopeSet.parse(registered)) == granted


def test_an_unknown_interaction_is_not_permitted() -> None:
    assert not ScopeSet.parse("system/*.cruds").permits("Patient", "everything")
