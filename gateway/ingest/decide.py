"""What becomes of a record, given what stands under its key: the table of cases, pure.

    DSP01   nothing stands       live, same content     live, other content     voided
    00      new                  duplicate (of any      refused: conflict       refused: voided, when equal to
                                 version)                                       any version; else new, live
    01      new, no-original     duplicate              revised                 revised: live again
    02      refused: unmatched   voided                 voided                  duplicate

Only 00 looks at earlier versions: it is a copy of something sent before, while 01 may well go back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

NEW, REVISE, VOID = "00", "01", "02"


class Outcome(Enum):
    """What is done with a record. The last three store nothing."""

    NEW = "new"
    NO_ORIGINAL = "no-original"
    REVISED = "revised"
    VOIDED = "voided"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    ALREADY_VOIDED = "already-voided"
    UNMATCHED = "unmatched"

    @property
    def stores(self) -> bool:
        """Return whether a version is added."""
        return self in (Outcome.NEW, Outcome.NO_ORIGINAL, Outcome.REVISED, Outcome.VOIDED)


@dataclass(slots=True)
class Standing:
    """What stands under one record key. `contents` are hashes of all versions, the current one last."""

    person_id: UUID
    dispensation_id: UUID
    version: int
    voided: bool
    contents: list[bytes]


def decide(status: str, content: bytes, standing: Standing | None) -> Outcome:
    """Return what becomes of a record with DSP01 `status` (00, 01 or 02) and that content."""
    if standing is None:
        return {NEW: Outcome.NEW, REVISE: Outcome.NO_ORIGINAL}.get(status, Outcome.UNMATCHED)
    if status == VOID:
        return Outcome.DUPLICATE if standing.voided else Outcome.VOIDED
    if status == REVISE:
        same = content == standing.contents[-1] and not standing.voided
        return Outcome.DUPLICATE if same else Outcome.REVISED
    if content in standing.contents:
        return Outcome.ALREADY_VOIDED if standing.voided else Outcome.DUPLICATE
    return Outcome.NEW if standing.voided else Outcome.CONFLICT
