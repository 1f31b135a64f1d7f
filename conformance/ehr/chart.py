"""What the chart shows beside the facts of the file: today's visit, made up from the patient's id.

Only scenery, the same at every look, so that the page reads like a chart. It is no clinical data: nothing
of it but the Encounter's id leaves the page.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

_REASONS = (
    "Low back pain, follow-up",
    "Post-operative visit",
    "Annual wellness visit",
    "Chronic pain management",
    "New patient visit",
    "Anxiety, follow-up",
    "Knee pain",
    "Medication review",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Today's visit as the schedule shows it. Vitals in the units that a US chart uses."""

    time: str
    reason: str
    room: str
    blood_pressure: str
    pulse: int
    temperature: str
    weight: int


def visit_of(patient_id: str) -> Visit:
    """Return the visit of that patient; blood pressure in mmHg, pulse a minute, °F, lb."""
    seed = hashlib.sha256(patient_id.encode()).digest()
    minutes = 8 * 60 + (seed[0] % 32) * 15
    return Visit(
        time=f"{(minutes // 60 - 1) % 12 + 1}:{minutes % 60:02d} {'AM' if minutes < 720 else 'PM'}",
        reason=_REASONS[seed[1] % len(_REASONS)],
        room=f"Exam {seed[2] % 12 + 1}",
        blood_pressure=f"{108 + seed[3] % 40}/{66 + seed[4] % 24}",
        pulse=60 + seed[5] % 32,
        temperature=f"{97.4 + (seed[6] % 16) / 10:.1f}",
        weight=118 + seed[7] % 120,
    )


def encounter_id(patient_id: str) -> str:
    """Return the id of today's Encounter of that patient."""
    return "visit-" + hashlib.sha256(patient_id.encode()).hexdigest()[:16]


def age(birth_date: str, today: dt.date) -> int | None:
    """Return the age in whole years; None when the birth date is partial or in the future."""
    try:
        born = dt.date.fromisoformat(birth_date)
    except ValueError:
        return None
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years if years >= 0 else None


def us_date(iso: str) -> str:
    """Return an ISO date as `MM/DD/YYYY`; a partial one unchanged."""
    try:
        return dt.date.fromisoformat(iso).strftime("%m/%d/%Y")
    except ValueError:
        return iso
