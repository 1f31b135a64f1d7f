"""All tables under `mappings/`, compiled once at start. A bad one raises Misconfigured: no start.

Pharmacists and program staff own those files; `mappings/README.md` tells them how to change one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.clinical.classes import ClassTable
from gateway.clinical.drug import Drug, Lane
from gateway.clinical.lme import LmeTable
from gateway.clinical.mme import MmeTable
from gateway.core.errors import Misconfigured
from gateway.mapping import conceptmaps, drug_classes, drugs, lme_tables, mme_tables, published_rules
from gateway.mapping import jurisdiction as jurisdictions
from gateway.mapping.conceptmaps import ConceptMap
from gateway.mapping.fragments import Fragments, compile_fragments
from gateway.mapping.jurisdiction import Jurisdiction
from gateway.mapping.sources import Sources

#: Raised by one when the code of a renderer changes what it writes; tables count by themselves.
RENDERING = "1"


@dataclass(frozen=True, slots=True, eq=False)
class Mappings:
    """Everything that rendering and arithmetic need to know. Compared and hashed by identity.

    `version` stands for every table and renderer that a stored resource depends on.
    """

    version: str
    identifier_base: str
    jurisdiction: Jurisdiction
    drugs: Mapping[str, Drug] = field(repr=False)
    mme: MmeTable = field(repr=False)
    lme: LmeTable | None = field(repr=False)
    """None: the jurisdiction names no table of lorazepam equivalents."""
    classes: ClassTable = field(repr=False)
    concept_maps: Mapping[str, ConceptMap] = field(repr=False)
    systems: Mapping[str, str] = field(repr=False)
    """Identifier systems that are not ours: `npi`, `dea`, `ncpdp`."""
    product_systems: Mapping[str, str] = field(repr=False)
    """Code system by DSP07."""
    definitions: tuple[dict[str, Any], ...] = field(repr=False)
    """Our own StructureDefinitions, CodeSystems and ValueSets, as FHIR resources."""
    facts: Mapping[str, str] = field(repr=False)
    """Display by code of our CodeSystem computed-fact."""
    fragments: Fragments = field(repr=False)

    @classmethod
    def load(cls, folder: Path, *, jurisdiction: str, identifier_base: str) -> Mappings:
        """Return the compiled tables of `folder`. Raises Misconfigured."""
        base = identifier_base.rstrip("/")
        sources = Sources(folder)
        state = jurisdictions.load(sources, jurisdiction)
        lanes = drugs.vocabulary(sources).lanes
        table = mme_tables.load(sources, state.mme_table, _in(lanes, Lane.OPIOID, Lane.BUPRENORPHINE))
        products = drugs.load(sources, state.schedules)
        lme = lme_tables.load(sources, state.lme_table, _in(lanes, Lane.SEDATIVE))
        classes = drug_classes.load(sources, products, lanes)
        maps = conceptmaps.load(sources, base)
        systems, product_systems = _systems(sources)
        written = tuple(
            sources.json(name, identifier_base=base)
            for kind in ("structuredefinitions", "codesystems", "conceptmaps")
            for name in sources.names(kind, ".json")
        )
        definitions = (*written, published_rules.code_system(state.alerts, base, state.name))
        return cls(
            version=sources.version(RENDERING, base),
            identifier_base=base,
            jurisdiction=state,
            drugs=products,
            mme=table,
            lme=lme,
            classes=classes,
            concept_maps=maps,
            systems=systems,
            product_systems=product_systems,
            definitions=definitions,
            facts=_displays(definitions, "computed-fact"),
            fragments=compile_fragments(
                base=base, jurisdiction=state.code, name=state.name, maps=maps, drugs=products
            ),
        )

    def drug_rows(self) -> Iterator[tuple[str | None, ...]]:
        """Yield the rows of table `drug`, in the order of its columns."""
        factors = {name: bands[0].factor for name, bands in self.mme.factors.items() if len(bands) == 1}
        return drugs.rows(self.drugs, factors, self.version)


def _in(lanes: Mapping[str, Lane], *wanted: Lane) -> frozenset[str]:
    return frozenset(name for name, lane in lanes.items() if lane in wanted)


def _displays(definitions: tuple[dict[str, Any], ...], system: str) -> dict[str, str]:
    found = (d for d in definitions if d["resourceType"] == "CodeSystem" and d["id"] == system)
    try:
        return {str(c["code"]): str(c["display"]) for one in found for c in one["concept"]}
    except (KeyError, TypeError) as error:
        raise Misconfigured(f"Mapping table codesystem-{system}.json: {error}") from None


def _systems(sources: Sources) -> tuple[dict[str, str], dict[str, str]]:
    table = sources.toml("systems.toml")
    try:
        identifiers, products = dict(table["identifiers"]), dict(table["products"])
        if missing := {"npi", "dea", "ncpdp"} - identifiers.keys():
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
    except (KeyError, ValueError) as error:
        raise Misconfigured(f"Mapping table systems.toml: {error}") from None
    return identifiers, products
