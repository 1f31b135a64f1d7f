"""The commands of gateway/match/STEWARDSHIP.md, run as they stand; `UPDATE_GOLDEN=1` writes what they say.

Ids are new each time. The page names them by kind and order, as `PERSON-1`; times and days of today too.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from uuid import UUID

from tests.stewardship.conftest import Office
from tests.support.processes import ROOT

PAGE = ROOT / "gateway" / "match" / "STEWARDSHIP.md"
BLOCK = re.compile(r"(```console\n)(.*?)(```)", re.DOTALL)
PASSWORD = "a lamp in the window"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LABEL = re.compile(r"\b(?:PERSON|DESCRIPTION|ACTION|REVIEW|DISPENSATION)-\d+\b")
_TABLES = {
    "PERSON": ("person", "person_id"),
    "DESCRIPTION": ("description", "description_id"),
    "ACTION": ("steward_action", "action_id"),
    "REVIEW": ("link_review", "review_id"),
    "DISPENSATION": ("dispensation_version", "dispensation_id"),
}


class Reader:
    """Somebody who types what the page says."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._known: dict[str, str] = {}

    def run(self, command: str) -> str:
        """Return what a command says, in the page's words."""
        typed = _LABEL.sub(lambda match: self._known[match[0]], command)
        words = shlex.split(typed)
        assert words[0] == "pdmp"
        if words[1] in ("persons", "accounts"):
            words.append("--password-stdin")
        done = self._office.cli(*words[1:], stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, (command, done.stderr)
        if words[1] == "ingest":
            # A requester knows a person's id by its history.
            for (person_id,) in self._office.store.rows("select person_id::text from person order by 1"):
                self._label(person_id)
        said = _UUID.sub(lambda match: self._label(match[0]), done.stdout)
        said = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "TIME", said)
        said = re.sub(r"(?<=\t)20\d\d-\d\d-\d\d(?=\t)", "TODAY", said)
        return said.replace("\t", "  ").replace(f"{ROOT}/", "")

    def _label(self, found: str) -> str:
        for label, known in self._known.items():
            if known == found:
                return label
        for kind, (table, column) in _TABLES.items():
            statement = f"select count(*) from {table} where {column} = %s"  # noqa: S608 - our own names
            if self._office.store.one(statement, UUID(found)):
                label = f"{kind}-{sum(one.startswith(kind) for one in self._known) + 1}"
                self._known[label] = found
                return label
        raise AssertionError("an id of nothing that is kept")


def test_the_page_s_commands_say_what_the_page_says(office: Office) -> None:
    reader = Reader(office)

    def replay(block: re.Match[str]) -> str:
        lines = []
        for line in block[2].splitlines():
            if line.startswith("$ "):
                lines += [line, *reader.run(line[2:]).splitlines()]
        return block[1] + "".join(f"{line}\n" for line in lines) + block[3]

    written = PAGE.read_text(encoding="utf-8")
    said = BLOCK.sub(replay, written)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(said, encoding="utf-8")
        written = said
    assert said == written
    assert "$ pdmp persons undo" in written


def test_every_command_of_a_steward_is_on_the_page(office: Office) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for verb in ("show", "merge", "split", "undo", "review"):
        assert f"pdmp persons {verb}" in page, verb
    told = office.cli("persons", "--help").stdout
    assert set(re.findall(r"^  (\w+) ", told, re.MULTILINE)) == {"show", "merge", "split", "undo", "review"}


def test_its_files_are_there() -> None:
    named = set(re.findall(r"tests/data/[\w./-]+\.asap", PAGE.read_text(encoding="utf-8")))
    assert named
    assert all(Path(ROOT, name).is_file() for name in named)
