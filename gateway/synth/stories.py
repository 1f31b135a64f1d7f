"""Clinical stories that a reader of a history should have seen, in fixed shares of the population.

Of each forty people, by number (0 to 39, 40 to 79 and so on), in an order that the seed decides:

    14  plain             one to three therapies drawn at random
     6  acute             one short opioid course, seldom two, in the last year
     4  chronic           an opioid month after month, until today
     2  high dose         methadone or a strong fentanyl patch, until today, with oxycodone beside it for some
     2  taper             an opioid reduced step by step over the last months
     3  overlap           a chronic opioid and a benzodiazepine by another prescriber, until today
     3  stimulant         until today
     2  buprenorphine     weekly at first, then for longer, until today
     1  several           six or seven opioid prescriptions of as many prescribers and dispensers in 80 days
     1  cash              opioid, benzodiazepine and carisoprodol from far away, paid in cash, until today
     2  partial           a Schedule II opioid handed out in two parts each time, until today

Beside that, 15 of 100 people under 65 pay cash, whatever their story; of the others one fill in 25 is cash;
and of Schedule II supplies of 20 days or more, 3 in 200 come in two parts because stock was short.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from functools import lru_cache

from gateway.synth.places import TOWNS
from gateway.synth.prescriptions import CASH, Course, Fill, Writer


class Story(Enum):
    """What a person's history is about."""

    PLAIN = "plain"
    ACUTE = "acute"
    CHRONIC = "chronic"
    HIGH_DOSE = "high dose"
    TAPER = "taper"
    OVERLAP = "overlap"
    STIMULANT = "stimulant"
    BUPRENORPHINE = "buprenorphine"
    SEVERAL = "several"
    CASH = "cash"
    PARTIAL = "partial"


#: People of each story among forty.
SHARES: dict[Story, int] = {
    Story.PLAIN: 14,
    Story.ACUTE: 6,
    Story.CHRONIC: 4,
    Story.HIGH_DOSE: 2,
    Story.TAPER: 2,
    Story.OVERLAP: 3,
    Story.STIMULANT: 3,
    Story.BUPRENORPHINE: 2,
    Story.SEVERAL: 1,
    Story.CASH: 1,
    Story.PARTIAL: 2,
}
AMONG = sum(SHARES.values())

_SHORT = ("hydrocodone, short", "oxycodone, short", "tramadol, short", "codeine, short")
_STEADY = ("hydrocodone, steady", "oxycodone, steady", "morphine, steady", "tramadol, steady")
_BENZODIAZEPINES = ("alprazolam", "clonazepam", "diazepam")
_STIMULANTS = ("amphetamine salts", "methylphenidate", "lisdexamfetamine")
_UNTIL_TODAY = 40  # fills; today comes first


