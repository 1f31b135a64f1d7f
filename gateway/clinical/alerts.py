"""Alerts as values: a published rule, what met it, and the dispensations behind it. No score.

Categories are PMIX's (HL7 US PDMP guide, value set pdmp-patient-alert-category-code): 03 many providers,
04 overlapping prescription, 05 MME. The others need reports that dispensers do not make. CDC's own decision
support leaves out sickle cell disease, active cancer treatment, end of life and palliative care before it
warns; a PDMP knows of these only what a pharmacy reported (DSP24 03 to 05), so every alert says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from gateway.clinical import curve as curves
from gateway.clinical import published
from gateway.clinical.curve import Curve, DailyDose
from gateway.clinical.episodes import Episode, EpisodeRule, by_rule
from gateway.clinical.figures import text
from gateway.clinical.overlap import Pattern, days_together, not_judged, opioids_of_two_fills, taking_part
from gateway.clinical.published import Published, days, name
from gateway.clinical.refills import early_fills
from gateway.clinical.row import CARE_TREATMENTS
from gateway.clinical.runs import Run, Span, as_runs, clip, days_of
from gateway.clinical.supplies import Supply, touching
from gateway.clinical.take_home import take_homes
from gateway.clinical.thresholds import (
    DoseThreshold,
    EarlyThreshold,
    EpisodeThreshold,
    OverlapThreshold,
    Thresholds,
)

EXCLUSIONS = (
    "Does not apply in sickle cell disease, active cancer treatment, end-of-life or palliative care; the "
    "PDMP does not know these unless a pharmacy reported them."
)
TAKEN = "Counts what was dispensed, as if taken as directed from the first day."


class Category(Enum):
    """PMIX alert categories that dispensing alone can tell."""

    MANY_PROVIDERS = "03"
    OVERLAP = "04"
    MME = "05"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule that was met. Text is English and holds figures, never names.

    `window` was looked at, `runs` are the days in it that met the rule, `rows` what is implicated.
    `care_reported` are those of `rows` that a pharmacy reported as cancer, palliative or end-of-life care.
    `not_counted` may change the finding; `restrictions` are those of any row that it
    tells of, for the label of the alert.
    """

    category: Category
    code: str
    rule: str
    source: str
    finding: str
    threshold: str
    unit: str
    table: str
    window: Run
    runs: tuple[Run, ...]
    rows: tuple[str, ...]
    not_counted: tuple[str, ...]
    care_reported: tuple[str, ...]
    restrictions: frozenset[str]
    exclusions: tuple[str, ...]

    def is_on(self, day: dt.date) -> bool:
        """Return whether `day` is one of the days that met the rule."""
        return any(day in run for run in self.runs)


def alerts(
    found: Iterable[Supply],
    table: str,
    thresholds: Thresholds,
    today: dt.date,
    episodes: Mapping[EpisodeRule, tuple[Episode, ...]] | None = None,
) -> tuple[Alert, ...]:
    """Return the alerts of `thresholds` that are met within its window, or by what is in hand after today.

    `table` names the factors of the doses; `episodes` are those of `found`, where they are known already.
    Dose rules first, highest first; then overlaps, episodes and early fills. A supply that had ended before
    the window neither meets a rule of doses or overlaps nor can change one, so those look at the others only.
    """
    listed = tuple(found)
    opening = today - dt.timedelta(thresholds.window_days - 1)
    number = opening.toordinal()
    recent = tuple([s for s in listed if s.span is None or s.span[1] >= number])
    last = max([today.toordinal(), *[s.span[1] for s in recent if s.span is not None]])
    window = Run(opening, dt.date.fromordinal(last))
    maker = _Maker(listed, recent, window)
    curve = curves.morphine_curve(recent, table)
    result = maker.doses(sorted(thresholds.doses, key=lambda r: -r.at_least), curve)
    together = days_together(recent, [rule.pattern for rule in thresholds.overlaps])
    unknown = not_judged(recent)
    result += [maker.overlap(rule, together[rule.pattern], unknown) for rule in thresholds.overlaps]
    if episodes is None:
        episodes = by_rule(listed, [rule.rule for rule in thresholds.episodes])
    for rule in thresholds.episodes:
        result += maker.episodes(rule, episodes[rule.rule])
    if thresholds.early is not None:
        result += maker.early(thresholds.early)
    return tuple(alert for alert in result if alert is not None)


