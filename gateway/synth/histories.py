"""What one invented person was dispensed: a clinical story for some, plain therapies for the others.

Between 1 and 40 dispensations in the 36 months that end on the given day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from gateway.synth import stories
from gateway.synth.formulary import Formulary, Lacking, Therapy
from gateway.synth.people import Person
from gateway.synth.prescriptions import Fill, Writer
from gateway.synth.stories import Story
from gateway.synth.world import World

MOST = 40


def fills(seed: int, person: Person, today: dt.date, world: World, formulary: Formulary) -> list[Fill]:
    """Return everything dispensed to `person` up to `today`: 1 to 40 fills in the order of their dates."""
    writer = Writer(seed, person, today, world, formulary)
    found: list[Fill] = []
    story = stories.of(seed, person.number)
    if story is not Story.PLAIN:
        try:
            found = list(stories.tell(story, writer))
        except Lacking:
            # A drug table without the story's medicines: this person's is a plain one.
            found = []
    while not found:
        for therapy in _drawn(writer):
            found.extend(_treated(writer, therapy))
    found.sort(key=lambda fill: (fill.filled, fill.rx_number, fill.partial))
    return found[-MOST:]


def _drawn(writer: Writer) -> list[Therapy]:
    number = writer.rng.choices((1, 2, 3), (62, 28, 10))[0]
    chosen = writer.rng.choices(writer.formulary.therapies, writer.formulary.weights, k=number)
    return list({therapy.name: therapy for therapy in chosen}.values())


def _treated(writer: Writer, therapy: Therapy) -> Iterator[Fill]:
    """Yield the fills of one therapy that begins on any day of the history."""
    rng = writer.rng
    day = writer.ago(0, (writer.today - writer.start).days)
    course = writer.course((therapy,), day)
    if therapy.months is None:
        number = rng.choice((1, 1, 1, 2))
    else:
        number = max(1, rng.randrange(therapy.months[0], therapy.months[1] + 1) * 30 // course.days)
    return writer.steady(course, day, fills=min(number, MOST))
