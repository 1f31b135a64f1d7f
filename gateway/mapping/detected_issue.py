"""An alert as DetectedIssue. Rule: HL7 US PDMP guide 1.0.0, history Bundle, slice `alert`.

`code` is a PMIX category and, beside it, the very rule (CodeSystem alert-rule); its text is the finding.
`implicated` are the dispensations that met the rule, `evidence` those that may change or explain it. There is
no severity: no source grades these rules. The id is the same as long as rule, table and dispensations are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID, uuid5

from gateway.clinical.alerts import Alert, Category
from gateway.clinical.runs import Run
from gateway.core.disclosure import Entry
from gateway.mapping.conceptmaps import Coding
from gateway.mapping.fragments import coding
from gateway.mapping.tables import Mappings
from gateway.mapping.text import quote

_PMIX = "http://terminology.hl7.org/CodeSystem/PMIXPatientAlertCatCode"
#: As the guide's value set has them.
_DISPLAY = {
    Category.MANY_PROVIDERS: "Doctor/pharmacy shopping alert",
    Category.OVERLAP: "Overlapping prescription alert",
    Category.MME: "MME alert",
}
_SPACE = UUID("6f0f2a0e-8f0b-5d0a-9c53-3d7a5e3f6b21")
_MOST_RUNS = 12


def render_alert(alert: Alert, person_id: UUID, m: Mappings, known_from: dt.date | None) -> Entry:
    """Return the DetectedIssue. `known_from` is the first day of filling that was looked at."""
    key = "|".join((str(person_id), alert.code, alert.table, *sorted(alert.rows)))
    own = str(uuid5(_SPACE, key))
    security = "".join(m.fragments.security[code] for code in sorted(alert.restrictions))
    category = coding(Coding(_PMIX, alert.category.value, _DISPLAY[alert.category]))
    rule = coding(Coding(f"{m.identifier_base}/fhir/CodeSystem/alert-rule", alert.code, alert.rule))
    evidence = _evidence(alert)
    return Entry(
        "DetectedIssue",
        own,
        (
            f'{{"resourceType":"DetectedIssue","id":"{own}","meta":{{"source":{m.fragments.source}{security}}},'
            f'"status":"final","code":{{"coding":[{category},{rule}],"text":{quote(alert.finding)}}},'
            f'"patient":{{"reference":"Patient/{person_id}"}},'
            f'"identifiedPeriod":{{"start":"{alert.runs[0].first.isoformat()}",'
            f'"end":"{alert.runs[-1].last.isoformat()}"}},"author":{m.fragments.program},'
            f'"implicated":[{references(alert.rows)}]{evidence},'
            f'"detail":{quote(" ".join(_detail(alert, known_from)))}}}'
        ).encode(),
    )


def references(rows: Iterable[str]) -> str:
    """Return References to dispensations, joined."""
    return ",".join([f'{{"reference":"MedicationDispense/{row}"}}' for row in rows])


def runs_in_words(runs: Iterable[Run]) -> str:
    """Return the days of `runs`; of many runs only the last ones, with how many there are."""
    listed = [
        run.first.isoformat()
        if run.first == run.last
        else f"{run.first.isoformat()} to {run.last.isoformat()}"
        for run in runs
    ]
    if len(listed) > _MOST_RUNS:
        return f"the last {_MOST_RUNS} of {len(listed)} spells: {', '.join(listed[-_MOST_RUNS:])}"
    return ", ".join(listed)


def counted_from(known_from: dt.date | None) -> str:
    """Return the sentence about the left edge of what was looked at."""
    if known_from is None:
        return "Counts every fill on record."
    return f"Counts fills from {known_from.isoformat()} on; a supply that was filled before is not in it."


def _detail(alert: Alert, known_from: dt.date | None) -> Iterable[str]:
    yield f"Rule: {alert.rule} ({alert.source})."
    yield f"Days: {runs_in_words(alert.runs)}."
    yield f"Looked at {alert.window.first.isoformat()} to {alert.window.last.isoformat()}."
    yield counted_from(known_from)
    if alert.table:
        yield f"Table of factors: {alert.table}."
    if alert.not_counted:
        count = len(alert.not_counted)
        yield f"{count} {'dispensation' if count == 1 else 'dispensations'} could not be counted."
    if alert.care_reported:
        yield f"Cancer, palliative or end-of-life care was reported with {len(alert.care_reported)} of these."
    yield from alert.exclusions


def _evidence(alert: Alert) -> str:
    parts = [
        f'{{"code":[{{"text":{quote(text)}}}],"detail":[{references(rows)}]}}'
        for text, rows in (
            ("Could not be counted; may change the finding", alert.not_counted),
            ("Cancer, palliative or end-of-life care was reported", alert.care_reported),
        )
        if rows
    ]
    return f',"evidence":[{",".join(parts)}]' if parts else ""