def of(seed: int, number: int) -> Story:
    """Return the story of person `number` of the population of `seed`."""
    return _order(seed, number // AMONG)[number % AMONG]


@lru_cache(maxsize=256)
def _order(seed: int, block: int) -> tuple[Story, ...]:
    places = [story for story, share in SHARES.items() for _ in range(share)]
    random.Random(f"stories:{seed}:{block}").shuffle(places)
    return tuple(places)


def tell(story: Story, writer: Writer) -> Iterator[Fill]:
    """Yield the fills of `story`. Raises Lacking when the drug table has not its medicines."""
    return _TOLD[story](writer)


def _acute(w: Writer) -> Iterator[Fill]:
    day = w.ago(3, 360)
    course = w.course(w.formulary.named(*_SHORT), day)
    return w.steady(course, day, fills=w.rng.choice((1, 1, 1, 2)), slack=(0, 3))


def _chronic(w: Writer) -> Iterator[Fill]:
    day = w.ago(360, 1000)
    return w.steady(w.course(w.formulary.named(*_STEADY), day), day, fills=_UNTIL_TODAY)


def _high_dose(w: Writer) -> Iterator[Fill]:
    day = w.ago(240, 540)
    course = w.course(w.formulary.named("methadone", "fentanyl patch, strong"), day)
    yield from w.steady(course, day, fills=_UNTIL_TODAY)
    if w.rng.random() < 0.6:
        beside = w.course(w.formulary.named("oxycodone, beside another"), day)
        yield from w.steady(replace(beside, prescriber=course.prescriber), day, fills=_UNTIL_TODAY)


def _taper(w: Writer) -> Iterator[Fill]:
    """Yield three to six months at the full dose, then a step down at each fill or every second one."""
    each = w.rng.choice((1, 1, 2))
    steps = w.rng.randrange(4, 6)
    before = w.rng.randrange(3, 7)
    # The last step is under way, or has ended within the last weeks.
    day = w.ago((before + each * (steps - 1)) * 30, (before + each * steps) * 30)
    course = w.course(w.formulary.named("oxycodone, tapered", "morphine, tapered"), day)
    doses = [course.per_day] * before
    doses += [course.per_day - step for step in range(1, steps + 1) for _ in range(each)]
    for per_day in doses:
        for fill in w.steady(replace(course, per_day=per_day), day, fills=1, slack=(0, 2)):
            yield fill
            day = (fill.sold or fill.filled) + dt.timedelta(days=fill.days_supply)


def _overlap(w: Writer) -> Iterator[Fill]:
    day = w.ago(200, 420)
    opioid = w.course(w.formulary.named("hydrocodone, steady", "oxycodone, steady"), day)
    yield from w.steady(opioid, day, fills=_UNTIL_TODAY)
    later = w.ago(60, 200)
    other = w.course(w.formulary.named(*_BENZODIAZEPINES), later)
    # Another prescriber: what one does not know, the history tells.
    for _ in range(8):
        if other.prescriber.npi != opioid.prescriber.npi:
            break
        other = replace(other, prescriber=w.prescriber(w.town(later), other.therapy.kinds))
    yield from w.steady(replace(other, days=30), later, fills=_UNTIL_TODAY)


def _stimulant(w: Writer) -> Iterator[Fill]:
    day = w.ago(300, 1000)
    return w.steady(w.course(w.formulary.named(*_STIMULANTS), day), day, fills=_UNTIL_TODAY)


def _buprenorphine(w: Writer) -> Iterator[Fill]:
    day = w.ago(200, 600)
    course = w.course(w.formulary.named("buprenorphine and naloxone"), day)
    for days, number in ((7, 4), (14, 3), (28, _UNTIL_TODAY)):
        for fill in w.steady(replace(course, days=days), day, fills=number, slack=(-1, 2)):
            yield fill
            day = fill.filled + dt.timedelta(days=fill.days_supply)


def _several(w: Writer) -> Iterator[Fill]:
    """Yield one short course each of six or seven prescribers, filled at as many dispensers."""
    number = w.rng.randrange(6, 8)
    first = w.ago(76, 80)
    area = w.town(first).area
    towns = [town for town in TOWNS if town.area == area]
    shops = [shop for town in towns for shop in w.world.pharmacies[town.name]]
    short = w.formulary.named("hydrocodone, short", "oxycodone, short", "tramadol, short")
    seen: set[str] = set()
    for place, shop in enumerate(w.rng.sample(shops, number)):
        day = first + dt.timedelta(days=11 * place + w.rng.randrange(3))
        course = w.course(short, day)
        near = [
            one
            for one in w.world.prescribers[shop.town.name]
            if one.kind in course.therapy.kinds and one.npi not in seen
        ]
        prescriber = w.rng.choice(near)
        seen.add(prescriber.npi)
        paid = CASH if w.rng.random() < 0.8 else ""
        course = replace(course, days=10, prescriber=prescriber, pharmacy=shop, payment=paid)
        yield from w.prescription(course, day, 0)


def _cash(w: Writer) -> Iterator[Fill]:
    day = w.ago(150, 330)
    home = w.town(day)
    town = w.rng.choice([town for town in TOWNS if town.area != home.area])
    shop = w.rng.choice(w.world.pharmacies[town.name])
    prescriber = w.prescriber(town, ("pain",))
    for name in ("oxycodone, strong", "alprazolam, strong", "carisoprodol, steady"):
        course: Course = w.course(w.formulary.named(name), day)
        course = replace(course, prescriber=prescriber, pharmacy=shop, payment=CASH)
        yield from w.steady(course, day, fills=_UNTIL_TODAY)


def _partial(w: Writer) -> Iterator[Fill]:
    day = w.ago(200, 400)
    course = w.course(w.formulary.named("hydrocodone, steady", "oxycodone, steady"), day)
    return w.steady(replace(course, halves=True), day, fills=_UNTIL_TODAY)


_TOLD: dict[Story, Callable[[Writer], Iterator[Fill]]] = {
    Story.ACUTE: _acute,
    Story.CHRONIC: _chronic,
    Story.HIGH_DOSE: _high_dose,
    Story.TAPER: _taper,
    Story.OVERLAP: _overlap,
    Story.STIMULANT: _stimulant,
    Story.BUPRENORPHINE: _buprenorphine,
    Story.SEVERAL: _several,
    Story.CASH: _cash,
    Story.PARTIAL: _partial,
}
