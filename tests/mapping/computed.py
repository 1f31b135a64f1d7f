"""What is computed from one made-up history, as it is rendered: every alert and figure that there is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from gateway.clinical.distance import Point, Whereabouts
from gateway.clinical.picture import picture
from gateway.clinical.runs import Run
from gateway.mapping import lme_tables
from gateway.mapping.detected_issue import render_alert
from gateway.mapping.observation import render_facts
from gateway.mapping.rows import row, rules
from gateway.mapping.sources import Sources
from tests.mapping.shapes import FOLDER, dispensation, mappings, uid

TODAY = dt.date(2026, 11, 20)
WINDOW = Run(dt.date(2025, 11, 20), TODAY)
#: number, NDC, first day, quantity, days, changes. Among them an unknown drug and a programme's dose.
_FILLS = (
    (1, "10702005601", (2026, 11, 1), "120", 30, {}),
    (2, "10702005601", (2026, 11, 18), "200", 30, {"treatment_type": "04"}),
    (3, "00228203110", (2026, 11, 2), "60", 30, {}),
    (4, "99998123401", (2026, 11, 3), "30", 30, {}),
    (5, "00054039268", (2026, 11, 20), "8", 1, {"restriction": "part2", "dosage_unit": "02"}),
    (6, "00378912298", (2026, 9, 1), "10", 30, {}),
    (7, "00054018913", (2026, 11, 10), "60", 30, {}),
    (8, "00115148601", (2026, 11, 5), "30", 30, {}),
)


def computed() -> dict[str, bytes]:
    """Return the bodies by a name of their own."""
    # Kentucky names no table of lorazepam equivalents; this history is of a state that does.
    m = replace(mappings(), lme=lme_tables.load(Sources(FOLDER), "MDCalc-derived"))
    rows = [
        row(
            dispensation(
                **{
                    "dispensation_id": uid(number),
                    "rx_number": str(number),
                    "product_id": ndc,
                    "filled_on": dt.date(*day),
                    "sold_on": dt.date(*day),
                    "quantity": Decimal(quantity),
                    "quantity_text": quantity,
                    "days_supply": days,
                    "treatment_type": "",
                    "prescriber_id": uid(100 + number),
                    "dispenser_id": uid(200 + number),
                    **changes,
                }
            ),
            m,
        )
        for number, ndc, day, quantity, days, changes in _FILLS
    ]
    # In Lexington; of the dispensers one in Ashland, one without a known ZIP, one who prescribes too.
    ashland, lexington = Point(38.4722, -82.6461), Point(38.001, -84.5282)
    places = {str(uid(201)): ashland, str(uid(202)): None, str(uid(203)): lexington}
    where = Whereabouts(lexington, places, {str(uid(103)): lexington}, "zipcodes 3")
    p = picture(rows, rules(m), WINDOW, where)
    entries = [
        *(render_alert(alert, uid(900), m, WINDOW.first) for alert in p.alerts),
        *render_facts(p, uid(900), m, WINDOW.first),
    ]
    return {f"{number:02}-{entry.type}": entry.body for number, entry in enumerate(entries)}
