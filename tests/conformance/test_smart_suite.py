"""The conformance suite smart-stu2.2: what it lists and what it tests."""

from __future__ import annotations

from conformance.run import requirements
from conformance.suites import smart


def test_requirements_have_a_test_or_a_reason() -> None:
    listed = requirements.load("smart-app-launch", smart.TESTS)
    assert len({test.id for test in smart.TESTS}) == len(smart.TESTS)
    shall = [row for row in listed.values() if row.level == "SHALL"]
    assert len([row for row in shall if not row.reason]) / len(shall) > 0.85
