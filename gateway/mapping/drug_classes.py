"""The classes of substances that arithmetic looks for, from `mappings/drugs/classes.toml`."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.clinical.classes import ClassTable, DrugClass
from gateway.clinical.drug import Drug, Lane
from gateway.core.errors import Misconfigured
from gateway.mapping import drug_checks
from gateway.mapping.sources import Sources

_NAME = "drugs/classes.toml"
_OF_LANES = {DrugClass.OPIOID, DrugClass.BUPRENORPHINE, DrugClass.STIMULANT}


def load(sources: Sources, drugs: Mapping[str, Drug], lanes: Mapping[str, Lane]) -> ClassTable:
    """Return the table, checked against `drugs` and the `lanes` of all substances. Raises Misconfigured."""
    table = sources.toml(_NAME)
    try:
        classes: dict[str, DrugClass] = {}
        for name, substances in table["classes"].items():
            drug_class = DrugClass(name)
            if drug_class in _OF_LANES:
                raise ValueError(f"{name} is a lane, not a class")
            for substance in substances:
                if classes.setdefault(substance, drug_class) is not drug_class:
                    raise ValueError(f"{substance} is in two classes")
        long_acting = table["long_acting"]
        made = ClassTable(
            classes=classes,
            long_acting_substances=frozenset(long_acting["substances"]),
            long_acting_forms=frozenset(long_acting["forms"]),
            long_acting_routes=frozenset(long_acting["routes"]),
        )
        for problem in drug_checks.of_classes(made, lanes):
            raise ValueError(problem)
        _check(made, drugs)
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"Mapping table {_NAME}: {error}") from None
    return made


def _check(table: ClassTable, drugs: Mapping[str, Drug]) -> None:
    """Raise ValueError where the drug table and this one contradict each other."""
    for drug in drugs.values():
        if "extended release" in drug.form.lower() and drug.form not in table.long_acting_forms:
            raise ValueError(f"{drug.form} is not among the long-acting forms")
