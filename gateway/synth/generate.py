"""Writes a population to files: one a month and a block of people, `CCYYMM-BBBB.asap`.

One block is in memory at a time, so that memory does not grow with the population. A file depends on its own
block alone: a larger population of the same seed and day has the same files and more.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.core.errors import Misconfigured
from gateway.synth import asap, formulary, histories, people, stories, world

BLOCK = 2500
_OURS = re.compile(r"^\d{6}-\d{4}\.asap$")


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. `stories` are people by what their history is about."""

    files: int
    patients: int
    dispensations: int
    stories: dict[str, int]


def write(
    out: Path,
    *,
    patients: int,
    seed: int,
    today: dt.date,
    mappings: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Write `patients` people's files into `out` and return the counts; `progress` is told people done.

    Files of an earlier run in `out` are replaced. Raises Misconfigured when `out` holds other `.asap` files
    or the drug table cannot serve; OSError when a file cannot be written.
    """
    # Before anything is removed: a drug table that cannot serve leaves the folder as it was.
    medicines = formulary.load(mappings)
    state = world.build()
    _clear(out)
    files = dispensations = 0
    for number, start in enumerate(range(0, patients, BLOCK), start=1):
        stop = min(start + BLOCK, patients)
        months: dict[tuple[int, int], list[asap.Record]] = {}
        for record in _records(range(start, stop), seed, today, state, medicines, progress):
            filled = record[1].filled
            months.setdefault((filled.year, filled.month), []).append(record)
        for (year, month), records in sorted(months.items()):
            created = min(_next_month(year, month), today)
            text = asap.render(
                records,
                control_number=asap.control_number("synth", seed, today, start, stop, year, month),
                created=created,
            )
            (out / f"{year:04d}{month:02d}-{number:04d}.asap").write_text(text, encoding="ascii", newline="")
            files += 1
            dispensations += len(records)
    told = Counter(stories.of(seed, number) for number in range(patients))
    counts = {story.value: told[story] for story in stories.Story}
    return Summary(files, patients, dispensations, counts)


def _records(
    numbers: range,
    seed: int,
    today: dt.date,
    state: world.World,
    medicines: formulary.Formulary,
    progress: Callable[[int], None],
) -> Iterator[asap.Record]:
    for number in numbers:
        person = people.person(seed, number, today)
        for fill in histories.fills(seed, person, today, state, medicines):
            yield person, fill
        if number % 100 == 99:
            progress(100)
    progress(len(numbers) % 100)


def _clear(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    present = list(out.glob("*.asap"))
    if any(not _OURS.match(file.name) for file in present):
        raise Misconfigured("The folder holds other .asap files; name an empty one.")
    for file in present:
        file.unlink()


def _next_month(year: int, month: int) -> dt.date:
    return dt.date(year + month // 12, month % 12 + 1, 1)
