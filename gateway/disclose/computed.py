"""What is computed from a disclosed history: its alerts always, its figures when asked for.

Everything here is made of the very rows that the answer carries and its audit row names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from gateway.clinical.picture import alerts_only, picture
from gateway.clinical.runs import Run
from gateway.core.access import Grant
from gateway.core.disclosure import Entry
from gateway.core.records import Counted
from gateway.mapping.detected_issue import render_alert
from gateway.mapping.observation import render_facts
from gateway.mapping.rows import counted_row, rules
from gateway.mapping.tables import Mappings
from gateway.mapping.whereabouts import whereabouts


def entries(
    mappings: Mappings,
    grant: Grant,
    columns: Iterable[Counted],
    today: dt.date,
    *,
    with_facts: bool,
    parties: Iterable[Entry] = (),
) -> list[Entry]:
    """Return DetectedIssues, then Observations. Peak, mean and counts are those of the grant's window.

    `parties` are the Patient, Organizations and Practitioners of the answer: distances are between them.
    """
    rows = [counted_row(one, mappings) for one in columns]
    configured, start = rules(mappings), grant.window.start
    if not with_facts:
        found = alerts_only(rows, configured, today)
        return [render_alert(alert, grant.person_id, mappings, start) for alert in found]
    first = start or min((row.filled_on for row in rows), default=today)
    whole = picture(rows, configured, Run(min(first, today), today), whereabouts(parties, mappings))
    made = [render_alert(alert, grant.person_id, mappings, start) for alert in whole.alerts]
    return made + render_facts(whole, grant.person_id, mappings, start)
