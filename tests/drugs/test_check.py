"""`pdmp drugs check`: which reported products the drug table lacks."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.processes import Cli

OVERLAYS = Path(__file__).resolve().parents[1] / "data" / "overlays"


def test_products_that_the_table_lacks_are_listed_with_their_counts(cli: Cli) -> None:
    nothing = cli("drugs", "check", "--json")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "0 of 0 products" in nothing.stderr
    assert cli("ingest", *map(str, sorted(OVERLAYS.glob("*.asap")))).returncode in (0, 1, 2)
    told = cli("drugs", "check", "--json")
    assert told.returncode == 0, told.stderr
    listed = [json.loads(line) for line in told.stdout.splitlines()]
    assert listed
    assert all(set(one) == {"ndc", "dispensations", "first", "last"} for one in listed)
    assert [one["dispensations"] for one in listed] == sorted(
        (one["dispensations"] for one in listed), reverse=True
    )
    assert f"{len(listed)} of " in told.stderr
    plain = cli("drugs", "check")
    assert plain.stdout.splitlines()[0].split("\t")[0] == listed[0]["ndc"]


def test_without_a_database_the_verb_ends_with_status_three(cli: Cli) -> None:
    nowhere = "postgresql://nobody:hidden@127.0.0.1:1/none"
    done = cli("drugs", "check", env={"PDMP_DATABASE_URL": nowhere})
    assert done.returncode == 3
    assert "hidden" not in done.stderr
