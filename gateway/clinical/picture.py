"""Everything that arithmetic can say about one person's dispensations, in one value.

The page, the FHIR answer and the alerts are written from the same picture, so that no two of them can
disagree. Which dispensations: those that the requester may see, and no others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.clinical.alerts import Alert, alerts
from gateway.clinical.coverage import Left, Providers, days_since_last_fill, left_today, providers
from gateway.clinical.curve import Active, Curve, DailyDose, Mean, active, mean, morphine_curve, peak
from gateway.clinical.distance import Distance, Point, Whereabouts, distances
from gateway.clinical.doubling import Doubling, HurriedPatch, doublings, hurried_patches
from gateway.clinical.episodes import Episode, EpisodeRule, by_rule
from gateway.clinical.lme import LmeTable, lorazepam_curve
from gateway.clinical.naive import NaiveStart, naive_starts
from gateway.clinical.overlap import Overlaps, overlaps
from gateway.clinical.refills import EarlyFill, early_fills
from gateway.clinical.row import Row
from gateway.clinical.runs import Run
from gateway.clinical.stimulants import Stimulants, stimulants
from gateway.clinical.supplies import Starts, Supply, supplies
from gateway.clinical.take_home import TakeHome, take_homes
from gateway.clinical.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Rules:
    """What a jurisdiction configures. `table` names the factors by which the rows' doses were computed."""

    starts: Starts
    table: str
    thresholds: Thresholds | None = None
    lme: LmeTable | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """All figures of one person. Peak, mean and providers are those of `window`, which ends today.

    Distances are to those who dispensed or prescribed `supplies`; an unknown place of a prescriber has none.
    """

    today: dt.date
    window: Run
    supplies: tuple[Supply, ...]
    mme: Curve
    mme_today: Active
    mme_peak: DailyDose | None
    mme_mean: Mean
    lme: Curve | None
    stimulants: Stimulants
    overlaps: Overlaps
    doublings: tuple[Doubling, ...]
    hurried_patches: tuple[HurriedPatch, ...]
    take_homes: tuple[TakeHome, ...]
    providers: Providers
    episodes: Mapping[EpisodeRule, tuple[Episode, ...]]
    """By each of the jurisdiction's rules."""
    early_fills: tuple[EarlyFill, ...]
    naive_starts: tuple[NaiveStart, ...]
    days_since_last_fill: int | None
    left: tuple[Left, ...]
    to_dispensers: tuple[Distance, ...]
    to_prescribers: tuple[Distance, ...]
    alerts: tuple[Alert, ...]


def picture(rows: Iterable[Row], rules: Rules, window: Run, where: Whereabouts | None = None) -> Picture:
    """Return the figures of one person's `rows`. `window` is the period asked for; its last day is today.

    Without `where` there are no distances.
    """
    today = window.last
    found = supplies(rows, rules.starts)
    curve = morphine_curve(found, rules.table)
    limits = rules.thresholds
    episodes = by_rule(found, [one.rule for one in limits.episodes] if limits else ())
    return Picture(
        today=today,
        window=window,
        supplies=found,
        mme=curve,
        mme_today=active(found, rules.table, today),
        mme_peak=peak(curve, window),
        mme_mean=mean(curve, window),
        lme=lorazepam_curve(found, rules.lme),
        stimulants=stimulants(found),
        overlaps=overlaps(found),
        doublings=doublings(found),
        hurried_patches=hurried_patches(found),
        take_homes=take_homes(found),
        providers=providers(found, window),
        episodes=episodes,
        early_fills=early_fills(found, limits.early.days if limits and limits.early else 1),
        naive_starts=(
            naive_starts(found, limits.naive.days, window.first) if limits and limits.naive else ()
        ),
        days_since_last_fill=days_since_last_fill(found, today),
        left=left_today(found, today),
        to_dispensers=_away(where, where.dispensers, {s.row.dispenser_id for s in found}) if where else (),
        to_prescribers=_away(where, where.prescribers, {s.row.prescriber_id for s in found}) if where else (),
        alerts=alerts(found, rules.table, limits, today, episodes) if limits else (),
    )


def _away(where: Whereabouts, known: Mapping[str, Point | None], ids: set[str]) -> tuple[Distance, ...]:
    return distances(where.home, {key: point for key, point in known.items() if key in ids}, where.table)


def alerts_only(rows: Iterable[Row], rules: Rules, today: dt.date) -> tuple[Alert, ...]:
    """Return the alerts of `picture`, without the rest of it: what every answer carries, asked or not."""
    limits = rules.thresholds
    if limits is None:
        return ()
    found = supplies(rows, rules.starts)
    return alerts(found, rules.table, limits, today)
