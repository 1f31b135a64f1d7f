"""The examples of gateway/auth/README.md are what `pdmp clients add` answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.auth.metadata import MEMBERS
from tests.support.processes import ROOT, Cli

README = (ROOT / "gateway/auth/README.md").read_text()
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]
EXAMPLES = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))


@pytest.mark.parametrize(("sent", "told"), EXAMPLES, ids=[sent["client_id"] for sent, _ in EXAMPLES])
def test_an_example_is_answered_as_it_says(cli: Cli, sent: dict[str, Any], told: dict[str, Any]) -> None:
    answer = json.loads(cli("clients", "add", "--json", "-", stdin=json.dumps(sent)).stdout)
    for made in ("client_id_issued_at", "client_secret"):
        assert type(answer.pop(made, None)) is type(told.get(made))
    assert answer == {name: value for name, value in told.items() if name in answer}
    assert told.keys() - {"client_id_issued_at", "client_secret"} == answer.keys()


def test_every_member_that_is_known_is_told() -> None:
    known = {*MEMBERS, "client_id"} - {"response_types"}
    assert not {name for name in known if f"`{name}`" not in README}
