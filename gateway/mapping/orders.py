"""Is an ordered drug controlled? Decided from RxNorm and NDC codes and from words, by `mappings/drugs`.

For CDS Hooks: a draft order that is controlled, or that can't be classified, gets a card. A wrong "not
controlled" would hide the program from a prescriber, so it takes a code of a reviewed list, or words that
are all explained. The jurisdiction's own schedules count like the federal ones. Nothing here knows patients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gateway.clinical.drug import Drug
from gateway.core.errors import Misconfigured
from gateway.mapping import drugs as products
from gateway.mapping import jurisdiction as jurisdictions
from gateway.mapping.sources import Sources

RXNORM = frozenset({"http://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"})
NDC = frozenset({"http://hl7.org/fhir/sid/ndc", "urn:oid:2.16.840.1.113883.6.69"})

_TABLE = "drugs/orders.toml"
_CODES = "drugs/uncontrolled.csv"
# `#3` stays a word of its own: "Tylenol #3" has codeine in it.
_WORD = re.compile(r"#?[a-z0-9]+(?:[.,][0-9]+)*")
_AMOUNT = re.compile(r"[0-9]+(?:[.,][0-9]+)*(?:mg|mcg|ml|g|gm|meq|iu|unt|hr|h)?")
_MOST_WORDS = 60
Phrase = tuple[str, ...]


class Class(Enum):
    """What an order is. UNKNOWN counts like CONTROLLED."""

    CONTROLLED = "controlled"
    NOT_CONTROLLED = "not controlled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OrderTable:
    """Codes and phrases by what they say. Phrases are words in small letters."""

    controlled_rxcuis: frozenset[str] = field(repr=False)
    uncontrolled_rxcuis: frozenset[str] = field(repr=False)
    controlled_ndcs: frozenset[str] = field(repr=False)
    """Labeler and product, 9 digits: another package of a product is the same drug."""
    phrases: Mapping[Phrase, Class] = field(repr=False)
    words: frozenset[str] = field(repr=False)
    longest: int

    def classify(self, codes: Iterable[tuple[str, str]], texts: Iterable[str]) -> Class:
        """Return what (system, code) pairs and texts of one order say together."""
        by_code = {self._of_code(system, code) for system, code in codes}
        by_text = {self.of_text(text) for text in texts if text.strip()}
        if Class.CONTROLLED in by_code | by_text:
            return Class.CONTROLLED
        if Class.NOT_CONTROLLED in by_code or by_text == {Class.NOT_CONTROLLED}:
            return Class.NOT_CONTROLLED
        return Class.UNKNOWN

    def of_text(self, text: str) -> Class:
        """Return what the words of one name say."""
        if not text.isascii() and any(char.isalpha() and not char.isascii() for char in text):
            return self._controlled_only(_words(text))
        return self._of_words(_words(text))

    def _of_words(self, words: list[str]) -> Class:
        if not words or len(words) > _MOST_WORDS:
            return self._controlled_only(words)
        named, unexplained, place = False, False, 0
        while place < len(words):
            found, length = self._phrase_at(words, place)
            if found is Class.CONTROLLED:
                return Class.CONTROLLED
            if found is Class.NOT_CONTROLLED:
                named = True
            elif words[place] not in self.words and not _AMOUNT.fullmatch(words[place]):
                unexplained = True
            place += length
        return Class.NOT_CONTROLLED if named and not unexplained else Class.UNKNOWN

    def _controlled_only(self, words: list[str]) -> Class:
        places = range(len(words))
        found = any(self._phrase_at(words, place)[0] is Class.CONTROLLED for place in places)
        return Class.CONTROLLED if found else Class.UNKNOWN

    def _phrase_at(self, words: list[str], place: int) -> tuple[Class | None, int]:
        for length in range(min(self.longest, len(words) - place), 0, -1):
            found = self.phrases.get(tuple(words[place : place + length]))
            if found is not None:
                return found, length
        return None, 1

    def _of_code(self, system: str, code: str) -> Class:
        if system in RXNORM:
            if code in self.controlled_rxcuis:
                return Class.CONTROLLED
            return Class.NOT_CONTROLLED if code in self.uncontrolled_rxcuis else Class.UNKNOWN
        if system in NDC and not self.controlled_ndcs.isdisjoint(_products(code)):
            return Class.CONTROLLED
        return Class.UNKNOWN


def load(sources: Sources, jurisdiction: str) -> OrderTable:
    """Return the table, checked against the drug table. Raises Misconfigured."""
    state = jurisdictions.load(sources, jurisdiction)
    known = products.load(sources, state.schedules)
    table = sources.toml(_TABLE)
    try:
        return _compile(table, sources.csv(_CODES, frozenset({"rxcui", "name"})), known, state.schedules)
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"Mapping table {_TABLE}: {error}") from None


def _compile(
    table: Mapping[str, Any],
    codes: list[dict[str, str]],
    known: Mapping[str, Drug],
    schedules: Mapping[str, str],
) -> OrderTable:
    federal = _phrases(table["controlled"]["substances"]) | _phrases(table["controlled"]["brands"])
    plain = _phrases(table["uncontrolled"]["substances"])
    if both := federal & plain:
        raise ValueError(f"{' '.join(min(both))} is controlled and not controlled")
    own = _phrases(name for name, schedule in schedules.items() if schedule)
    words = frozenset(table["uncontrolled"]["words"])
    phrases = dict.fromkeys(plain, Class.NOT_CONTROLLED) | dict.fromkeys(federal | own, Class.CONTROLLED)
    made = OrderTable(
        controlled_rxcuis=frozenset(),
        uncontrolled_rxcuis=frozenset(),
        controlled_ndcs=frozenset(),
        phrases=phrases,
        words=words,
        longest=max(map(len, phrases)),
    )
    if hidden := {(word,) for word in words} & phrases.keys():
        raise ValueError(f"{min(hidden)[0]} is a substance and a word that says nothing")
    scheduled = [
        drug
        for drug in known.values()
        if drug.schedule or made.of_text(" ".join(s.name for s in drug.substances)) is Class.CONTROLLED
    ]
    listed = {}
    for row in codes:
        if not re.fullmatch(r"[0-9]+", row["rxcui"]):
            raise ValueError(f"{_CODES}: {row['rxcui']} is no RxCUI")
        listed[row["rxcui"]] = made.of_text(row["name"])
        if listed[row["rxcui"]] is Class.UNKNOWN:
            raise ValueError(f"{_CODES}: {row['name']} is not explained")
    controlled = frozenset(drug.rxcui for drug in scheduled if drug.rxcui)
    return OrderTable(
        controlled_rxcuis=controlled | {code for code, found in listed.items() if found is Class.CONTROLLED},
        uncontrolled_rxcuis=frozenset(
            code for code, found in listed.items() if found is Class.NOT_CONTROLLED and code not in controlled
        ),
        controlled_ndcs=frozenset(drug.ndc11[:9] for drug in scheduled),
        phrases=phrases,
        words=words,
        longest=made.longest,
    )


def _phrases(names: Iterable[str]) -> frozenset[Phrase]:
    return frozenset(tuple(_words(name)) for name in names)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _products(code: str) -> set[str]:
    """Return the 9-digit labeler-product codes that an NDC in any of its forms may stand for."""
    parts = code.strip().split("-")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return set()
    if len(parts) > 1:
        labeler, product = parts[0], parts[1]
        fits = len(labeler) <= 5 and len(product) <= 4
        return {labeler.rjust(5, "0") + product.rjust(4, "0")} if fits else set()
    digits = parts[0]
    if len(digits) == 11:
        return {digits[:9]}
    if len(digits) == 10:
        # Without hyphens it may be 4-4-2, 5-3-2 or 5-4-1.
        return {"0" + digits[:8], digits[:5] + "0" + digits[5:8], digits[:9]}
    return set()
