"""`pdmp persons` as a steward runs it: who may, what is told, what is kept of it."""

from __future__ import annotations

import base64
import subprocess
import time
from uuid import UUID

import pytest

from gateway.auth import totp
from gateway.auth.accounts import add_account
from tests.stewardship.conftest import PASSWORD, REASON, Office
from tests.stewardship.rows import consistent, snapshot

ONE = {"PAT03": "999700101"}
OTHER = {"PAT03": "999700777", "PAT12": "9 Mill Street", "PAT17": "8595550177"}


@pytest.fixture
def pair(office: Office) -> tuple[UUID, UUID]:
    return office.report("7001", **ONE), office.report("7002", **OTHER)


def test_a_steward_sees_merges_and_takes_back(office: Office, pair: tuple[UUID, UUID]) -> None:
    keep, away = map(str, pair)
    before = snapshot(office.store)
    shown = office.run("show", keep).stdout
    assert "Loretta Fenwick, born 1968-04-11" in shown
    assert "SSN …0101" in shown
    assert "999700101" not in shown
    merged = office.told("merge", keep, away)
    assert (merged["person"], merged["other"], merged["dispensations"]) == (keep, away, 1)
    seen = office.told("show", keep)
    assert seen["replaces"] == [away]
    assert len(seen["descriptions"]) == 2
    assert [one["kind"] for one in seen["actions"]] == ["merge"]
    assert office.told("show", away)["merged_into"] == keep
    undone = office.told("undo", merged["action"])
    assert undone["undoes"] == merged["action"]
    assert snapshot(office.store) == before


def test_a_split_is_told_with_the_person_that_came_of_it(office: Office) -> None:
    whole = str(office.report("7001", **ONE))
    office.report("7002", **ONE, PAT09="Ann")
    seen = office.told("show", whole)
    [part] = [one["description"] for one in seen["descriptions"] if "Ann" in one["name"]]
    done = office.run("split", whole, part)
    assert done.returncode == 0, done.stderr
    assert "To take it back: pdmp persons undo" in done.stdout
    made = str(office.store.person_of("7002"))
    assert office.told("show", made)["never_join"] == [whole]
    consistent(office.store)


