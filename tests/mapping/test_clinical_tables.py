"""The tables of classes, lorazepam equivalents and alert rules: what they hold, and what is refused."""

from __future__ import annotations

import copy
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gateway.clinical.classes import DrugClass
from gateway.clinical.drug import Lane
from gateway.clinical.episodes import EpisodeRule, Length
from gateway.clinical.overlap import Pattern
from gateway.core.errors import Misconfigured
from gateway.mapping import alert_rules, lme_tables
from gateway.mapping.sources import Sources
from gateway.mapping.tables import Mappings
from tests.mapping.shapes import FOLDER, mappings

RULES: dict[str, Any] = {
    "window_days": 90,
    "dose": [{"at_least": "49.99", "source": "a"}],
    "overlap": [{"pattern": "opioid twice", "days": 2, "source": "b"}],
    "episode": [{"prescribers": 5, "dispensers": 4, "days": 90, "source": "c"}],
    "early_fill": {"days": 3, "source": "d"},
    "naive": {"days": 90, "source": "e"},
}


def test_rules_are_read_as_they_stand() -> None:
    rules = alert_rules.compile_rules(RULES)
    assert rules is not None
    assert rules.doses[0].at_least == Fraction("49.99")
    assert (rules.overlaps[0].pattern, rules.overlaps[0].days) == (Pattern.OPIOID_TWICE, 2)
    assert rules.episodes[0].rule == EpisodeRule(5, 4, Length(90, "days"))
    assert rules.early is not None
    assert rules.naive is not None
    assert (rules.early.days, rules.naive.days, rules.window_days) == (3, 90, 90)
    assert alert_rules.compile_rules(None) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("window_days",), 0),
        (("window_days",), True),
        (("colour",), "red"),
        (("dose", 0, "at_least"), 50.0),
        (("dose", 0, "at_least"), "-1"),
        (("dose", 0, "source"), " "),
        (("overlap", 0, "pattern"), "opioid+opioid"),
        (("overlap", 0, "days"), 1.5),
        (("episode", 0, "months"), 6),
        (("episode", 0, "either"), "yes"),
        (("early_fill", "days"), 0),
        (("naive",), {"days": 90}),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(path: tuple[Any, ...], value: object) -> None:
    table = copy.deepcopy(RULES)
    place: Any = table
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises((KeyError, TypeError, ValueError)):
        alert_rules.compile_rules(table)


def test_kentuckys_rules_are_the_published_ones() -> None:
    rules = mappings().jurisdiction.alerts
    assert rules is not None
    assert [dose.at_least for dose in rules.doses] == [50, 90]
    assert [str(episode.rule.length) for episode in rules.episodes] == ["90 days", "6 months"]
    assert rules.early is None  # no published number
    assert mappings().lme is None  # no official table


def test_every_sedative_has_the_class_that_its_name_says() -> None:
    table = mappings().classes
    sedatives = {s.name for d in mappings().drugs.values() for s in d.substances if s.lane is Lane.SEDATIVE}
    by_class = {table.classes.get(name) for name in sedatives}
    assert {DrugClass.BENZODIAZEPINE, DrugClass.Z_DRUG, DrugClass.CARISOPRODOL} <= by_class
    endings = {name for name in sedatives if name.endswith(("azolam", "azepam"))}
    assert {table.classes[name] for name in endings} == {DrugClass.BENZODIAZEPINE}


def test_both_tables_of_lorazepam_equivalents_are_read_and_an_unknown_name_is_refused() -> None:
    one = lme_tables.load(Sources(FOLDER), "MDCalc-derived")
    other = lme_tables.load(Sources(FOLDER), "PsychiatryWiki")
    assert one is not None
    assert other is not None
    assert (one.factors["diazepam"], other.factors["diazepam"]) == (Fraction(1, 6), Fraction(1, 10))
    with pytest.raises(Misconfigured):
        lme_tables.load(Sources(FOLDER), "Official")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("drugs/classes.toml", '"carisoprodol"]', '"carisoprodol", "oxycodone"]'),
        ("drugs/classes.toml", '"Extended Release Oral Tablet", ', ""),
        ("drugs/classes.toml", "z-drug", "z"),
        ("drugs/classes.toml", '"zaleplon"', '"zaleplon", "alprazolam"'),
        ("lme/mdcalc.toml", '"1/6"', "0.1667"),
        ("lme/mdcalc.toml", "MDCalc-derived", "PsychiatryWiki"),
        ("jurisdictions/ky.toml", "window_days = 90", "window_days = 0"),
        ("jurisdictions/ky.toml", 'mme_table = "CDC 2022"', 'mme_table = "CDC 2022"\nlme_table = "None"'),
    ],
)
def test_a_bad_table_stops_the_start(tmp_path: Path, name: str, old: str, new: str) -> None:
    folder = tmp_path / "mappings"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Misconfigured):
        Mappings.load(folder, jurisdiction="KY", identifier_base="https://pdmp.example.org")
