"""`pdmp synth`: the files a synthetic population is written to, read back as a receiver would."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.synth import numbers
from gateway.synth.places import TOWNS

TODAY = "2026-11-20"


@dataclass
class Read:
    """One file, taken apart."""

    segments: list[list[str]]
    loops: list[list[list[str]]] = field(default_factory=list)

    def all(self, name: str) -> list[list[str]]:
        return [segment for segment in self.segments if segment[0] == name]


def run(out: Path, *more: str, patients: int = 60, seed: int = 3, today: str = TODAY) -> Result:
    words = ["--patients", str(patients), "--seed", str(seed), "--today", today, "--out", str(out), *more]
    return CliRunner().invoke(main, ["synth", *words])


def generated(out: Path, **how: Any) -> dict[str, Any]:
    result = run(out, "--json", **how)
    assert result.exit_code == 0, result.output
    summary: dict[str, Any] = json.loads(result.output)
    return summary


def read(file: Path) -> Read:
    text = file.read_text(encoding="ascii")
    segments = [piece.lstrip("\n").split("*") for piece in text.removesuffix("\n").split("~")[:-1]]
    # TH09 is the terminator itself, so that splitting leaves an empty piece behind TH.
    segments = [segment for segment in segments if segment != [""]]
    made = Read(segments)
    for segment in segments[2:-1]:
        if segment[0] == "PHA":
            made.loops.append([])
        made.loops[-1].append(segment)
    return made


def element(segment: list[str], position: int) -> str:
    return segment[position] if position < len(segment) else ""


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> list[Read]:
    out = tmp_path_factory.mktemp("population")
    generated(out, patients=400)
    return [read(file) for file in sorted(out.iterdir())]


def luhn(npi: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed("80840" + npi)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    first = generated(tmp_path / "a")
    second = generated(tmp_path / "b")
    assert first == second
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert names == sorted(file.name for file in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_another_seed_gives_other_people_at_the_same_dispensers(tmp_path: Path) -> None:
    generated(tmp_path / "a", seed=1)
    generated(tmp_path / "b", seed=2)

    def of(folder: str, name: str) -> set[tuple[str, ...]]:
        return {tuple(one) for file in (tmp_path / folder).iterdir() for one in read(file).all(name)}

    assert not of("a", "PAT") & of("b", "PAT")
    assert of("a", "PHA") & of("b", "PHA")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patients=st.integers(1, 25),
    seed=st.integers(0, 2**31 - 1),
    today=st.dates(dt.date(1992, 1, 1), dt.date(2099, 12, 31)),
)
def test_any_population_has_right_counts_and_dates(
    tmp_path: Path, patients: int, seed: int, today: dt.date
) -> None:
    out = tmp_path / "any"
    summary = generated(out, patients=patients, seed=seed, today=today.isoformat())
    files = [read(file) for file in sorted(out.iterdir())]
    assert summary["files"] == len(files)
    assert summary["patients"] == patients
    assert summary["dispensations"] == sum(len(file.all("DSP")) for file in files)
    for file in files:
        header, trailer = file.segments[0], file.segments[-1]
        assert header[:2] == ["TH", "4.2B"]
        assert trailer == ["TT", header[2], str(len(file.segments))]
        for loop in file.loops:
            assert loop[-1] == ["TP", str(len(loop))]
        created = dt.datetime.strptime(header[5], "%Y%m%d").date()  # noqa: DTZ007
        assert created <= today
        for fill in file.all("DSP"):
            written, filled, sold = (element(fill, position) for position in (3, 5, 17))
            assert written <= filled <= header[5]
            assert not sold or filled <= sold <= header[5]
            assert 3 <= int(fill[10]) <= 90
            assert int(fill[9]) > 0


def test_a_larger_population_begins_with_the_smaller_one(tmp_path: Path) -> None:
    def patients(folder: str) -> set[str]:
        return {"*".join(one) for file in (tmp_path / folder).iterdir() for one in read(file).all("PAT")}

    generated(tmp_path / "small", patients=20)
    generated(tmp_path / "large", patients=40)
    assert patients("small") < patients("large")


def test_every_control_number_is_used_once(population: list[Read]) -> None:
    numbers_used = Counter(file.segments[0][2] for file in population)
    assert set(numbers_used.values()) == {1}


def test_the_history_covers_36_months_up_to_the_day(population: list[Read]) -> None:
    months = {fill[5][:6] for file in population for fill in file.all("DSP")}
    assert len(months) == 36
    assert min(months) == "202312"
    assert max(months) == "202611"


def test_check_digits_are_right(population: list[Read]) -> None:
    npis, deas = set(), set()
    for file in population:
        for shop in file.all("PHA"):
            npis.add(shop[1])
            deas.add(shop[3])
            assert shop[2][:2] == "18"
            assert shop[2][6] == numbers.dea_check_digit(shop[2][:6])
        npis |= {fill[14] for fill in file.all("DSP")}
        for doctor in file.all("PRE"):
            npis.add(doctor[1])
            deas.add(doctor[2])
    assert all(len(npi) == 10 and luhn(npi) for npi in npis)
    for number in deas:
        digits = [int(digit) for digit in number[2:]]
        total = digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])
        assert total % 10 == digits[6]


def test_prescribers_hold_nurse_numbers_and_hospital_suffixes_too(population: list[Read]) -> None:
    doctors = {(one[1], one[2], one[3]) for file in population for one in file.all("PRE")}
    by_npi = Counter(npi for npi, _, _ in doctors)
    assert set(by_npi.values()) == {1}
    assert any(dea.startswith("M") for _, dea, _ in doctors)
    shared = defaultdict(set)
    for npi, dea, suffix in doctors:
        shared[dea].add((npi, suffix))
    assert any(suffix for _, _, suffix in doctors)
    for people in shared.values():
        assert len({suffix for _, suffix in people}) == len(people)


def test_each_record_key_occurs_once(population: list[Read]) -> None:
    keys: Counter[tuple[str, ...]] = Counter()
    for file in population:
        for loop in file.loops:
            for fill in loop:
                if fill[0] == "DSP":
                    keys[(loop[0][1], fill[2], fill[5], fill[6], fill[13])] += 1
    assert set(keys.values()) == {1}


def test_people_have_one_to_forty_dispensations_and_their_own_identifiers(population: list[Read]) -> None:
    fills: Counter[tuple[str, ...]] = Counter()
    owners = defaultdict(set)
    for file in population:
        person: tuple[str, ...] = ()
        for segment in file.segments:
            if segment[0] == "PAT":
                person = (segment[7], segment[8], segment[18])
                for position in (2, 5):
                    if element(segment, position):
                        owners[(segment[position], segment[position + 1])].add(person)
            if segment[0] == "DSP":
                fills[person] += 1
    assert len(fills) == 400
    assert min(fills.values()) >= 1
    assert max(fills.values()) <= 40
    assert all(len(people) == 1 for people in owners.values())
    for qualifier, value in owners:
        if qualifier == "07":
            assert len(value) == 9
            assert "900" <= value[:3] <= "998"
            assert "01" <= value[3:5] <= "49"
            assert value[5:] != "0000"


def test_some_people_share_a_home_and_some_move(population: list[Read]) -> None:
    homes, people = defaultdict(set), defaultdict(set)
    for file in population:
        for one in file.all("PAT"):
            person, home = (one[7], one[8], one[18]), (one[12], one[13], one[16], one[17])
            homes[home].add(person)
            people[person].add(home)
    assert any(len(living) > 1 for living in homes.values())
    assert any(len(places) > 1 for places in people.values())


def test_towns_zip_codes_and_area_codes_agree(population: list[Read]) -> None:
    towns = {town.name: town for town in TOWNS}
    for file in population:
        for shop in file.all("PHA"):
            assert shop[9] in towns[shop[7]].zips
            assert shop[10].startswith(towns[shop[7]].area)
        for one in file.all("PAT"):
            assert one[16] in towns[one[14]].zips
            assert one[17].startswith(towns[one[14]].area)
            assert one[15] == "KY"


def test_refills_keep_number_and_dispenser_and_schedule_two_has_none(population: list[Read]) -> None:
    from gateway.core.settings import Settings
    from gateway.synth.formulary import load

    table = load(Settings.from_env({}).mappings_dir)
    refillable = {drug.ndc11: drug.refillable for drugs in table.drugs.values() for drug in drugs}
    assert not all(refillable.values())
    refilled = partial = unsold = late = 0
    shops = defaultdict(set)
    for file in population:
        for loop in file.loops:
            for fill in (one for one in loop if one[0] == "DSP"):
                shops[fill[2]].add((loop[0][1], fill[3], fill[8]))
                assert int(fill[6]) <= int(fill[4]) <= 5
                if not refillable[fill[8]]:
                    assert fill[4] == fill[6] == "0"
                refilled += fill[6] != "0"
                partial += fill[13] != "00"
                unsold += not element(fill, 17)
                late += element(fill, 17) > fill[5]
    assert all(len(places) == 1 for places in shops.values())
    assert min(refilled, partial, unsold, late) > 0


def test_a_second_run_replaces_the_files_of_the_first(tmp_path: Path) -> None:
    generated(tmp_path, patients=60)
    summary = generated(tmp_path, patients=1)
    assert len(list(tmp_path.iterdir())) == summary["files"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real.asap").write_text("TH")
    result = run(tmp_path)
    assert result.exit_code == 3
    assert "other .asap files" in result.output
    assert [file.name for file in tmp_path.iterdir()] == ["real.asap"]


@pytest.mark.parametrize(
    "words",
    [
        ["--patients", "0", "--out", "x"],
        ["--patients", "1000001", "--out", "x"],
        ["--patients", "5", "--seed", "-1", "--out", "x"],
        ["--patients", "5", "--today", "20.11.2026", "--out", "x"],
        ["--patients", "5", "--today", "1066-10-14", "--out", "x"],
        ["--patients", "5"],
    ],
)
def test_options_out_of_range_are_refused(words: list[str]) -> None:
    assert CliRunner().invoke(main, ["synth", *words]).exit_code == 2


def test_without_a_drug_table_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDMP_MAPPINGS", str(tmp_path))
    result = run(tmp_path / "out")
    assert result.exit_code == 3
    assert "drug table" in result.output


@given(st.integers(0, 999_999_999))
def test_every_npi_passes_the_luhn_check(nine_digits: int) -> None:
    assert luhn(numbers.npi(nine_digits))


@given(st.integers(0, 1000), st.integers(0, 900_000), st.integers(1, 99_999))
def test_no_two_people_of_a_seed_share_an_ssn_or_a_licence(seed: int, person: int, apart: int) -> None:
    assert numbers.ssn(seed, person) != numbers.ssn(seed, person + apart)
    assert numbers.driving_license(seed, person, "A") != numbers.driving_license(seed, person + apart, "A")