def test_the_queue_tells_evidence_in_words_and_is_settled_either_way(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    review = str(office.doubt(*pair))
    [doubt] = office.told("review")
    assert doubt["review"] == review
    assert doubt["persons"] == sorted(map(str, pair))
    assert (doubt["agreeing"], doubt["disagreeing"]) == (["name", "birth date"], ["social security number"])
    text = office.run("review").stdout
    assert "agree: name, birth date" in text
    assert "Fenwick" not in text
    rejected = office.told("review", "--reject", review)
    assert rejected["kind"] == "never-link"
    assert office.told("review") == []
    office.told("undo", rejected["action"])
    assert [one["review"] for one in office.told("review")] == [review]
    merged = office.told("review", "--accept", review, "--keep", str(pair[1]))
    assert merged["person"] == str(pair[1])
    assert office.told("review") == []


def test_every_command_leaves_audit_rows_with_steward_and_reason(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    office.told("show", str(keep))
    merged = office.told("merge", str(keep), str(away))
    office.told("undo", merged["action"])
    assert office.audit("steward show") == [("disclosed", REASON, "odell", keep, [f"Patient/{keep}"])]
    named = [f"Patient/{keep}", f"Patient/{away}", f"steward-action/{merged['action']}"]
    assert office.audit("steward merge") == [
        ("changed", REASON, "odell", person_id, named) for person_id in sorted(pair)
    ]
    assert [row[0] for row in office.audit("steward undo")] == ["changed", "changed"]
    listed = office.cli("audit", "list", "--person", str(away)).stdout
    assert "changed" in listed
    assert "odell" in listed


@pytest.mark.parametrize(("steward", "secret"), [("odell", "another word"), ("nobody", PASSWORD)])
def test_who_cannot_be_authenticated_does_nothing(
    office: Office, pair: tuple[UUID, UUID], steward: str, secret: str
) -> None:
    before = snapshot(office.store)
    done = office.run("merge", *map(str, pair), steward=steward, secret=secret)
    assert done.returncode == 1
    assert "could not be authenticated" in done.stderr
    assert snapshot(office.store) == before
    [(outcome, reason, username, _, _)] = office.audit("steward merge")
    assert outcome == "refused"
    assert username == ("odell" if steward == "odell" else None)
    assert steward == "odell" or "nobody" not in reason


def test_five_failures_close_the_account_even_to_the_right_password(office: Office) -> None:
    for _ in range(5):
        assert office.run("review", secret="wrong word").returncode == 1
    done = office.run("review")
    assert done.returncode == 1
    assert "Too many failed attempts" in done.stderr


def test_only_a_steward_may(office: Office, pair: tuple[UUID, UUID]) -> None:
    add_account(
        office.store.database,
        office.store.vault,
        username="creech",
        role="practitioner",
        given_name="Harlan",
        family_name="Creech",
        password=PASSWORD,
        npi="1999100856",
    )
    done = office.run("show", str(pair[0]), steward="creech")
    assert done.returncode == 1
    assert "not a steward's" in done.stderr
    assert "Fenwick" not in done.stdout
    assert office.audit("steward show")[0][0] == "refused"


def test_a_one_time_password_is_asked_where_there_is_one_and_taken_once(office: Office) -> None:
    made = office.cli(
        "accounts", "add", "--username", "amos", "--role", "steward", "--name", "Amos Reed", "--totp",
        "--password-stdin", "--json", stdin=f"{PASSWORD}\n",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    import json

    secret = base64.b32decode(json.loads(made.stdout)["totp_secret"])
    assert office.run("review", steward="amos").returncode == 1
    code = totp.code(secret, int(time.time()) // 30)
    both = f"{PASSWORD}\n{code}"
    assert office.run("review", steward="amos", secret=both).returncode == 0
    assert office.run("review", steward="amos", secret=both).returncode == 1


@pytest.mark.parametrize(
    "reason",
    ["", "SSN was 999-70-0101", "born 1968-04-11", "two\nlines", "x" * 201],
    ids=lambda text: text[:9],
)
def test_a_reason_is_a_line_without_numbers_of_a_person(
    office: Office, pair: tuple[UUID, UUID], reason: str
) -> None:
    done = office.run("merge", *map(str, pair), reason=reason)
    assert done.returncode == 1
    assert "reason" in done.stderr
    assert office.store.count("steward_action") == 0


def test_two_processes_at_once_do_one_merge(office: Office, pair: tuple[UUID, UUID]) -> None:
    import sys

    words = ["persons", "merge", "--steward", "odell", "--reason", REASON, "--password-stdin"]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *words, *map(str, ids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(office.cli.env),
            text=True,
        )
        for ids in (pair, pair[::-1])
    ]
    told = [one.communicate(f"{PASSWORD}\n", timeout=120) for one in running]
    assert sorted(one.returncode for one in running) == [0, 1], told
    assert any("merged into another" in err for _, err in told)
    assert office.store.count("steward_action") == 1
    consistent(office.store)


def test_nothing_of_a_person_is_in_errors(office: Office, pair: tuple[UUID, UUID]) -> None:
    office.told("merge", *map(str, pair))
    failed = [
        office.run("merge", *map(str, pair)),
        office.run("split", str(pair[0]), str(pair[1])),
        office.run("show", "01930000-0000-7000-8000-000000000001"),
    ]
    for done in failed:
        assert done.returncode == 1
        assert not any(
            word in done.stderr for word in ("Fenwick", "Loretta", "0101", "1968", *map(str, pair))
        )


def test_a_steward_s_account_needs_no_number_and_supervises_nobody(office: Office) -> None:
    added = office.cli(
        "accounts", "add", "--username", "ina", "--role", "delegate", "--name", "Ina Combs", "--supervisor",
        "odell", "--password-stdin", stdin=f"{PASSWORD}\n",
    )  # fmt: skip
    assert added.returncode == 1
    assert "supervisor" in added.stderr
    listed = office.cli("accounts", "list").stdout
    assert "odell\tactive\tsteward\tWilma Odell" in listed