class _Maker:
    """Makes alerts about one person's supplies in one window."""

    def __init__(self, found: tuple[Supply, ...], recent: tuple[Supply, ...], window: Run) -> None:
        self._found = found
        self._recent = recent
        self._window = window
        self._by_id = {s.row.dispensation_id: s for s in found}

    def doses(self, rules: Iterable[DoseThreshold], curve: Curve) -> list[Alert | None]:
        highest = curves.peak(curve, self._window)
        if highest is None:
            return []
        counted = [s for s in self._recent if s.row.makeup.dose.per_day is not None]
        reached = [rule for rule in rules if highest.per_day >= rule.at_least]
        return [self._dose(rule, curve, highest, counted) for rule in reached]

    def _dose(self, rule: DoseThreshold, curve: Curve, highest: DailyDose, counted: list[Supply]) -> Alert:
        runs = self._inside(curves.reaching(curve, rule.at_least))
        limit = text(rule.at_least)
        return self._alert(
            Category.MME,
            published.dose(rule),
            finding=(
                f"{limit} MME a day or more on {days(days_of(runs))}; "
                f"highest {text(highest.per_day)} MME a day on {highest.first.isoformat()}"
            ),
            threshold=limit,
            unit="mg/d",
            table=curve.table,
            runs=runs,
            rows=touching(counted, runs),
            not_counted=tuple(n.dispensation_id for n in curve.not_counted),
            exclusions=(
                EXCLUSIONS,
                TAKEN,
                "MME is for judging risk, not for changing one opioid to another.",
                *self._take_homes(runs),
            ),
        )

    def overlap(self, rule: OverlapThreshold, together: list[Span], unknown: tuple[str, ...]) -> Alert | None:
        twice = rule.pattern is Pattern.OPIOID_TWICE
        if twice and together:
            every, looked_at = opioids_of_two_fills(self._recent)
            together = [run.span for run in every]
        runs = as_runs(clip(together, self._window.span))
        if days_of(runs) < rule.days:
            return None
        if not twice:
            looked_at = taking_part(rule.pattern, self._recent)
        more = (
            (
                "Parts of one prescription, and doses that a treatment programme handed out together, "
                "are left out.",
            )
            if twice
            else ()
        )
        return self._alert(
            Category.OVERLAP,
            published.overlap(rule),
            finding=f"{name(rule.pattern)} on {days(days_of(runs))}",
            threshold=str(rule.days),
            unit="d",
            table="",
            runs=runs,
            rows=touching(looked_at, runs),
            not_counted=unknown,
            exclusions=(EXCLUSIONS, TAKEN, *more),
        )

    def episodes(self, rule: EpisodeThreshold, found: Iterable[Episode]) -> list[Alert]:
        return [
            self._alert(
                Category.MANY_PROVIDERS,
                published.episode(rule),
                finding=(
                    f"{episode.prescribers} prescribers and {episode.dispensers} dispensers within "
                    f"{rule.rule.length}, {len(episode.rows)} dispensings from "
                    f"{episode.run.first.isoformat()} to {episode.run.last.isoformat()}"
                ),
                threshold=f"{rule.rule.prescribers}/{rule.rule.dispensers}",
                unit="prescribers/dispensers",
                table="",
                runs=(episode.run,),
                rows=tuple([self._by_id[key] for key in episode.rows]),
                not_counted=(),
                exclusions=(
                    EXCLUSIONS,
                    "About one in five of those found so had cancer (Delcher 2021). Prescribers of one "
                    "practice are counted each for themselves.",
                ),
            )
            for episode in found
            if episode.run.last >= self._window.first
        ]

    def early(self, rule: EarlyThreshold) -> list[Alert | None]:
        result: list[Alert | None] = []
        for fill in early_fills(self._found, rule.days):
            day = self._by_id[fill.rows[0]].first
            if day not in self._window:
                continue
            result.append(
                self._alert(
                    Category.OVERLAP,
                    published.early(rule),
                    finding=f"Filled {days(fill.days_early)} early on {day.isoformat()}",
                    threshold=str(rule.days),
                    unit="d",
                    table="",
                    runs=(Run(day, day),),
                    rows=tuple(self._by_id[key] for key in (*fill.before, *fill.rows)),
                    not_counted=(),
                    exclusions=(
                        "A change of dose, travel or a holiday may explain an early fill; the PDMP does not "
                        "know them. Parts of one prescription are not early fills.",
                    ),
                )
            )
        return result

    def _take_homes(self, runs: tuple[Run, ...]) -> Iterable[str]:
        for doses in take_homes(self._recent):
            if any(doses.day in run for run in runs):
                yield (
                    f"On {doses.day.isoformat()} a treatment programme handed out {len(doses.rows)} daily "
                    f"doses together, {doses.count} of them to take home: all count on that day."
                )

    def _inside(self, runs: Iterable[Run]) -> tuple[Run, ...]:
        return as_runs(clip((run.span for run in runs), self._window.span))

    def _alert(
        self,
        category: Category,
        by: Published,
        *,
        finding: str,
        threshold: str,
        unit: str,
        table: str,
        runs: tuple[Run, ...],
        rows: tuple[Supply, ...],
        not_counted: tuple[str, ...],
        exclusions: tuple[str, ...],
    ) -> Alert:
        behind = [s.row for s in rows]
        told = [*behind, *[self._by_id[key].row for key in not_counted]]
        return Alert(
            category=category,
            code=by.code,
            rule=by.rule,
            source=by.source,
            finding=finding,
            threshold=threshold,
            unit=unit,
            table=table,
            window=self._window,
            runs=runs,
            rows=tuple([row.dispensation_id for row in behind]),
            not_counted=not_counted,
            care_reported=tuple([r.dispensation_id for r in behind if r.treatment_type in CARE_TREATMENTS]),
            restrictions=frozenset([r.restriction for r in told if r.restriction is not None]),
            exclusions=exclusions,
        )
